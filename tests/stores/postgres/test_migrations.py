"""The schema is made and upgraded by whoever opens the store, or by SQL for whoever may."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest

from eventflow.errors import SchemaTooNew, StoreUnavailable
from eventflow_postgres import PostgresStore, connect, inspect
from eventflow_postgres.address import quoted
from eventflow_postgres.migrations import (
    _preparation,
    _statements,
    current_version,
    migrations,
    script,
)
from tests.postgres_server import ROOT, environment, with_parameters
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


OPEN = """
import asyncio, sys
from eventflow_postgres import connect
from tests.stores.postgres.build import new_id, operation

async def main(url):
    print("ready", flush=True)
    sys.stdin.read()
    store = await connect(url)
    await store.append([operation(new_id(), 0)])
    await store.close()

asyncio.run(main(sys.argv[1]))
"""


async def test_processes_that_open_at_once_make_one_schema(postgres_url: str) -> None:
    """Whoever comes first creates everything; the others wait, and all of them append."""
    openers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", OPEN, postgres_url),
            cwd=ROOT,
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert await opener.stdout.readline() == b"ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.close()
    assert [await opener.wait() for opener in openers] == [0, 0, 0]
    store = await connect(postgres_url)
    assert [event.position for event in await store.read_all(0, 10)] == [1, 2, 3]
    await store.close()


CATALOG = """
    SELECT 'column', table_name || '.' || column_name, data_type || is_nullable || coalesce(
        column_default, '') FROM information_schema.columns WHERE table_schema = $1
    UNION ALL SELECT 'index', indexname, replace(indexdef, $1, '') FROM pg_indexes
        WHERE schemaname = $1
    UNION ALL SELECT 'function', p.proname || pg_get_function_arguments(p.oid),
        replace(pg_get_functiondef(p.oid), $1, '') FROM pg_proc AS p
        WHERE p.pronamespace = to_regnamespace($1)
    UNION ALL SELECT 'trigger', tgname,
        tgenabled::text || replace(pg_get_triggerdef(oid), $1, '') FROM pg_trigger
        WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace($1))
    ORDER BY 1, 2, 3
"""


async def catalog(connection: "asyncpg.Connection[asyncpg.Record]", schema: str) -> list[object]:
    """Read all that a schema consists of."""
    return [tuple(row) for row in await connection.fetch(CATALOG, schema)]


@pytest.fixture
async def schema(postgres: str) -> AsyncIterator[str]:
    """Name a schema, and drop it afterwards."""
    name = f"old_{new_id()[:8]}"
    yield name
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
    await connection.close()


@pytest.mark.parametrize("version", range(1, current_version()))
@pytest.mark.parametrize("offline", [False, True], ids=["by opening", "by a script"])
async def test_an_older_schema_becomes_what_a_new_one_is(
    postgres: str, schema: str, store: PostgresStore, *, version: int, offline: bool
) -> None:
    """From each version, by several openers at once or by what is printed for that version."""
    connection = await asyncpg.connect(postgres)
    steps = [step for step in migrations() if step.version <= version]
    await connection.execute(
        _preparation(schema) + "".join(_statements(step, schema) for step in steps)
    )
    if offline:
        await connection.execute(
            printed("--sql", "--schema", schema, "--from-version", str(version))
        )
    url = with_parameters(postgres, schema=schema)
    for upgraded in await asyncio.gather(*(connect(url) for _ in range(3))):
        await upgraded.append([operation(new_id(), 0)])
        await upgraded.close()
    new = store.schema.strip('"')
    assert await catalog(connection, schema) == await catalog(connection, new)
    await connection.execute(f"SET search_path = {schema}")
    assert await connection.fetchval("SELECT count(*) FROM events") == 3
    applied = await connection.fetch("SELECT version FROM migrations ORDER BY 1")
    assert [row["version"] for row in applied] == [step.version for step in migrations()]
    await connection.close()


async def test_a_newer_schema_is_refused(
    postgres_url: str, store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A store that a newer release has upgraded is not opened."""
    await admin.execute("INSERT INTO migrations SELECT max(version) + 1, 'later' FROM migrations")
    before = await catalog(admin, store.schema.strip('"'))
    with pytest.raises(SchemaTooNew, match=f"version {current_version() + 1}"):
        await connect(postgres_url)
    assert await catalog(admin, store.schema.strip('"')) == before


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


UNIQUE = """
    SELECT c.relname AS name, array_agg(a.attname::text) AS columns
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indrelid
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indisunique AND c.relnamespace = to_regnamespace($1)
    GROUP BY i.indexrelid, c.relname
"""


async def test_what_is_unique_is_so_within_a_run(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """All keys hold the run, but for those that docs/decisions/0003 says cannot."""
    found = await admin.fetch(UNIQUE, store.schema.strip('"'))
    without = {row["name"] for row in found if "run_id" not in row["columns"]}
    assert without == {"blobs", "counter", "keys", "migrations"}
    tables = {"events", "heads", "jobs", "labels", "runs", "stages"}
    assert {row["name"] for row in found} == without | tables


def test_the_script_leaves_out_what_was_applied() -> None:
    """From the current version on there is nothing to create."""
    assert 'CREATE TABLE "eventflow".events' in script("eventflow")
    assert "events" not in script("eventflow", current_version())


@pytest.mark.parametrize("name", ['say "hi"; --', "Grüße 100%", "{schema}", "$1"])
async def test_any_name_can_be_that_of_a_schema(postgres: str, name: str) -> None:
    """Whatever PostgreSQL allows, opening, appending, waking and looking all get along with it."""
    url = with_parameters(postgres, schema=name)
    connection = await asyncpg.connect(postgres)
    try:
        store, other = await connect(url), await connect(url)
        waiting = asyncio.create_task(other.wait(0, 20))
        await asyncio.sleep(0.1)
        await store.append([operation(new_id(), 0)])
        assert await waiting == 1
        assert (await inspect(url)).exists
        await store.close()
        await other.close()
    finally:
        await connection.execute(f"DROP SCHEMA {quoted(name)} CASCADE")
        await connection.close()


def test_the_rights_are_printed_for_the_named_role() -> None:
    """The script of the roles names the role and the schema, quoted."""
    text = printed("--roles-sql", "--schema", "My Log", "--role", "my app")
    assert 'GRANT SELECT, INSERT ON "My Log".events TO "my app";' in text
