"""The connections to one database: made when needed, made again when lost, never handed out."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from socket import gaierror
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import asyncpg

from eventflow.errors import StoreUnavailable
from eventflow_postgres.address import Address, Host
from eventflow_postgres.failures import Remedy, needs_a_session, remedy_for

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], Awaitable[T]]

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0


class NoHostWillDo(ConnectionError):
    """None of several hosts can be used; the message has the reason of each."""


class Connections:
    """One connection that writes and a few that read, for one event loop.

    Appends come one at a time, since a group commit takes all that waits, so one writer is enough.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._closed = False
        self._writer = Link(address)
        self._readers = [Link(address) for _ in range(address.pool_size)]
        self._idle: asyncio.LifoQueue[Link] = asyncio.LifoQueue()
        for reader in self._readers:
            self._idle.put_nowait(reader)

    async def write(self, work: Work[T]) -> T:
        """Do work on the writing connection; it must be safe to do twice.

        Raises:
            StoreUnavailable: The database did not answer for `retry_timeout` seconds.
        """
        return await self._patiently(lambda: self._writer.use(work))

    async def query(self, work: Work[T]) -> T:
        """Do work on one of the other connections; it must be safe to do twice.

        Raises:
            StoreUnavailable: The database did not answer for `retry_timeout` seconds.
        """
        return await self._patiently(lambda: self._read(work))

    async def fetch(self, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
        """Run one query on one of the other connections."""
        return await self.query(lambda connection: connection.fetch(sql, *arguments))

    def check_open(self) -> None:
        """Refuse to go on after `close`.

        Raises:
            StoreUnavailable: The store is closed.
        """
        if self._closed:
            raise StoreUnavailable(f"the store {self._address.shown} is closed")

    async def close(self) -> None:
        """Close all connections, at the same time: a server that hangs costs one second."""
        self._closed = True
        await asyncio.gather(*(link.close() for link in (self._writer, *self._readers)))

    async def _read(self, work: Work[T]) -> T:
        link = await self._idle.get()
        try:
            return await link.use(work)
        finally:
            self._idle.put_nowait(link)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._address.retry_timeout
        pause = FIRST_PAUSE
        while True:
            self.check_open()
            try:
                return await attempt()
            except Exception as error:
                remedy = remedy_for(error)
                if remedy is Remedy.RAISE:
                    raise
                if remedy is Remedy.GIVE_UP or loop.time() + pause > until:
                    raise unavailable(self._address, error) from None
            await asyncio.sleep(jittered(pause))
            pause = min(2 * pause, LONGEST_PAUSE)


class Link:
    """One connection, used by one task at a time."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        self._closed = False

    async def use(self, work: Work[T]) -> T:
        """Connect if need be and do the work; drop the connection if it was lost."""
        async with self._lock:
            if self._closed:
                raise asyncpg.InterfaceError("the connection was closed")
            connection = await self._connected()
            try:
                return await work(connection)
            except BaseException as error:
                # After a cancellation whoever comes next would wait for the server to confirm it.
                if not isinstance(error, Exception) or remedy_for(error) is Remedy.RECONNECT:
                    self._drop()
                raise

    async def close(self) -> None:
        """Close the connection for good, politely if that is quick."""
        self._closed = True
        if self._connection is None:
            return
        try:
            await self._connection.close(timeout=1.0)
        except Exception:  # noqa: BLE001 - it is gone either way
            self._drop()
        self._connection = None

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await connect(self._address)
            if self._closed:  # meanwhile, by somebody who did not wait for this
                connection.terminate()
                raise asyncpg.InterfaceError("the connection was closed")
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None


async def connect(address: Address) -> Connection:
    """Open one connection, to the first host that will do."""
    failed: list[tuple[Host, Exception]] = []
    for host, session in _candidates(address):
        try:
            return await _connect_to(host, session, address)
        except Exception as error:
            if remedy_for(error) is not Remedy.RECONNECT:
                raise
            failed.append((host, error))
    if len(address.hosts) == 1:
        raise failed[-1][1]
    raise NoHostWillDo(
        "; ".join(f"{host.name}: {type(error).__name__}: {error}" for host, error in failed)
    )


def _candidates(address: Address) -> Iterator[tuple[Host, str]]:
    """Give the hosts with the session that is asked of each: a mere wish first, then anything."""
    wanted = address.target_session_attrs
    if wanted != "prefer-standby" or len(address.hosts) == 1:
        yield from ((host, wanted) for host in address.hosts)
        return
    for session in ("standby", "any"):
        yield from ((host, session) for host in address.hosts)


async def _connect_to(host: Host, session: str, address: Address) -> Connection:
    settings = {"application_name": address.application_name}
    if not address.pooled:
        settings |= {
            "default_transaction_isolation": "read committed",
            "idle_in_transaction_session_timeout": "60s",
            "jit": "off",
            "lock_timeout": "5s",
            # Before a table was first analysed, a few rows look like many; to start workers for
            # them takes twenty times as long as to read them.
            "max_parallel_workers_per_gather": "0",
            "statement_timeout": f"{round(1000 * address.command_timeout)}ms",
        }
    options: dict[str, Any] = {"target_session_attrs": session}
    return await asyncpg.connect(
        host.dsn,
        timeout=address.connect_timeout,
        command_timeout=address.command_timeout + 1.0,
        statement_cache_size=address.statement_cache_size,
        server_settings=settings,
        **options,
    )


def unavailable(address: Address, error: Exception) -> StoreUnavailable:
    """Say which database is away and why, without passwords."""
    reason = address.redact(str(error)) or "no answer in time"
    if needs_a_session(error):
        reason += "; behind a pooler such as PgBouncer, add statement_cache_size=0 to the URL"
    if isinstance(error, gaierror):
        reason += "; is the host in the URL spelled right, and known on this machine?"
    elif isinstance(error, ConnectionRefusedError) or "Connect call failed" in reason:
        reason += "; does the server run, and does it listen at the host and port of the URL?"
    return StoreUnavailable(f"{address.shown}: {type(error).__name__}: {reason}")


def jittered(pause: float) -> float:
    """Spread a pause over half of itself to all of it, so that processes do not come in step."""
    return pause * (0.5 + secrets.randbelow(1000) / 2000)
