"""One connection and the one thread that uses it; the event loop never waits for the disk."""

import os
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from eventflow.errors import StoreUnavailable
from eventflow.store.own_thread import OwnThread
from eventflow_sqlite.failures import explained
from eventflow_sqlite.handle import Handle

T = TypeVar("T")

_INTERVAL = 0.001


class Session:
    """Runs functions on a connection, one after the other, each as a whole.

    A function that has begun runs to its end, also when the task that waits for it is cancelled.

    Args:
        connect: Makes the connection.
        path: The file, as errors name it.
        name: What the thread is called.
        patience: Seconds to wait for another process that is writing.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], path: str, name: str, patience: float
    ) -> None:
        self._connect = connect
        self._handle = Handle(self._connected)
        self._path = path
        self._file: tuple[int, int] | None = None
        self._patience = patience
        self._thread = OwnThread(name)
        self._closed = False

    async def open(self) -> None:
        """Make the connection, on the thread that will use it."""
        await self.run(lambda _: None)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function on the connection and give its answer.

        Raises:
            StoreUnavailable: The session is closed, or the database cannot be used.
        """
        self.check_open()
        return await self._thread.run(partial(self._explain, work))

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in one transaction, which commits everything that it writes, or nothing.

        Raises:
            StoreUnavailable: The session is closed, or the database cannot be used.
        """

        def transact(connection: sqlite3.Connection) -> T:
            self._refuse_lost_file()
            with transaction(connection, "BEGIN IMMEDIATE", self._patience):
                return work(connection)

        return await self.run(transact)

    def check_open(self) -> None:
        """Refuse to go on after `close`.

        Raises:
            StoreUnavailable: The session is closed.
        """
        if self._closed:
            raise StoreUnavailable(f"SQLite database {self._path!r}: this store is closed")

    def refuse(self) -> None:
        """Take no more work; what was begun goes on."""
        self._closed = True

    async def close(self) -> None:
        """Close the connection once everything that was begun has ended."""
        self.refuse()
        try:
            await self._thread.run(self._handle.close)
        finally:
            self._thread.end()

    def _connected(self) -> sqlite3.Connection:
        if self._file is not None:  # it was closed for a fork
            self._refuse_lost_file()
        connection = self._connect()
        self._file = _identity(self._path)
        return connection

    def _refuse_lost_file(self) -> None:
        """Write nothing into a file that nobody will find again; SQLite itself would not notice."""
        if self._file != _identity(self._path):
            raise StoreUnavailable(
                f"SQLite database {self._path!r}: the file was deleted, moved or replaced while it "
                "was open; put it back, or restart this process"
            )

    def _explain(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with explained(self._path), self._handle.use() as connection:
            return work(connection)


def _identity(path: str) -> tuple[int, int] | None:
    """Tell one file from another that has its name; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - before each append, and much faster
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def transaction(
    connection: sqlite3.Connection, begin: str, patience: float = 0.0
) -> Generator[None]:
    """Commit everything inside, or nothing.

    Args:
        connection: Where there is no transaction under way.
        begin: How to begin. A transaction that may write is immediate: one that reads first and
            writes later fails at once when another process has written in between.
        patience: Seconds to wait for another process that is writing.
    """
    _begin(connection, begin, patience)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _begin(connection: sqlite3.Connection, begin: str, patience: float) -> None:
    """Try again and again, at short intervals.

    SQLite itself waits longer and longer, up to 100 ms, while others get the lock in between.
    """
    give_up_at = time.monotonic() + patience  # noqa: TID251 - other processes take real time
    while True:
        try:
            connection.execute(begin)
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > give_up_at:  # noqa: TID251 - as above
                raise
        time.sleep(_INTERVAL)
