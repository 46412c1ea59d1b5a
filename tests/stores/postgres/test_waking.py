"""Who waits is woken by other processes, and by polling where notifications do not arrive."""

import asyncio
import time

import asyncpg
import pytest

from eventflow_postgres import PostgresStore, connect
from eventflow_postgres.wake import Waiters
from tests.postgres_server import with_parameters
from tests.stores.postgres.build import new_id, operation


async def waited(store: PostgresStore, other: PostgresStore) -> float:
    """Tell how many seconds it takes from an append of one store until the other is woken."""
    position = await store.wait(0, 0.2)
    waiting = asyncio.create_task(store.wait(position, 20))
    await asyncio.sleep(0.1)
    begun = time.monotonic()
    await other.append([operation(new_id(), 0)])
    assert await waiting == position + 1
    return time.monotonic() - begun


def hears(store: PostgresStore) -> bool:
    """Tell whether a store believes that notifications reach it."""
    return store._bell._hearing


@pytest.mark.parametrize("listen", ["true", "false"])
async def test_an_append_elsewhere_wakes(
    postgres_url: str, store: PostgresStore, listen: str
) -> None:
    """Another process is noticed long before the timeout, with notifications and by polling."""
    waiting = await connect(with_parameters(postgres_url, listen=listen))
    try:
        assert await waited(waiting, store) < 2
    finally:
        await waiting.close()


async def test_an_append_of_this_process_wakes_at_once(store: PostgresStore) -> None:
    """A waiter of the same store is woken by the append itself."""
    waiting = asyncio.create_task(store.wait(0, 20))
    await asyncio.sleep(0)
    await store.append([operation(new_id(), 0)])
    assert await asyncio.wait_for(waiting, 1) == 1


@pytest.mark.parametrize("turns", range(0, 12, 2))
async def test_others_are_told_also_by_a_store_that_closes_at_once(
    postgres_url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """A short process tells of its append, however far it has come with that when it ends."""
    monkeypatch.setattr("eventflow_postgres.wake.HEARING_INTERVAL", 60)
    other = await connect(postgres_url)
    waiting = asyncio.create_task(store.wait(0, 60))
    await asyncio.sleep(0.1)
    await other.append([operation(new_id(), 0)])
    for _ in range(turns):
        await asyncio.sleep(0)
    await other.close()
    async with asyncio.timeout(5):
        assert await waiting == 1


async def test_a_lost_listener_comes_back(
    postgres_url: str, store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """After its connection was cut, a store hears of other processes again."""
    waiting = await connect(with_parameters(postgres_url, application_name="listener"))
    try:
        await waited(waiting, store)
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
        await admin.execute(cut.replace("$1", "'listener'"))
        assert await waited(waiting, store) < 2
    finally:
        await waiting.close()


async def test_a_deaf_listener_polls_and_hears_again(
    postgres_url: str, store: PostgresStore
) -> None:
    """A store whose notifications do not arrive notices that, looks often, and asks for them."""
    waiting = await connect(postgres_url)
    try:
        await waited(waiting, store)
        await waiting._bell._link.use(lambda connection: connection.execute("UNLISTEN *"))
        for _ in range(3):
            await waited(waiting, store)
        assert not hears(waiting)
        assert await waited(waiting, store) < 0.8
        waiting._bell._ask_again = 0
        for _ in range(50):
            await waited(waiting, store)
            if hears(waiting):
                break
        assert hears(waiting)
    finally:
        await waiting.close()


async def test_waiting_ends_at_the_timeout(store: PostgresStore) -> None:
    """Without an append a wait ends by itself."""
    assert await asyncio.wait_for(store.wait(0, 0.05), 5) == 0


async def test_a_wait_is_cancelled_also_when_it_is_just_over() -> None:
    """Whoever is woken and cancelled in the same moment is cancelled."""
    waiters = Waiters()
    waiting = asyncio.create_task(waiters.wait(0, 20))
    await asyncio.sleep(0)
    waiters.advance(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize("turns", range(4))
async def test_a_store_closes_also_when_its_connection_has_just_ended(
    postgres_url: str, turns: int
) -> None:
    """However many turns of the loop lie between what wakes its watch and the close."""
    store = await connect(postgres_url)
    waiting = asyncio.create_task(store.wait(0, 20))
    await asyncio.sleep(0.1)
    store._bell._look_now.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await store.close()
    assert await waiting == 0
