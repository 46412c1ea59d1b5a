"""The fixtures of the tests of the PostgreSQL store."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from eventflow_postgres import PostgresStore, connect
from tests.postgres import postgres, postgres_places, postgres_url

__all__ = ["admin", "postgres", "postgres_places", "postgres_url", "store"]


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    """Give an empty store."""
    opened = await connect(postgres_url)
    yield opened
    await opened.close()


@pytest.fixture
async def admin(
    postgres: str, store: PostgresStore
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give a superuser's connection that finds the tables of the store by their bare names."""
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"SET search_path = {store.schema}")
    yield connection
    await connection.close()
