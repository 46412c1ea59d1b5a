"""Wakes those who wait for an append, by this process or another; it never misses one.

Another process is noticed by `PRAGMA data_version` on a connection of its own, which is looked at
only while somebody waits: a look takes microseconds, takes no lock and touches no other file
descriptor, so it happens on the event loop itself.
"""

import asyncio
import sqlite3
from contextlib import suppress

from eventflow.errors import StoreUnavailable
from eventflow.store.telling import tell
from eventflow_sqlite.batch import newest_position
from eventflow_sqlite.handle import Handle

_PACES = ((1.0, 0.002), (30.0, 0.005))
"""Until so many seconds after the last append, look every so many seconds.

An append by this process counts as a look: its position tells what others have appended before.
"""
_SLOWEST = 0.010


class Watch:
    """The newest position that this process knows of, and those who wait for a newer one.

    Args:
        handle: Of a connection that only this watch uses, and only on the event loop.
    """

    def __init__(self, handle: Handle) -> None:
        self._loop = asyncio.get_running_loop()
        self._handle = handle
        self._seen: tuple[sqlite3.Connection, int] | None = None
        self._newest = 0
        self._moved_at = self._looked_at = self._loop.time()
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Make the connection."""
        with self._handle.use():
            pass

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for an append beyond a position, or for `timeout` seconds; tell the newest known."""
        if self._timer is None:  # else there was a look a moment ago, and the next is due
            self.look()
        if self._newest <= after:
            await self._sleep(after, timeout)
        return self._newest

    def appended(self, position: int) -> None:
        """Wake those who wait for this position or an older one."""
        if position <= self._newest:
            return
        self._newest = position
        self._moved_at = self._looked_at = self._loop.time()
        for waiter, after in self._waiting.items():
            if after < position:
                tell(waiter, None)

    def close(self) -> None:
        """Wake everybody, and look no more."""
        if self._timer is not None:
            self._timer.cancel()
        for waiter in self._waiting:
            tell(waiter, None)
        self._handle.close()

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
            self._timer = self._loop.call_at(self._next_look(), self._tick)

    def _next_look(self) -> float:
        quiet = self._loop.time() - self._moved_at
        return self._looked_at + next((pace for limit, pace in _PACES if quiet < limit), _SLOWEST)

    def _tick(self) -> None:
        self._timer = None
        if self._loop.time() >= self._next_look():
            with suppress(StoreUnavailable):  # whoever asks next is told
                self.look()
        self._schedule()

    def look(self) -> None:
        """Find out whether another process has appended something."""
        self._looked_at = self._loop.time()
        # A lock in the way means only that there is nothing to see yet: the next look will.
        with suppress(sqlite3.OperationalError), self._handle.use() as connection:
            ((version,),) = connection.execute("PRAGMA data_version").fetchall()
            seen = (connection, version)  # the versions of two connections cannot be compared
            if seen != self._seen:
                position = newest_position(connection)
                self._seen = seen
                self.appended(position)
