"""The SQLite store of eventflow; it uses nothing that another store could not use."""

from eventflow_sqlite.inspection import inspect
from eventflow_sqlite.scratch import scratch
from eventflow_sqlite.store import SQLiteStore, connect

__all__ = ["SQLiteStore", "connect", "inspect", "scratch"]
