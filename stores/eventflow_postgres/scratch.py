"""Empty schemas for a while in the database of a URL; they go away, and nothing else is touched."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import parse_qsl, urlencode

from eventflow_postgres.address import parse_address, quoted
from eventflow_postgres.connections import Connection, Connections


@asynccontextmanager
async def scratch(url: str) -> AsyncGenerator[Callable[[], str]]:
    """Give URLs of empty schemas in the database of a URL, and drop them at the end.

    Raises:
        ValueError: The URL is not that of a database.
        StoreUnavailable: The database does not answer, or the role may not drop its schemas.
    """
    connections = Connections(parse_address(url))
    schemas: list[str] = []

    def new_store() -> str:
        schemas.append(f"eventflow_scratch_{os.getpid()}_{len(schemas) + 1}")
        return _with_schema(url, schemas[-1])

    try:
        yield new_store
    finally:
        for schema in schemas:
            await connections.write(partial(_drop, schema))
        await connections.close()


async def _drop(schema: str, connection: Connection) -> None:
    await connection.execute(f"DROP SCHEMA IF EXISTS {quoted(schema)} CASCADE")


def _with_schema(url: str, schema: str) -> str:
    place, _, query = url.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True)) | {"schema": schema}
    return f"{place}?{urlencode(parameters)}"
