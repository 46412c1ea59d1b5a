"""Fixtures that give a test a schema of its own on a real PostgreSQL; import them in a conftest.

A server runs for a whole session of one process of the tests. The preferred version is used for
every change, the other ones that this machine has by the deep tests.
"""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from itertools import count

import asyncpg
import pytest

from eventflow.testing.conformance.support import NewPlace, OpenStore
from eventflow_postgres import connect
from tests.postgres_server import (
    GIVEN_URL,
    HOW_TO_INSTALL,
    REQUIRED,
    binaries,
    running_server,
    with_parameters,
)


def _versions() -> list[object]:
    if os.environ.get(GIVEN_URL):
        return [None]
    available = [each.version for each in binaries()]
    later = [pytest.param(version, marks=pytest.mark.deep) for version in available[1:]]
    return [*available[:1], *later] or [None]


def without_postgres() -> None:
    """Skip what needs a PostgreSQL, or fail where there has to be one."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(HOW_TO_INSTALL, pytrace=False)
    pytest.skip(HOW_TO_INSTALL)


@pytest.fixture(scope="session", params=_versions(), ids=lambda version: f"pg{version or ''}")
def postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of a database whose owner may do everything."""
    given = os.environ.get(GIVEN_URL)
    if given:
        yield given
    elif request.param is None:
        without_postgres()
    else:
        with running_server(version=request.param) as server:
            yield server.url()


@pytest.fixture
async def postgres_url(postgres: str) -> AsyncIterator[str]:
    """Give the URL of a store that does not exist yet, in a schema of its own."""
    schema = f"test_{uuid.uuid4().hex[:12]}"
    yield with_parameters(postgres, schema=schema)
    connection = await asyncpg.connect(postgres)
    try:
        await connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
    finally:
        await connection.close()


@pytest.fixture
async def postgres_places(postgres: str) -> AsyncIterator[NewPlace]:
    """Name another schema at each call, and drop them all afterwards."""
    numbers = count()
    prefix = f"place_{uuid.uuid4().hex[:8]}_"

    def place() -> OpenStore:
        url = with_parameters(postgres, schema=f"{prefix}{next(numbers)}")
        return lambda: connect(url)

    yield place
    connection = await asyncpg.connect(postgres)
    try:
        for number in range(next(numbers)):
            await connection.execute(f"DROP SCHEMA IF EXISTS {prefix}{number} CASCADE")
    finally:
        await connection.close()
