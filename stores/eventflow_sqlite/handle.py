"""A connection that is closed before a fork, and made again when it is next used.

SQLite keeps the locks of a file by process. A connection that is carried through a fork leaves the
child with locks that it only believes to have, also for connections that it makes itself: when the
parent closes the file, what the child has committed is lost ("How To Corrupt An SQLite Database
File", section 2.6). So no fork may meet an open connection, nor SQLite at work.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from weakref import WeakSet


class Handle:
    """One connection, for one user at a time.

    Args:
        connect: Makes the connection; it may be used on any thread.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        _watch_forks().add(self)

    @contextmanager
    def use(self) -> Generator[sqlite3.Connection]:
        """Give the connection; a fork waits until it is given back."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            yield self._connection

    def close(self) -> None:
        """Close the connection, once it is not in use."""
        with self._lock:
            self.disconnect()

    def disconnect(self) -> None:
        """Close the connection, which is not in use."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def hold(self) -> None:
        """Let nobody use the connection, and close it."""
        self._lock.acquire()
        self.disconnect()

    def release(self) -> None:
        """Let the connection be made and used again."""
        self._lock.release()


class _Handles:
    """All handles of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: WeakSet[Handle] = WeakSet()
        self._held: list[Handle] = []

    def add(self, handle: Handle) -> None:
        """Take a new handle into account, before it has a connection."""
        with self._lock:
            self._all.add(handle)

    def hold(self) -> None:
        """Close every connection once it is not in use, and let none be made."""
        self._lock.acquire()
        self._held = list(self._all)
        for handle in self._held:
            handle.hold()

    def release(self) -> None:
        """Let connections be made again, in the parent as in the child."""
        held, self._held = self._held, []
        for handle in held:
            handle.release()
        self._lock.release()


@cache
def _watch_forks() -> _Handles:
    handles = _Handles()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=handles.hold,
            after_in_parent=handles.release,
            after_in_child=handles.release,
        )
    return handles
