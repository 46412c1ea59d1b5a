"""The schema is made and upgraded by whoever opens the store, or by SQL for whoever may."""

import asyncio
import subprocess
import sys

import asyncpg
import pytest

from eventflow.errors import SchemaTooNew, StoreUnavailable
from eventflow_postgres import PostgresStore, connect
from eventflow_postgres.migrations import current_version, migrations, script
from tests.postgres_server import environment, with_parameters
from tests.stores.postgres.build import new_id, operation


def printed(*options: str) -> str:
    """Run the module and give what it printed."""
    command = (sys.executable, "-m", "eventflow_postgres", *options)
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=60, env=environment()
    ).stdout


def test_versions_have_no_gaps() -> None:
    """The migrations are numbered from 1 on."""
    assert [step.version for step in migrations()] == list(range(1, current_version() + 1))


async def test_two_openers_at_once_make_one_schema(postgres_url: str) -> None:
    """Many processes may open an empty database at the same moment."""
    stores = await asyncio.gather(*(connect(postgres_url) for _ in range(6)))
    try:
        for store in stores:
            await store.append([operation(new_id(), 0)])
        assert len(await stores[0].read_all(0, 100)) == 6
    finally:
        for store in stores:
            await store.close()


async def test_a_newer_schema_is_refused(
    postgres_url: str, store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A store that a newer release has upgraded is not opened."""
    await admin.execute("INSERT INTO migrations SELECT max(version) + 1, 'later' FROM migrations")
    with pytest.raises(SchemaTooNew, match=f"version {current_version() + 1}"):
        await connect(postgres_url)


@pytest.fixture
async def poor(postgres: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Give a connection of a role that may create nothing in the database."""
    connection = await asyncpg.connect(postgres)
    role = f"poor_{new_id()[:8]}"
    await connection.execute(f'CREATE ROLE "{role}" LOGIN')
    await connection.close()
    return await asyncpg.connect(as_role(postgres, role))


def as_role(url: str, role: str) -> str:
    """Log in as another role."""
    return with_parameters(url, user=role).replace("postgres@", "")


async def test_a_role_that_may_not_create_is_told_what_to_do(
    postgres_url: str, poor: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Without the right to create the schema, the error names the offline script."""
    role = str(await poor.fetchval("SELECT current_user"))
    await poor.close()
    with pytest.raises(StoreUnavailable, match="python -m eventflow_postgres --sql"):
        await connect(as_role(postgres_url, role))


async def test_the_printed_script_makes_what_opening_makes(postgres: str) -> None:
    """A schema made by the printed SQL is current, so that opening creates nothing."""
    connection = await asyncpg.connect(postgres)
    schema = f"offline_{new_id()[:8]}"
    try:
        await connection.execute(printed("--sql", "--schema", schema))
        store = await connect(with_parameters(postgres, schema=schema))
        await store.append([operation(new_id(), 0)])
        await store.close()
        await connection.execute(f"SET search_path = {schema}")
        applied = await connection.fetch("SELECT version FROM migrations ORDER BY version")
        assert [row["version"] for row in applied] == [step.version for step in migrations()]
    finally:
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        await connection.close()


def test_the_script_leaves_out_what_was_applied() -> None:
    """From the current version on there is nothing to create."""
    assert 'CREATE TABLE "eventflow".events' in script("eventflow")
    assert "events" not in script("eventflow", current_version())


def test_the_rights_are_printed_for_the_named_role() -> None:
    """The script of the roles names the role and the schema, quoted."""
    text = printed("--roles-sql", "--schema", "My Log", "--role", "my app")
    assert 'GRANT SELECT, INSERT ON "My Log".events TO "my app";' in text
