"""Writes the rights of an application role that is not the owner: it can append, never alter."""

from eventflow_postgres.address import quoted

_APPEND_ONLY = ("events", "keys", "runs", "labels", "blobs")
_PROJECTIONS = ("heads", "stages", "jobs")


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
        f"GRANT SELECT ON {name}.migrations TO {app};",
        f"GRANT SELECT, UPDATE ON {name}.counter TO {app};",
        *(f"GRANT SELECT, INSERT ON {name}.{table} TO {app};" for table in _APPEND_ONLY),
        *(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.{table} TO {app};"
            for table in _PROJECTIONS
        ),
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {name} TO {app};",
        "COMMIT;",
    ]
    return "\n".join(lines) + "\n"
