"""Finds what is wrong with a schema that is current: guards of the log, rights of the role."""

from eventflow.store.inspection import Fault
from eventflow_postgres.connections import Connection
from eventflow_postgres.roles import NEEDED

GUARDS = tuple(
    (table, f"{table}_keep_{what}") for table in ("events", "blobs") for what in ("rows", "all")
)
_ENABLED = """
    SELECT c.relname, t.tgname
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND t.tgenabled = 'A'
"""
_LACKING = """
    SELECT needed.relation, needed.kind
    FROM unnest($2::text[], $3::text[]) AS needed (relation, kind)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = $1
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = needed.relation
    WHERE NOT pg_catalog.has_table_privilege(c.oid, needed.kind)
"""


async def find_faults(connection: Connection, schema: str) -> list[Fault]:
    """Look at the triggers and the rights, and change nothing."""
    return [*await _unguarded(connection, schema), *await _lacking(connection, schema)]


async def _unguarded(connection: Connection, schema: str) -> list[Fault]:
    enabled = {tuple(row) for row in await connection.fetch(_ENABLED, schema)}
    gone = [trigger for table, trigger in GUARDS if (table, trigger) not in enabled]
    if not gone:
        return []
    return [
        Fault(
            "guards",
            f"nothing keeps the log from being changed any more: {', '.join(gone)}",
            "somebody has dropped or disabled these triggers: prove the log with `eventflow store "
            "verify`, and let the owner of the tables ENABLE ALWAYS each of them again",
            grave=True,
        )
    ]


async def _lacking(connection: Connection, schema: str) -> list[Fault]:
    needed = [(table, right) for table, rights in NEEDED.items() for right in rights]
    tables, rights = zip(*needed, strict=True)
    lacking = await connection.fetch(_LACKING, schema, tables, rights)
    if not lacking:
        return []
    role = await connection.fetchval("SELECT current_user")
    return [
        Fault(
            "rights",
            f"role {role} can look, but lacks what workers need: "
            + ", ".join(f"{kind} on {table}" for table, kind in lacking),
            f"let the owner of the tables run what `python -m eventflow_postgres --roles-sql "
            f"--role {role}` writes",
            grave=False,
        )
    ]
