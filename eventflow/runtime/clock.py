"""Time as the runtime sees it: that of the store, so that hosts may disagree; never the wall's."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """What the runtime needs of time; tests hand in one that they move themselves."""

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        ...

    def align(self, store_time: datetime) -> None:
        """Take over the time of the store."""
        ...


class SystemClock:
    """The store's time at the last alignment, plus the monotonic time since.

    A wall clock that is stepped, or that differs between hosts, changes nothing.
    """

    def __init__(self) -> None:
        self._aligned = datetime.now(UTC)
        self._since = time.monotonic()

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return self._aligned + timedelta(seconds=time.monotonic() - self._since)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)

    def align(self, store_time: datetime) -> None:
        """Take over the time of the store."""
        self._aligned, self._since = store_time, time.monotonic()


async def within(work: Coroutine[Any, Any, T], clock: Clock, seconds: float | None) -> T:
    """Await something for so many seconds at most; then it is cancelled.

    Raises:
        TimeoutError: The time was up first.
    """
    if seconds is None:
        return await work
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()
        timer.cancel()


async def wait_for(event: asyncio.Event, clock: Clock, seconds: float | None) -> bool:
    """Wait until an event is set; tell whether it was, or the time was up first."""
    if event.is_set() or seconds is None:
        return await event.wait()
    waiting = asyncio.ensure_future(event.wait())
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        return event.is_set()
    finally:
        waiting.cancel()
        sleeping.cancel()
