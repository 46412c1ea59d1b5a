"""Fixtures that give a test a schema of its own on a real PostgreSQL; import them in a conftest.

A server runs for a whole session of one process of the tests. The preferred version is used for
every change, the other ones that this machine has by the deep tests.
"""

import os
import uuid
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

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
