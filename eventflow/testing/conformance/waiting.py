"""What every store promises of `wait`, `now` and `close`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from eventflow.errors import StoreUnavailable
from eventflow.store.contract import RunQuery, Store
from eventflow.testing.builders import START, Author
from eventflow.testing.conformance.support import PATIENCE, append

EVERY_METHOD: dict[str, Callable[[Store], Awaitable[object]]] = {
    "append": lambda store: store.append([Author().create()]),
    "read": lambda store: store.read(["run"]),
    "read_all": lambda store: store.read_all(0, 1),
    "due": lambda store: store.due(START, None, 1),
    "renew": lambda store: store.renew([]),
    "runs": lambda store: store.runs(RunQuery()),
    "wait": lambda store: store.wait(0, 0),
    "now": lambda store: store.now(),
    "blobs.put": lambda store: store.blobs.put(b"data"),
    "blobs.get": lambda store: store.blobs.get("sha256:" + "0" * 64),
    "blobs.exists": lambda store: store.blobs.exists("sha256:" + "0" * 64),
    "blobs.list": lambda store: store.blobs.list(),
}


class WaitTests:
    """Nobody who waits for an append sleeps through one."""

    async def test_what_is_there_is_not_waited_for(self, store: Store) -> None:
        """An append beyond the position, also an old one, is told at once."""
        await append(store, Author().create())
        async with asyncio.timeout(PATIENCE):
            assert await store.wait(0, 3_600) == 2
            assert await store.wait(1, 3_600) == 2

    async def test_an_append_wakes(self, store: Store) -> None:
        """All who wait are woken by an append, and told its position."""
        await append(store, Author().create())
        waiting = [asyncio.create_task(store.wait(2, 3_600)) for _ in range(5)]
        await asyncio.sleep(0.01)
        await append(store, Author().create())
        async with asyncio.timeout(PATIENCE):
            assert all(position >= 3 for position in await asyncio.gather(*waiting))

    async def test_waiting_ends(self, store: Store) -> None:
        """Without an append the newest position comes back after the timeout."""
        await append(store, Author().create())
        async with asyncio.timeout(PATIENCE):
            assert await store.wait(2, 0.01) == 2
            assert await store.wait(2, 0) == 2
            assert await store.wait(1_000, 0.01) == 2

    async def test_an_append_between_reading_and_waiting_is_not_missed(self, store: Store) -> None:
        """Reading, then waiting from where one has read to, follows the log to its end."""

        async def follow() -> int:
            read = 0
            while read < 100:
                await store.wait(read, 3_600)
                read += len(await store.read_all(read, 3))
            return read

        follower = asyncio.create_task(follow())
        for _ in range(50):
            await append(store, Author().create())
            await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            assert await follower == 100

    async def test_who_gives_up_disturbs_nobody(self, store: Store) -> None:
        """A waiter that is cancelled leaves the others waiting and waking."""
        impatient = asyncio.create_task(store.wait(0, 3_600))
        patient = asyncio.create_task(store.wait(0, 3_600))
        await asyncio.sleep(0.01)
        impatient.cancel()
        await append(store, Author().create())
        async with asyncio.timeout(PATIENCE):
            assert await patient >= 1
        assert impatient.cancelled()


class NowTests:
    """The store has a time."""

    async def test_the_time_is_in_utc(self, store: Store) -> None:
        """The time is UTC, and not that of another day."""
        now = await store.now()
        assert now.utcoffset() == timedelta(0)
        assert abs(now - datetime.now(UTC)) < timedelta(days=1)  # noqa: TID251 - only to compare

    async def test_time_does_not_go_back(self, store: Store) -> None:
        """What is asked later is not earlier."""
        first = await store.now()
        assert await store.now() >= first


class CloseTests:
    """A closed store does nothing more."""

    @pytest.mark.parametrize("method", EVERY_METHOD)
    async def test_a_closed_store_is_unavailable(self, store: Store, method: str) -> None:
        """Every method of a closed store says so."""
        await store.close()
        with pytest.raises(StoreUnavailable):
            await EVERY_METHOD[method](store)

    async def test_a_store_can_be_closed_twice(self, store: Store) -> None:
        """Closing a closed store is nothing."""
        await store.close()
        await store.close()

    async def test_closing_ends_waiting(self, store: Store) -> None:
        """Nobody waits on a closed store until the timeout."""
        waiting = asyncio.create_task(store.wait(0, 3_600))
        await asyncio.sleep(0.01)
        await store.close()
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([waiting])
        assert isinstance(waiting.exception(), StoreUnavailable) or waiting.result() == 0
