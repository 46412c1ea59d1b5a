"""Wakes those who wait for an append, by this process or another; it never misses one.

Another process is noticed by `PRAGMA data_version` on a connection of its own, which is looked at
only while somebody waits: a look takes microseconds, takes no lock and touches no other file
descriptor, so it happens on the event loop itself.
"""

import asyncio
import sqlite3
from contextlib import suppress

from eventflow_sqlite.batch import newest_position

_PACES = ((1.0, 0.002), (30.0, 0.005))
"""Until so many seconds after the last append, look every so many seconds."""
_SLOWEST = 0.010


class Watch:
    """The newest position that this process knows of, and those who wait for a newer one.

    Args:
        connection: Only this watch uses it, and only on the event loop.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._seen = 0
        self._newest = 0
        self._moved_at = self._loop.time()
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for an append beyond a position, or for `timeout` seconds; tell the newest known."""
        if self._timer is None:  # else there was a look a moment ago, and the next is due
            self._look()
        if self._newest <= after:
            await self._sleep(after, timeout)
        return self._newest

    def appended(self, position: int) -> None:
        """Wake those who wait for this position or an older one."""
        if position <= self._newest:
            return
        self._newest = position
        self._moved_at = self._loop.time()
        for waiter, after in self._waiting.items():
            if after < position and not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """Wake everybody, and look no more."""
        if self._timer is not None:
            self._timer.cancel()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._connection.close()

    async def _sleep(self, after: int, timeout: float) -> None:
        waiter = self._loop.create_future()
        self._waiting[waiter] = after
        self._schedule()
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            pass
        finally:
            del self._waiting[waiter]

    def _schedule(self) -> None:
        if self._waiting and self._timer is None:
            quiet = self._loop.time() - self._moved_at
            pace = next((pace for limit, pace in _PACES if quiet < limit), _SLOWEST)
            self._timer = self._loop.call_later(pace, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._look()
        self._schedule()

    def _look(self) -> None:
        # A lock in the way means only that there is nothing to see yet: the next look will.
        with suppress(sqlite3.OperationalError):
            ((seen,),) = self._connection.execute("PRAGMA data_version").fetchall()
            if seen != self._seen:
                position = newest_position(self._connection)
                self._seen = seen
                self.appended(position)
