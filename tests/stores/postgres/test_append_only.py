"""The database refuses to change the log, whoever asks and in whichever way."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Appended, Renewal, RunQuery
from eventflow_postgres import PostgresStore, connect
from eventflow_postgres.roles import roles_script
from tests.postgres_server import with_parameters
from tests.stores.postgres.build import job, new_id, operation

CHANGES = [
    "UPDATE events SET data = 'x'",
    "DELETE FROM events",
    "DELETE FROM events WHERE false",
    "TRUNCATE events",
    "INSERT INTO events SELECT * FROM events ON CONFLICT (run_id, version) DO UPDATE SET data = ''",
]


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("change", CHANGES)
async def test_the_superuser_cannot_change_the_log(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]", change: str, role: str
) -> None:
    """UPDATE, DELETE, TRUNCATE and an upsert are refused, also in the replication role."""
    await store.append([operation(new_id(), 0, 2)])
    await admin.execute(f"SET session_replication_role = {role}")
    with pytest.raises(asyncpg.RestrictViolationError, match="never changed"):
        await admin.execute(change)
    assert len(await store.read_all(0, 10)) == 2


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize(
    "change", ["UPDATE blobs SET data = 'x'", "DELETE FROM blobs", "TRUNCATE blobs"]
)
async def test_the_superuser_cannot_change_a_blob(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]", change: str, role: str
) -> None:
    """What an event refers to by the hash of its bytes stays, as the event does."""
    key = await store.blobs.put(b"large")
    await admin.execute(f"SET session_replication_role = {role}")
    with pytest.raises(asyncpg.RestrictViolationError, match="blobs are never changed"):
        await admin.execute(change)
    assert await store.blobs.get(key) == b"large"


@pytest.fixture
async def application_url(
    store: PostgresStore, postgres: str, admin: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[str]:
    """Give the URL of the same store for an application role that owns nothing."""
    role = f"app_{new_id()[:8]}"
    await admin.execute(f'CREATE ROLE "{role}" LOGIN')
    await admin.execute(roles_script(store.schema.strip('"'), role))
    yield with_parameters(postgres, schema=store.schema.strip('"'), user=role).replace(
        "postgres@", ""
    )
    await admin.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


async def test_the_application_role_can_do_all_that_a_store_does(application_url: str) -> None:
    """With the documented rights alone, each method of the store works."""
    store = await connect(application_url)
    try:
        run_id = new_id()
        created = operation(
            run_id, 0, 2, key="k", jobs=[job("a", 1)], stages=["a"], metadata={"x": 1}
        )
        claimed = operation(run_id, 2, jobs=[job("a", 1, due=9, token=3)], stages=["a"])
        ended = operation(run_id, 3, dropped_jobs=["a"])
        verdicts = await store.append([created, claimed, ended])
        assert verdicts == [Appended(2, 2), Appended(3, 3), Appended(4, 4)]
        assert len(await store.read([run_id])) == 4
        assert await store.due(await store.now(), None, 10, hold=1) == []
        assert await store.wait(0, 5) == 4
        assert (await store.runs(RunQuery(metadata={"x": 1}))).items[0].run.run_id == run_id
        assert await store.renew([Renewal(run_id, "a", 3, await store.now())])
        assert await store.blobs.get(await store.blobs.put(b"large")) == b"large"
        assert len(await store.blobs.list()) == 1
    finally:
        await store.close()


@pytest.mark.parametrize(
    "change",
    [
        *CHANGES,
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TABLE events",
        "ALTER TABLE events ENABLE REPLICA TRIGGER events_keep_rows",
        "DROP TRIGGER events_keep_all ON events",
        "DROP FUNCTION refuse_change() CASCADE",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
        "CREATE TRIGGER more BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        "CREATE RULE less AS ON INSERT TO events DO INSTEAD NOTHING",
        "CREATE TABLE other ()",
        "SET session_replication_role = replica",
        "SET ROLE postgres",
        "DELETE FROM keys",
        "UPDATE keys SET run_id = ''",
        "TRUNCATE keys",
        "DELETE FROM runs",
        "UPDATE runs SET priority = 9",
        "DELETE FROM labels",
        "DELETE FROM blobs",
        "UPDATE blobs SET data = ''",
        "TRUNCATE jobs",
        "DELETE FROM counter",
        "INSERT INTO migrations VALUES (99, 'later')",
    ],
)
async def test_the_application_role_has_no_way_round(
    store: PostgresStore, application_url: str, change: str
) -> None:
    """The application's role may neither change the log nor switch off what guards it."""
    url = application_url.replace(f"schema={store.schema.strip(chr(34))}&", "")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"SET search_path = {store.schema}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change)
    finally:
        await connection.close()


async def test_a_role_without_rights_is_told_so(postgres_url: str, store: PostgresStore) -> None:
    """A role that may not read the schema gets an error that names the missing right."""
    connection = await asyncpg.connect(postgres_url.partition("?")[0])
    role = f"nobody_{new_id()[:8]}"
    await connection.execute(f'CREATE ROLE "{role}" LOGIN')
    try:
        url = with_parameters(postgres_url, user=role).replace("postgres@", "")
        with pytest.raises(StoreUnavailable, match="permission denied"):
            await connect(url)
    finally:
        await connection.execute(f'DROP ROLE "{role}"')
        await connection.close()
