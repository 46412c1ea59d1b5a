"""Behind a real PgBouncer: all works, what it cannot give is told, and failures are survived."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

import eventflow as ef
from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Appended, Store
from eventflow.testing.conformance import StoreConformance
from eventflow_postgres import connect
from tests.postgres import without_postgres
from tests.postgres_server import PostgresNotFound, Server, running_server
from tests.stores.postgres.build import new_id, operation
from tests.stores.postgres.pooler import Pooler, pooled
from tests.stores.postgres.test_waking import hears, waited

SETTINGS = (
    "default_transaction_isolation, idle_in_transaction_session_timeout, jit, lock_timeout, "
    "max_parallel_workers_per_gather, statement_timeout"
)


@ef.stage
async def double(ctx: ef.StageContext[int]) -> int:
    """Double the number."""
    return ctx.input * 2


DOUBLING = ef.define_workflow("doubling", input=int).pipe(double).build()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Give a server that survives a crash."""
    try:
        with running_server(fsync=True) as started:
            yield started
    except PostgresNotFound:
        without_postgres()


@pytest.fixture(scope="module")
def pooler(server: Server) -> Iterator[Pooler]:
    """Give a PgBouncer that gives each transaction another connection."""
    with pooled(server, "transaction") as started:
        yield started


def url_of(pooler: Pooler, **parameters: str) -> str:
    """Write the URL of a new store behind a pooler in transaction mode."""
    schema = f"pooled_{new_id()[:8]}"
    return pooler.url(schema=schema, statement_cache_size="0", **parameters)


async def test_workers_behind_a_pooler_share_the_work(pooler: Pooler) -> None:
    """Runs that one process creates are executed by another, and each comes to its result."""
    url = url_of(pooler)
    async with ef.Runtime(url, [DOUBLING]) as creator, ef.Runtime(url, [DOUBLING]) as worker:
        await worker.start()
        runs = [await creator.create_run("doubling", number) for number in range(20)]
        assert [await run.result(timeout=30) for run in runs] == [2 * n for n in range(20)]
        await runs[0].rerun_from("double")
        assert await runs[0].result(timeout=30) == 0


@pytest.mark.parametrize("listen", ["off", "on"])
async def test_an_append_elsewhere_wakes_behind_a_pooler(pooler: Pooler, listen: str) -> None:
    """By polling: also who would rather listen finds out that it hears nobody but itself."""
    url = url_of(pooler, listen=listen)
    waiting, other = await connect(url), await connect(url)
    try:
        for _ in range(4):
            await waited(waiting, other)
            await waiting.append([operation(new_id(), 0)])
            await asyncio.sleep(0.05)
        assert await waited(waiting, other) < 0.8
    finally:
        await waiting.close()
        await other.close()


async def test_a_pooler_in_transaction_mode_is_explained(pooler: Pooler) -> None:
    """The error of a URL without it says which parameter is missing."""
    with pytest.raises(StoreUnavailable, match="add statement_cache_size=0 to the URL"):
        await connect(pooler.url())


async def test_the_server_behind_a_pooler_may_crash(server: Server, pooler: Pooler) -> None:
    """An append that is under way gets its true verdict when the server is back."""
    store = await connect(url_of(pooler, retry_timeout="30", connect_timeout="1"))
    run_id = new_id()
    await store.append([operation(run_id, 0)])
    for version in range(1, 4):
        appending = asyncio.create_task(store.append([operation(run_id, version)]))
        await asyncio.to_thread(server.stop, "immediate")
        late = asyncio.create_task(store.read([run_id]))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(server.start)
        assert await appending == [Appended(version + 1, version + 1)]
        await late
    assert len(await store.read([run_id])) == 4
    await store.close()


async def test_a_pooler_may_die_and_come_back(server: Server) -> None:
    """Appends wait for it, and who waits for others hears of them again."""
    with pooled(server, "transaction") as mortal:
        url = url_of(mortal, retry_timeout="30")
        waiting, other = await connect(url), await connect(url)
        await waited(waiting, other)
        mortal.kill()
        appending = asyncio.create_task(other.append([operation(new_id(), 0)]))
        await asyncio.sleep(0.2)
        mortal.start()
        assert await appending == [Appended(1, 2)]
        assert await waited(waiting, other) < 5
        await waiting.close()
        await other.close()


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({"ignore_startup_parameters": SETTINGS}, {}),
        ({}, {"statement_cache_size": "0", "listen": "on"}),
    ],
    ids=["settings ignored", "no settings"],
)
async def test_a_pooler_in_session_mode_lets_a_store_listen(
    server: Server, settings: dict[str, str], parameters: dict[str, str]
) -> None:
    """With either of the set-ups of the documentation, notifications arrive."""
    with pooled(server, "session", default_pool_size="20", **settings) as started:
        url = started.url(schema=f"session_{new_id()[:8]}", **parameters)
        waiting, other = await connect(url), await connect(url)
        for _ in range(4):
            await waited(waiting, other)
        assert hears(waiting)
        await waiting.close()
        await other.close()


@pytest.mark.deep
class TestPostgresStoreBehindAPooler(StoreConformance):
    @pytest.fixture
    async def store(self, pooler: Pooler) -> AsyncIterator[Store]:
        """Give an empty store that keeps no session and listens to nothing."""
        store: Store = await connect(url_of(pooler))
        yield store
        await store.close()
