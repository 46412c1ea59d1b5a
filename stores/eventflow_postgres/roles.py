"""Writes the rights of an application role that is not the owner: it can append, never alter."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from eventflow_postgres.address import quoted

_APPEND_ONLY = ("events", "keys", "runs", "labels", "blobs")
_PROJECTIONS = ("heads", "stages", "jobs")

NEEDED: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "migrations": ("SELECT",),
        "counter": ("SELECT", "UPDATE"),
        **dict.fromkeys(_APPEND_ONLY, ("SELECT", "INSERT")),
        **dict.fromkeys(_PROJECTIONS, ("SELECT", "INSERT", "UPDATE", "DELETE")),
    }
)
"""What an application may do, by table; nothing else."""


def roles_script(schema: str, role: str) -> str:
    """Write the SQL that the owner of the tables runs once, and again after each upgrade.

    The functions run with the rights of their caller, so that they give nobody a right that was
    not granted. The owner could disable the triggers of the log; the application is not the owner.
    """
    name, app = quoted(schema), quoted(role)
    lines = [
        "BEGIN;",
        f"REVOKE ALL ON SCHEMA {name} FROM PUBLIC;",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {name} FROM PUBLIC, {app};",
        f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {name} FROM PUBLIC, {app};",
        f"GRANT USAGE ON SCHEMA {name} TO {app};",
        *(
            f"GRANT {', '.join(rights)} ON {name}.{table} TO {app};"
            for table, rights in NEEDED.items()
        ),
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {name} TO {app};",
        "COMMIT;",
    ]
    return "\n".join(lines) + "\n"
