"""The fixtures of the tests of the SQLite store."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventflow_sqlite import SQLiteStore, connect


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that does not exist yet."""
    return tmp_path / "eventflow.db"


@pytest.fixture
def url(path: Path) -> str:
    """Give its URL, with little patience for locks."""
    return f"sqlite:///{path}?busy_timeout=0.2"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SQLiteStore]:
    """Give an empty store."""
    opened = await connect(url)
    yield opened
    await opened.close()


@pytest.fixture
def other(store: SQLiteStore, path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection to the same file that is not the library's."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0.2)) as connection:
        yield connection
