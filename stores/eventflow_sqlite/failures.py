"""Says what an error of SQLite means and what to do about it; it hides none."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from eventflow.errors import StoreUnavailable

_PRIMARY = 0xFF  # the low byte of an extended result code

_ADVICE = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked; let it commit, or raise busy_timeout",
    sqlite3.SQLITE_LOCKED: "another connection keeps it locked; let it commit",
    sqlite3.SQLITE_READONLY: "it cannot be written; allow writing to the file and to its folder",
    sqlite3.SQLITE_PERM: "it cannot be written; allow writing to the file and to its folder",
    sqlite3.SQLITE_FULL: "there is no room left; free some space and try again",
    sqlite3.SQLITE_IOERR: "the disk failed; look at its health and free space, then try again",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; create its folder, and allow writing there",
    sqlite3.SQLITE_CORRUPT: "it is damaged; keep a copy, and restore the last good backup",
    sqlite3.SQLITE_NOTADB: "it is not a SQLite database; name another file",
}


@contextmanager
def explained(path: str) -> Generator[None]:
    """Turn errors that come from the file or its surroundings into `StoreUnavailable`.

    A mistake in a statement or an argument is not one of them, and passes unchanged.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        advice = _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & _PRIMARY)
        if advice is None:
            raise
        if Path(path).is_dir():
            advice = "it is a folder; name a file in it, such as eventflow.db"
        raise StoreUnavailable(f"SQLite database {path!r}: {advice} ({error})") from error
