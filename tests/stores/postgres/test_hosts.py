"""Several hosts in one URL: one of them that dies, refuses or says nothing hides no other."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import asyncpg
import pytest
from attrs import define
from structlog.testing import capture_logs

from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Appended
from eventflow_postgres import connect
from tests.postgres import without_postgres
from tests.postgres_server import (
    SUPERUSER,
    PostgresNotFound,
    Server,
    running_server,
    with_parameters,
)
from tests.stores.postgres.build import new_id, operation
from tests.stores.postgres.proxy import Proxy, proxy_to
from tests.stores.postgres.test_waking import hears, waited


@define
class Pair:
    """A primary behind a proxy, and a standby that has each of its commits."""

    primary: Server
    standby: Server
    proxy: Proxy

    def url(self, **parameters: str) -> str:
        """Write the URL of both, the primary first."""
        hosts = (
            f"postgresql://{SUPERUSER}@127.0.0.1:{self.proxy.port},127.0.0.1:{self.standby.port}"
        )
        quick = {"connect_timeout": "0.5", "command_timeout": "1", "sslmode": "disable"}
        return with_parameters(f"{hosts}/{SUPERUSER}", **(quick | parameters))


@contextmanager
def replicating() -> Iterator[tuple[Server, Server]]:
    """Start a primary and its synchronous standby, on loopback."""
    try:
        with (
            running_server(tcp=True) as primary,
            running_server(tcp=True, primary=primary) as standby,
        ):
            primary.configure({"synchronous_standby_names": "*"})
            primary.reload()
            yield primary, standby
    except PostgresNotFound:
        without_postgres()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    """Give two servers that stay what they are."""
    with replicating() as both:
        yield both


@pytest.fixture
async def pair(servers: tuple[Server, Server]) -> AsyncIterator[Pair]:
    """Give the pair with a proxy."""
    async with proxy_to(servers[0].port) as proxy:
        yield Pair(*servers, proxy)


async def served_by_standby(url: str) -> bool:
    """Tell where a new connection of a store ends up."""
    store = await connect(url)
    try:
        (row,) = await store._connections.fetch("SELECT pg_is_in_recovery() AS standby")
        standby: bool = row["standby"]
        return standby
    finally:
        await store.close()


async def test_an_error_has_the_reason_of_each_host(pair: Pair) -> None:
    """Where no host will do, it says of each why, and shows no password."""
    url = pair.url(retry_timeout="0", target_session_attrs="read-write")
    url = url.replace(f"{SUPERUSER}@", f"{SUPERUSER}:topsecret@")
    pair.proxy.freeze()
    with pytest.raises(StoreUnavailable) as caught:
        await connect(url)
    told = str(caught.value)
    assert f"127.0.0.1:{pair.proxy.port}: TimeoutError" in told
    assert f"127.0.0.1:{pair.standby.port}: TargetServerAttributeNotMatched" in told
    assert "topsecret" not in told


async def test_a_standby_is_preferred_where_one_is_wished_for(pair: Pair) -> None:
    """It is found behind the primary; while there is none, the primary will do."""
    schema = f"wish_{new_id()[:8]}"
    store = await connect(pair.url(schema=schema))
    await store.append([operation(new_id(), 0)])
    await store.close()
    looking = pair.url(schema=schema, target_session_attrs="prefer-standby", listen="false")
    assert await served_by_standby(looking)
    alone = looking.replace(f":{pair.standby.port}/", ":1/")
    assert not await served_by_standby(alone)


async def test_closing_a_store_leaves_no_connection(pair: Pair) -> None:
    """Also not one that was being made at that moment."""
    store = await connect(pair.url(application_name="closing", connect_timeout="9"))
    pair.proxy.freeze()
    reading = asyncio.create_task(store.now())
    await asyncio.sleep(0.05)
    await store.close()
    pair.proxy.thaw()
    with pytest.raises(StoreUnavailable, match="is closed"):
        await reading
    admin = await asyncpg.connect(pair.primary.url())
    try:
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing'"
        for _ in range(500):
            if await admin.fetchval(count) == 0:
                break
            await asyncio.sleep(0.02)
        assert await admin.fetchval(count) == 0
    finally:
        await admin.close()


async def test_a_cancelled_question_holds_nobody_up(pair: Pair) -> None:
    """Whoever asks next gets an answer, or an error in time, also if the server says nothing."""
    store = await connect(pair.url(pool_size="1", retry_timeout="0", command_timeout="9"))
    await store.now()
    pair.proxy.freeze()
    asking = asyncio.create_task(store.now())
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(5):
        with pytest.raises(StoreUnavailable):
            await store.now()
        pair.proxy.thaw()
        await store.now()
        await store.close()


async def test_a_primary_that_falls_silent_is_left() -> None:
    """The append under way is answered by the standby that was promoted, and was made once."""
    with replicating() as servers:
        async with proxy_to(servers[0].port) as proxy:
            pair = Pair(*servers, proxy)
            store = await connect(pair.url(retry_timeout="30"))
            run_id = new_id()
            await store.append([operation(run_id, 0)])
            proxy.freeze()
            appending = asyncio.create_task(store.append([operation(run_id, 1, 2)]))
            await asyncio.sleep(0.1)
            await asyncio.to_thread(pair.standby.promote)
            assert await appending == [Appended(3, 3)]
            assert [event.version for event in await store.read([run_id])] == [1, 2, 3]
            await store.close()


async def test_who_is_refused_polls_until_it_may_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby takes no LISTEN, and is asked for the position; once promoted it takes it."""
    monkeypatch.setattr("eventflow_postgres.wake.LONGEST_PAUSE", 0.1)
    with replicating() as (primary, standby):
        schema = f"refused_{new_id()[:8]}"
        writing = await connect(primary.url(schema=schema))
        waiting = await connect(standby.url(schema=schema, target_session_attrs="any"))
        with capture_logs() as logs:
            assert max([await waited(waiting, writing) for _ in range(3)]) < 1
            assert not hears(waiting)
            await asyncio.to_thread(standby.promote)
            there = await connect(standby.url(schema=schema))
            for _ in range(100):
                if hears(waiting):
                    break
                await waiting.wait(1_000, 0.05)
            assert hears(waiting)
            assert await waited(waiting, there) < 1
        told = [entry["event"] for entry in logs]
        assert told == ["store.listener_lost", "store.listener_restored"]
        primary.configure({"synchronous_standby_names": ""})
        primary.reload()
        for store in (writing, waiting, there):
            await store.close()
