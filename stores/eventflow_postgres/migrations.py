"""The versions of the schema, applied once each, in order, by whoever opens the store first."""

from importlib.resources import files
from typing import TypeAlias

import asyncpg
from attrs import frozen

from eventflow.errors import SchemaTooNew, StoreUnavailable
from eventflow_postgres.address import Address, quoted
from eventflow_postgres.connections import Connection

Version: TypeAlias = int
ADVISORY_LOCK = 0x6576656E74666C6F  # "eventflo"
# Reads the catalog itself: the caches behind to_regclass may be older than the advisory lock.
_EXISTS = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = 'migrations'
    )
"""


@frozen
class Migration:
    """One step: its version, from 1 and without gaps, and its SQL with `{schema}` to fill in."""

    version: Version
    name: str
    sql: str


def migrations() -> list[Migration]:
    """Read all steps that this release knows, in order."""
    folder = files("eventflow_postgres") / "migrations"
    found = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [
        Migration(int(name.partition("_")[0]), name, (folder / name).read_text(encoding="utf-8"))
        for name in found
    ]


def current_version() -> Version:
    """Tell the version that this release needs."""
    return migrations()[-1].version


def script(schema: str, from_version: Version = 0) -> str:
    """Write the SQL that brings a database from a version to the current one."""
    steps = [step for step in migrations() if step.version > from_version]
    body = "\n".join(f"-- {step.name}\n{_statements(step, schema)}" for step in steps)
    return f"BEGIN;\n\n{_preparation(schema)}\n{body}\nCOMMIT;\n"


async def migrate(connection: Connection, address: Address) -> None:
    """Bring the schema to the current version, in one transaction, one process at a time.

    Raises:
        SchemaTooNew: A newer release has been here.
        StoreUnavailable: The role may not create what is missing.
    """
    if await _version(connection, address.schema) == current_version():
        return
    try:
        async with connection.transaction(isolation="read_committed"):
            await _upgrade(connection, address.schema)
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreUnavailable(
            f"{address.shown}: the role may not create schema {address.schema!r} ({error}); "
            "let its owner run the output of `python -m eventflow_postgres --sql`"
        ) from None


async def version_of(connection: Connection, schema: str) -> Version:
    """Read the version of the schema, 0 if there is none."""
    if not await connection.fetchval(_EXISTS, schema):
        return 0
    table = f"{quoted(schema)}.migrations"
    return int(await connection.fetchval(f"SELECT coalesce(max(version), 0) FROM {table}"))  # noqa: S608 - the name is quoted


async def _upgrade(connection: Connection, schema: str) -> None:
    # A long migration must not be cut short, and the second opener waits for the first.
    await connection.execute("SET LOCAL statement_timeout = 0")
    await connection.execute("SET LOCAL lock_timeout = 0")
    await connection.fetchval("SELECT pg_advisory_xact_lock($1)", ADVISORY_LOCK, timeout=600)
    found = await _version(connection, schema)
    if found == 0:
        # Even IF NOT EXISTS needs the right to create schemas.
        existing = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)", schema
        )
        await connection.execute(_preparation(schema, with_schema=not existing))
    for step in migrations():
        if step.version > found:
            await connection.execute(_statements(step, schema), timeout=3600)


async def _version(connection: Connection, schema: str) -> Version:
    """Read the version of the schema, 0 if there is none.

    Raises:
        SchemaTooNew: It is beyond what this release knows.
    """
    found = await version_of(connection, schema)
    if found > current_version():
        raise SchemaTooNew(
            f"schema {schema!r} has version {found}; this release knows up to "
            f"{current_version()}: install the release that wrote it, or a newer one"
        )
    return found


def _preparation(schema: str, *, with_schema: bool = True) -> str:
    name = quoted(schema)
    return (f"CREATE SCHEMA IF NOT EXISTS {name};\n" if with_schema else "") + (
        f"CREATE TABLE IF NOT EXISTS {name}.migrations (\n"
        "    version integer PRIMARY KEY,\n"
        "    name text NOT NULL,\n"
        "    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()\n"
        ");\n"
    )


def _statements(step: Migration, schema: str) -> str:
    name = quoted(schema)
    record = (
        f"INSERT INTO {name}.migrations (version, name) VALUES ({step.version}, '{step.name}');\n"  # noqa: S608 - both are ours
    )
    return step.sql.replace("{schema}", name) + "\n" + record
