"""Virtual time: moved by the test alone, from sleeper to sleeper, never past work under way."""

import asyncio
import threading
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from eventflow.store.contract import Appended, Operation, StoredEvent, Verdict
from eventflow.store.memory import MemoryStore
from eventflow.testing.builders import Author
from eventflow.testing.clock import START, ManualClock, NothingLeft


def seconds(clock: ManualClock) -> float:
    """Tell how far the time has moved."""
    return (clock.now() - START).total_seconds()


class SlowStore(MemoryStore):
    """A store whose answers come from a thread, after a moment of real time."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append, and answer later."""
        await self._take_a_moment()
        return await super().append(operations)

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read, and answer later."""
        await self._take_a_moment()
        return await super().read(run_ids, after)

    async def wait(self, after: int, timeout: float) -> int:
        """Wait, and notice late."""
        newest = await super().wait(after, timeout)
        await self._take_a_moment()
        return newest

    async def _take_a_moment(self) -> None:
        loop = asyncio.get_running_loop()
        answered = loop.create_future()
        threading.Timer(0.02, loop.call_soon_threadsafe, (answered.set_result, None)).start()
        await answered
        self.calls += 1


async def test_the_time_stands_still_until_it_is_moved() -> None:
    """Nothing but `advance` moves it."""
    clock = ManualClock(datetime(2030, 5, 1, tzinfo=UTC))
    assert clock.now() == datetime(2030, 5, 1, tzinfo=UTC)
    await clock.settle()
    clock.align(datetime(2040, 1, 1, tzinfo=UTC))
    assert clock.now() == datetime(2030, 5, 1, tzinfo=UTC)
    await clock.advance(1.5)
    assert clock.now() == datetime(2030, 5, 1, 0, 0, 1, 500_000, tzinfo=UTC)


def test_a_time_without_a_time_zone_is_refused() -> None:
    """It could be anywhere."""
    with pytest.raises(ValueError, match="time zone"):
        ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001 - the point


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    """Each sees exactly its own time, and those of one time keep the order in which they came."""
    clock, woken = ManualClock(), list[tuple[str, float]]()

    async def sleeper(name: str, *pauses: float) -> None:
        for pause in pauses:
            await clock.sleep(pause)
            woken.append((name, seconds(clock)))

    tasks = [asyncio.create_task(sleeper(*each)) for each in (("a", 5), ("b", 2, 2), ("c", 2))]
    await clock.advance(4.5)
    assert woken == [("b", 2), ("c", 2), ("b", 4)]
    assert seconds(clock) == 4.5
    await clock.advance(0.5)
    assert woken[3:] == [("a", 5)]
    await asyncio.gather(*tasks)


async def test_each_sleeper_finishes_its_turn_before_the_next_one_wakes() -> None:
    """However often its turn yields to the loop."""
    clock, log = ManualClock(), list[str]()

    async def work(name: str) -> None:
        await clock.sleep(1)
        for _ in range(200):
            await asyncio.sleep(0)
        log.append(f"{name} at {seconds(clock):g}")
        await clock.sleep(1)
        log.append(f"{name} at {seconds(clock):g}")

    await clock.run_until(asyncio.gather(work("a"), work("b")))
    assert log == ["a at 1", "b at 1", "a at 2", "b at 2"]


async def test_a_cancelled_sleeper_moves_nothing() -> None:
    """The time goes to the next one that is still asleep."""
    clock = ManualClock()
    cancelled = asyncio.create_task(clock.sleep(1))
    await clock.settle()
    cancelled.cancel()
    await clock.run_until(clock.sleep(3))
    assert seconds(clock) == 3
    assert cancelled.cancelled()


@pytest.mark.parametrize("pause", [0, -1])
async def test_a_pause_of_nothing_needs_no_move(pause: float) -> None:
    """It only lets others run."""
    clock = ManualClock()
    await asyncio.wait_for(clock.sleep(pause), 1)
    assert clock.now() == START


async def test_even_the_shortest_pause_moves_the_time() -> None:
    """So a loop of such pauses comes to an end."""
    clock = ManualClock()
    await clock.run_until(clock.sleep(1e-12))
    assert clock.now() == START + timedelta(microseconds=1)


async def test_running_until_something_is_done_gives_its_result() -> None:
    """The time stops where it was done."""
    clock = ManualClock()

    async def answer() -> int:
        await clock.sleep(3600)
        return 42

    ticking = asyncio.create_task(_tick(clock))
    assert await clock.run_until(answer()) == 42
    assert seconds(clock) == 3600
    ticking.cancel()


async def test_running_until_something_fails_raises_its_error() -> None:
    """As awaiting it would."""
    clock = ManualClock()

    async def fail() -> None:
        await clock.sleep(1)
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await clock.run_until(fail())


async def test_waiting_for_what_cannot_happen_is_an_error() -> None:
    """Nobody sleeps, so no move of the time would help; what was waited for is cancelled."""
    clock, never = ManualClock(), asyncio.get_running_loop().create_future()
    with pytest.raises(NothingLeft, match="nobody sleeps"):
        await clock.run_until(never)
    assert never.cancelled()


async def test_waiting_longer_than_the_limit_is_an_error() -> None:
    """Also while others keep the time moving."""
    clock, never = ManualClock(), asyncio.get_running_loop().create_future()
    ticking = asyncio.create_task(_tick(clock))
    with pytest.raises(NothingLeft, match="within 60 virtual seconds"):
        await clock.run_until(never, limit=60)
    assert seconds(clock) <= 60
    ticking.cancel()


async def test_the_time_stands_still_while_a_call_is_under_way() -> None:
    """Whoever waits for the store is asked how long it took, and it took no time at all."""
    clock, slow = ManualClock(), SlowStore()
    store, took = clock.watch(slow), list[float]()

    async def work() -> None:
        for _ in range(3):
            await store.read(["none"])
        took.append(seconds(clock))

    working, ticking = asyncio.create_task(work()), asyncio.create_task(_tick(clock))
    await clock.advance(10)
    assert took == [0]
    assert slow.calls == 3
    ticking.cancel()
    await working


async def test_the_time_stands_still_until_waits_have_noticed_an_append() -> None:
    """A wait that is over holds the time, and one that is not does not."""
    clock, slow = ManualClock(), SlowStore()
    store, noticed = clock.watch(slow), list[tuple[int, float]]()

    async def notice() -> None:
        noticed.append((await store.wait(0, 60), seconds(clock)))

    noticing = asyncio.create_task(notice())
    await clock.advance(10)
    assert noticed == []
    (verdict,) = await store.append([Author().create()])
    assert isinstance(verdict, Appended)
    await clock.advance(10)
    assert noticed == [(verdict.position, 10)]
    await noticing


async def test_an_append_past_the_clock_is_noticed_before_the_time_moves() -> None:
    """Such as one that a test makes on the store itself."""
    clock, direct = ManualClock(), MemoryStore()
    waiting = asyncio.create_task(clock.watch(direct).wait(0, 60))
    await clock.advance(10)
    await direct.append([Author().create()])
    assert await clock.run_until(waiting) == 2
    assert seconds(clock) == 10


async def test_a_wait_ends_in_virtual_time() -> None:
    """Its timeout is no real one."""
    clock = ManualClock()
    store = clock.watch(MemoryStore())
    assert await clock.run_until(store.wait(0, 3600)) == 0
    assert seconds(clock) == 3600


async def test_a_watched_store_tells_the_time_of_the_clock() -> None:
    """And watching it twice is watching it once."""
    clock, store = ManualClock(), MemoryStore()
    await clock.advance(5)
    assert await clock.watch(store).now() == START + timedelta(seconds=5)
    assert clock.watch(store) is clock.watch(store)


async def test_the_time_stands_still_while_a_thread_works() -> None:
    """A plain function that computes for a while does not run into its timeout."""
    clock = ManualClock()
    await clock.settle()

    async def work() -> float:
        await asyncio.to_thread(time.sleep, 0.05)
        return seconds(clock)

    ticking = asyncio.create_task(_tick(clock))
    assert await clock.run_until(work()) == 0
    ticking.cancel()


async def test_a_thread_that_waits_for_the_time_does_not_hold_it_for_ever() -> None:
    """After a moment of patience the time moves on."""
    clock, over = ManualClock(patience=0.01), threading.Event()
    await clock.settle()
    waiting = asyncio.create_task(asyncio.to_thread(over.wait, 10))
    await clock.run_until(clock.sleep(5))
    assert not waiting.done()
    over.set()
    assert await waiting


async def test_an_hour_of_ticks_takes_a_moment() -> None:
    """Thousands of jumps in a second: an hour with a tick each second is cheap."""
    clock, began = ManualClock(), time.perf_counter()
    ticking = asyncio.create_task(_tick(clock))
    await clock.advance(3600)
    assert time.perf_counter() - began < 2
    ticking.cancel()


async def _tick(clock: ManualClock) -> None:
    while True:
        await clock.sleep(1)
