"""The blobs beside the log, in a table of the same file; it adds no rule to the contract."""

import sqlite3
from collections.abc import Sequence

from eventflow.errors import BlobNotFound
from eventflow.store.blobs import checked, key_of
from eventflow_sqlite.session import Session

_EXISTS = "SELECT EXISTS (SELECT 1 FROM blobs WHERE key = ?)"
_INSERT = """
    INSERT INTO blobs (number, key, data)
    VALUES ((SELECT coalesce(max(number), 0) + 1 FROM blobs), ?, ?)
"""
_SELECT = "SELECT data FROM blobs WHERE key = ?"
# No character of a key comes behind the last one here.
_LIST = """
    SELECT key FROM blobs
    WHERE key > ? AND key BETWEEN ? AND ? || '~' ORDER BY key LIMIT ?
"""


class SQLiteBlobs:
    """The contract of a blob store, on the connections of the log."""

    def __init__(self, path: str, writer: Session, reader: Session) -> None:
        self._path = path
        self._writer = writer
        self._reader = reader

    async def put(self, data: bytes) -> str:
        """Keep bytes in a transaction of their own, and give their key."""
        key = key_of(data)
        if not await self.exists(key):
            await self._writer.write(lambda connection: _insert(connection, key, data))
        return key

    async def get(self, key: str) -> bytes:
        """Give the bytes of a blob, which were compared with the key."""

        def select(connection: sqlite3.Connection) -> bytes:
            rows = connection.execute(_SELECT, (key,)).fetchall()
            if not rows:
                raise BlobNotFound(key, f"SQLite database {self._path!r}")
            return checked(key, rows[0][0])

        return await self._reader.run(select)

    async def exists(self, key: str) -> bool:
        """Tell whether there is such a blob."""
        return await self._reader.run(lambda connection: _exists(connection, key))

    async def close(self) -> None:
        """Leave the connections to the log."""

    async def list(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Sequence[str]:
        """List keys in order, one page of them."""

        def select(connection: sqlite3.Connection) -> Sequence[str]:
            given = (after, prefix, prefix, limit)
            return [key for (key,) in connection.execute(_LIST, given).fetchall()]

        return await self._reader.run(select)


def _exists(connection: sqlite3.Connection, key: str) -> bool:
    ((found,),) = connection.execute(_EXISTS, (key,)).fetchall()
    return bool(found)


def _insert(connection: sqlite3.Connection, key: str, data: bytes) -> None:
    if not _exists(connection, key):
        connection.execute(_INSERT, (key, data))
