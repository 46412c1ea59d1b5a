"""Wakes those who wait for an append: it may wake too early, and is never needed to be right.

Before Python 3.12 `asyncio.wait_for` loses a cancellation that meets its answer: it is not used.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import asyncpg
import structlog

from eventflow.store.telling import tell
from eventflow_postgres.address import Address
from eventflow_postgres.connections import Connection, Link, jittered

HEARING_INTERVAL = 1.0
POLLING_INTERVAL = 0.03
NOTIFY_SPACING = 0.008
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0
MISSES_UNTIL_DEAF = 3

log = structlog.get_logger("eventflow")


class Waiters:
    """Those who wait, and the last position that this process knows."""

    def __init__(self) -> None:
        self.latest = 0
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._someone = asyncio.Event()

    def advance(self, position: int) -> bool:
        """Wake who waits for this position if it is news; tell whether it was."""
        if position <= self.latest:
            return False
        self.latest = position
        self._wake(future for future, after in self._waiting.items() if position > after)
        return True

    def wake(self) -> None:
        """Wake everybody."""
        self._wake(self._waiting)

    def _wake(self, futures: Iterable[asyncio.Future[None]]) -> None:
        for future in futures:
            tell(future, None)

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for a position beyond `after`, or for `timeout` seconds; tell the newest known."""
        if self.latest > after:
            return self.latest
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = after
        self._someone.set()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await future
        finally:
            del self._waiting[future]
            if not self._waiting:
                self._someone.clear()
        return self.latest

    async def someone_waits(self) -> None:
        """Return once somebody waits."""
        await self._someone.wait()


class Bell:
    """Tells other processes about appends, and hears of theirs, off the write path.

    One connection of its own listens, notifies and now and then looks at the position. Where
    listening is refused or in vain, as on a standby or behind a pooler, it looks often, and asks
    again from time to time.
    """

    def __init__(self, address: Address, waiters: Waiters, channel: str) -> None:
        self._link = Link(address)
        self._wants_to_listen = address.listen
        self._waiters = waiters
        self._channel = channel
        self._position_query = f"SELECT position FROM {address.quoted_schema}.counter"  # noqa: S608 - the name is quoted
        self._listening: Connection | None = None
        self._asked: Connection | None = None
        self._ask_again = 0.0
        self._told = 0
        self._misses = 0
        self._lost = False
        self._look_now = asyncio.Event()
        self._to_tell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen and to tell."""
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._tell())]

    def ring(self, position: int) -> None:
        """Wake this process at once and the others within milliseconds."""
        if self._waiters.advance(position):
            self._to_tell.set()

    async def close(self) -> None:
        """Tell what was not told yet, stop, and close the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._to_tell.is_set():
            with suppress(Exception):
                async with asyncio.timeout(1.0):
                    await self._link.use(self._notify)
        await self._link.close()
        self._waiters.wake()

    @property
    def _hearing(self) -> bool:
        return self._listening is not None and self._misses < MISSES_UNTIL_DEAF

    async def _watch(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._waiters.someone_waits()
            self._look_now.clear()
            try:
                await self._link.use(self._look)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                self._asked = self._listening = None
                self._tell_lost(error)
                await asyncio.sleep(jittered(pause))
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            interval = HEARING_INTERVAL if self._hearing else POLLING_INTERVAL
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._look_now.wait()

    async def _look(self, connection: Connection) -> None:
        """Listen if this connection does not yet, then read the position."""
        listened = connection is self._listening
        if self._wants_to_listen and not (listened and self._hearing):
            await self._listen(connection)
        unheard = self._waiters.advance(await connection.fetchval(self._position_query))
        self._misses = self._misses + 1 if unheard and listened else self._misses
        if connection is self._listening or not self._wants_to_listen:
            self._tell_restored()

    async def _listen(self, connection: Connection) -> None:
        """Ask for notifications, on the same connection only now and then."""
        now = asyncio.get_running_loop().time()
        if connection is self._asked and now < self._ask_again:
            return
        self._asked, self._ask_again = connection, now + LONGEST_PAUSE
        connection.add_termination_listener(self._connection_ended)
        try:
            await connection.remove_listener(self._channel, self._hear)
            await connection.add_listener(self._channel, self._hear)
        except asyncpg.PostgresError as error:
            if connection.is_closed():
                raise
            self._tell_lost(error)
        else:
            self._listening = connection

    def _hear(self, connection: object, sender: object, channel: str, payload: object) -> None:
        """Take note of a position; what this process may have told itself proves nothing.

        A pooler may deliver that, and nothing else; and it hides whose it is.
        """
        del sender, channel
        text = str(payload)
        if not text.isdecimal():
            return
        if self._listening is connection and int(text) > self._told:
            self._misses = 0
        self._waiters.advance(int(text))

    def _connection_ended(self, connection: object) -> None:
        if self._asked is connection:
            self._asked = self._listening = None
            self._look_now.set()

    async def _tell(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._to_tell.wait()
            try:
                await self._link.use(self._notify)
            except Exception:  # noqa: BLE001 - the others look meanwhile
                await asyncio.sleep(jittered(pause))
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            await asyncio.sleep(NOTIFY_SPACING)

    async def _notify(self, connection: Connection) -> None:
        """Notify once for all that was appended; such a commit need not wait for a disk."""
        self._to_tell.clear()
        self._told = self._waiters.latest
        try:
            await connection.execute(
                "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)",
                self._channel,
                str(self._told),
            )
        except BaseException:
            self._to_tell.set()
            raise

    def _tell_lost(self, error: Exception) -> None:
        if not self._lost:
            log.warning("store.listener_lost", error=type(error).__name__)
        self._lost = True

    def _tell_restored(self) -> None:
        """Wake everybody: something may have been missed meanwhile."""
        if self._lost:
            log.info("store.listener_restored")
            self._waiters.wake()
        self._lost = False
