"""Looks at a database without creating, migrating or writing anything in it."""

from eventflow.store.inspection import Fault, Inspection
from eventflow_postgres.address import Address, parse_address
from eventflow_postgres.connections import Connection, connect, unavailable
from eventflow_postgres.failures import Remedy, remedy_for
from eventflow_postgres.faults import find_faults
from eventflow_postgres.migrations import current_version, version_of


async def inspect(url: str) -> Inspection:
    """Tell whether the schema is there, and its version; a server that is away is tried once.

    Raises:
        ValueError: The URL has a parameter that does not exist, or a value that does not fit.
        StoreUnavailable: The database does not answer, or the role lacks a right.
    """
    address = parse_address(url)
    connection: Connection | None = None
    try:
        connection = await connect(address)
        return await _inspect(connection, address)
    except Exception as error:
        if remedy_for(error) is Remedy.RAISE:
            raise
        raise unavailable(address, error) from None
    finally:
        if connection is not None:
            await connection.close(timeout=1.0)


async def _inspect(connection: Connection, address: Address) -> Inspection:
    version = await version_of(connection, address.schema)
    details = {
        "server": await connection.fetchval("SHOW server_version"),
        "database": await connection.fetchval("SELECT current_database()"),
        "schema": address.schema,
        "role": await connection.fetchval("SELECT current_user"),
        "synchronous_commit": await connection.fetchval("SHOW synchronous_commit"),
    }
    faults: list[Fault] = []
    if version:
        details["bytes"] = str(await _size(connection, address.schema))
    if version == current_version():
        faults = await find_faults(connection, address.schema)
    return Inspection(version > 0, version, current_version(), details, faults)


async def _size(connection: Connection, schema: str) -> int:
    """Measure the tables and indexes of a schema, in bytes."""
    size = await connection.fetchval(
        """
        SELECT coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::bigint
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'm')
        """,
        schema,
    )
    return int(size)
