"""Each query of the hot path uses an index, whatever the size of the table."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import asyncpg
import pytest

from eventflow.core.values import Status
from eventflow.store.contract import RunQuery
from eventflow_postgres import PostgresStore
from eventflow_postgres.encode import PLACES, arrays
from eventflow_postgres.run_query import page_query
from tests.stores.postgres.build import START, after, job, new_id, operation

FILL = """
INSERT INTO runs SELECT 'r' || n, n, 'w' || n % 10, 5, now(), '{}' FROM generate_series(1, 20000) n;
INSERT INTO heads SELECT 'r' || n, 1, n, CASE n % 50 WHEN 0 THEN 'failed' ELSE 'completed' END,
    0, 'f' FROM generate_series(1, 20000) n;
INSERT INTO events SELECT n, 'r' || n, 1, 't', 1, 'd', now(), NULL, n, 'h'
    FROM generate_series(1, 20000) n;
INSERT INTO jobs SELECT 'r' || n, 'a', 'w' || n % 10, 5, n, 1, 'execute',
    '2026-01-01Z'::timestamptz + CASE WHEN n % 2 = 0 THEN '0' ELSE '1 hour' END::interval,
    0, false, n % 2 = 0 FROM generate_series(1, 20000) n;
INSERT INTO stages SELECT 'r' || n, 'a', 1, 'pending', 0, 1 FROM generate_series(1, 20000) n;
INSERT INTO labels SELECT 'r' || n, decode(md5(n::text), 'hex'), n FROM generate_series(1, 20000) n;
INSERT INTO blobs SELECT 'sha256:' || n || md5(n::text), 'd' FROM generate_series(1, 20000) n;
INSERT INTO keys SELECT 'k' || n, 'r' || n FROM generate_series(1, 20000) n;
UPDATE counter SET position = 20000;
"""
SCANNED = "SELECT relname FROM pg_stat_xact_user_tables WHERE schemaname = $1 AND seq_scan > 0"


@pytest.fixture
async def filled(
    postgres: str, store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Fill the tables, and give a connection with a transaction that counts what is scanned."""
    await admin.execute(FILL)
    await admin.execute("ANALYZE")
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"SET search_path = {store.schema}")
    async with connection.transaction():
        yield connection
    await connection.close()


async def scanned(connection: "asyncpg.Connection[asyncpg.Record]", schema: str) -> set[str]:
    """Name the tables of the store that the transaction read from one end to the other."""
    return {row["relname"] for row in await connection.fetch(SCANNED, schema.strip('"'))}


async def test_a_whole_scan_is_seen(
    store: PostgresStore, filled: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Reading a whole table is noticed, so that the other tests can fail."""
    await filled.fetch("SELECT count(*) FROM jobs WHERE kind = 'check'")
    assert await scanned(filled, store.schema) == {"jobs"}


async def test_an_append_scans_no_table(
    store: PostgresStore, filled: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Appending, with all its rows, finds each row by an index."""
    run_id = new_id()
    batch = [
        operation(run_id, 0, 2, key="k", jobs=[job("a", 1)], stages=["a"], metadata={"x": 1}),
        operation(run_id, 2, jobs=[job("a", 1, due=9, token=3)], dropped_jobs=["b"]),
        operation("r5", 0),
    ]
    await filled.fetch(f"SELECT * FROM append({PLACES})", *arrays(batch))  # noqa: S608 - ours
    assert await scanned(filled, store.schema) == set()


@pytest.mark.parametrize("workflows", [["w2", "w4"], None])
async def test_looking_for_jobs_scans_no_table(
    store: PostgresStore,
    filled: "asyncpg.Connection[asyncpg.Record]",
    workflows: list[str] | None,
) -> None:
    """Looking for what is due, and moving what became due, goes by indexes."""
    stages = None if workflows is None else ["a" for _ in workflows]
    for moment, hold in ((START, 0), (after(3600), 0), (after(3600), 1)):
        found = await filled.fetch(
            "SELECT * FROM due($1, $2, $3, 20, $4)",
            moment,
            workflows,
            stages,
            timedelta(seconds=hold),
        )
        assert len(found) == 20
    assert await scanned(filled, store.schema) == set()


async def test_renewing_and_reading_scan_no_table(
    store: PostgresStore, filled: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Renewals and reads go by indexes."""
    await filled.fetch("SELECT renew($1, $2, $3, $4, $5)", ["r1"], ["a"], [1], [START], [True])
    await filled.fetch("SELECT * FROM read_runs($1, 0)", ["r1", "r2"])
    await filled.fetch("SELECT * FROM read_all($1, 100)", 500)
    assert await scanned(filled, store.schema) == set()


async def test_asking_for_blobs_scans_no_table(
    postgres_url: str, filled: "asyncpg.Connection[asyncpg.Record]", store: PostgresStore
) -> None:
    """A blob, and a page of keys of blobs, are found by the key."""
    sent: list[tuple[str, tuple[object, ...]]] = []
    asked = store._connections.fetch

    async def remembered(sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        sent.append((sql, arguments))
        return await asked(sql, *arguments)

    store._connections.fetch = remembered  # type: ignore[method-assign]
    await store.blobs.put(b"new")
    await store.blobs.exists(await store.blobs.put(b"new"))
    await store.blobs.get(await store.blobs.put(b"new"))
    assert len(await store.blobs.list("sha256:1", limit=5)) == 5
    for sql, arguments in sent:
        await filled.fetch(sql, *arguments)
    assert {sql.split()[1] for sql, _ in sent} == {"FROM", "data", "key"}
    assert await scanned(filled, store.schema) == set()


@pytest.mark.parametrize(
    "query",
    [
        RunQuery(),
        RunQuery(run_ids=["r1", "r2"]),
        RunQuery(statuses=[Status.FAILED]),
        RunQuery(workflow_id="w3", after="5000"),
        RunQuery(metadata={"x": 1}),
        RunQuery(called_models=True),
    ],
    ids=["all", "ids", "status", "workflow", "metadata", "models"],
)
async def test_listing_runs_scans_no_table(
    store: PostgresStore,
    filled: "asyncpg.Connection[asyncpg.Record]",
    query: RunQuery,
) -> None:
    """A page of runs is found by an index of what it asks for."""
    sql, arguments = page_query(store.schema, query)
    await filled.fetch(sql, *arguments)
    assert await scanned(filled, store.schema) == set()


async def test_reading_starts_no_parallel_workers(store: PostgresStore) -> None:
    """A table that was never analysed looks large for a few rows; to start workers takes longer."""
    (row,) = await store._connections.fetch("SHOW max_parallel_workers_per_gather")
    assert row[0] == "0"
