"""Time as the runtime sees it: that of the store, so that hosts may disagree; never the wall's."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> object:
        """Let it not happen, if it has not happened yet."""
        ...


class Clock(Protocol):
    """What the runtime needs of time; tests hand in one that they move themselves."""

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        ...

    def call_later(
        self,
        seconds: float,
        callback: Callable[[], None],
        ending: asyncio.Future[Any] | None = None,
    ) -> Timer:
        """Call back after so many seconds, unless it is cancelled before.

        `ending` is the user's code that the call would end, if that is what it is for.
        """
        ...

    def align(self, store_time: datetime) -> None:
        """Take over the time of the store."""
        ...


class SystemClock:
    """The store's time at the last alignment, plus the monotonic time since.

    A wall clock that is stepped, or that differs between hosts, changes nothing.

    Args:
        monotonic: Tells the seconds since some moment; that of this machine by default.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._aligned = datetime.now(UTC)
        self._since = monotonic()

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return self._aligned + timedelta(seconds=self._monotonic() - self._since)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)

    def call_later(
        self,
        seconds: float,
        callback: Callable[[], None],
        ending: asyncio.Future[Any] | None = None,
    ) -> Timer:
        """Call back after so many seconds, unless it is cancelled before."""
        del ending
        return asyncio.get_running_loop().call_later(seconds, callback)

    def align(self, store_time: datetime) -> None:
        """Take over the time of the store."""
        self._aligned, self._since = store_time, self._monotonic()


async def within(work: Awaitable[T], clock: Clock, seconds: float | None) -> T:
    """Await something for so many seconds at most; then it is cancelled.

    Raises:
        TimeoutError: The time was up first.
    """
    if seconds is None:
        return await work
    async with asyncio.timeout(None) as limit:

        def expire() -> None:
            with suppress(RuntimeError):  # it may have come to its end just now
                limit.reschedule(0.0)

        timer = clock.call_later(seconds, expire)
        try:
            return await work
        finally:
            timer.cancel()


async def wait_for(event: asyncio.Event, clock: Clock, seconds: float | None) -> bool:
    """Wait until an event is set; tell whether it was, or the time was up first."""
    with suppress(TimeoutError):
        await within(event.wait(), clock, seconds)
    return event.is_set()
