"""The clock: the store's time plus what has passed since, and never the wall's."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from eventflow.runtime.clock import SystemClock, wait_for, within
from eventflow.testing.clock import ManualClock

STORE_TIME = datetime(2031, 5, 1, 12, tzinfo=UTC)


class Ticks:
    """A monotonic time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Tell it."""
        return self.now


def test_an_aligned_clock_tells_the_time_of_the_store() -> None:
    """However wrong this host is, it agrees with all others that use the store."""
    ticks = Ticks()
    clock = SystemClock(ticks)
    clock.align(STORE_TIME)
    assert clock.now() == STORE_TIME
    ticks.now += 90
    assert clock.now() == STORE_TIME + timedelta(seconds=90)


def test_the_last_alignment_counts() -> None:
    """A drifting host is put right at each heartbeat, forwards or backwards."""
    ticks = Ticks()
    clock = SystemClock(ticks)
    clock.align(STORE_TIME)
    ticks.now += 60
    clock.align(STORE_TIME + timedelta(seconds=59))
    ticks.now += 1
    assert clock.now() == STORE_TIME + timedelta(seconds=60)


def test_the_time_never_goes_back_between_alignments() -> None:
    """It follows the monotonic time, so a wall clock that is stepped changes nothing."""
    clock = SystemClock()
    times = [clock.now() for _ in range(1_000)]
    assert times == sorted(times)


def test_a_new_clock_tells_a_time_in_utc() -> None:
    """Before it is aligned it starts from the wall, with a time zone."""
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_sleeping_takes_time() -> None:
    """A sleep returns once the time is over."""
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(0.01)
    assert clock.now() - before >= timedelta(seconds=0.009)


async def number() -> int:
    """Give a number at once."""
    return 7


async def test_within_gives_the_result_that_is_in_time() -> None:
    """With and without a bound."""
    clock = ManualClock()
    assert await within(number(), clock, 5) == 7
    assert await within(number(), clock, None) == 7


async def test_within_cancels_what_takes_too_long() -> None:
    """The work is told, and the caller gets a TimeoutError."""
    clock = ManualClock()
    cancelled = []

    async def work() -> None:
        try:
            await clock.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(clock.now())
            raise

    with pytest.raises(TimeoutError):
        await clock.run_until(within(work(), clock, 5))
    await clock.settle()
    assert len(cancelled) == 1


async def test_within_hands_on_errors_and_cancellation() -> None:
    """An error is the caller's, and cancelling the caller cancels the work."""
    clock = ManualClock()

    async def fails() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        await within(fails(), clock, 5)
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await clock.sleep(60)
        finally:
            ended.set()

    waiting = asyncio.create_task(within(work(), clock, 30))
    await clock.settle()
    waiting.cancel()
    await clock.settle()
    assert ended.is_set()


@pytest.mark.parametrize("seconds", [5, None])
async def test_waiting_ends_with_the_event(seconds: float | None) -> None:
    """It tells that the event was set, also if it was set before."""
    clock = ManualClock()
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_for(event, clock, seconds))
    await clock.settle()
    event.set()
    assert await clock.run_until(waiting)
    assert await wait_for(event, clock, seconds)


async def test_waiting_ends_with_the_time() -> None:
    """It tells that nothing happened."""
    clock = ManualClock()
    assert not await clock.run_until(wait_for(asyncio.Event(), clock, 5))
