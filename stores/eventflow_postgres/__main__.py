"""Prints SQL for whoever administers the database; it never connects to one."""

import argparse
import sys
from collections.abc import Sequence

from eventflow_postgres.address import DEFAULT_SCHEMA
from eventflow_postgres.migrations import script
from eventflow_postgres.roles import roles_script


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the SQL that was asked for."""
    options = _parser().parse_args(arguments)
    if options.roles_sql:
        text = roles_script(options.schema, options.role)
    else:
        text = script(options.schema, options.from_version)
    sys.stdout.write(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eventflow_postgres", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--sql", action="store_true", help="the tables and functions of the store")
    what.add_argument(
        "--roles-sql", action="store_true", help="the rights of a separate application role"
    )
    parser.add_argument("--schema", default=DEFAULT_SCHEMA, help="default: %(default)s")
    parser.add_argument(
        "--from-version", type=int, default=0, help="the version that the database has now"
    )
    parser.add_argument("--role", default="eventflow_app", help="default: %(default)s")
    return parser


if __name__ == "__main__":
    main()
