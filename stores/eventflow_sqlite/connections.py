"""Opens connections to the file, each set up for its task; none of them can drop a guard."""

import sqlite3

from eventflow_sqlite.address import Address
from eventflow_sqlite.failures import explained
from eventflow_sqlite.migrations import migrate
from eventflow_sqlite.write import script

LOG_PAGES = 2_000
"""About 8 MB of write-ahead log, so that a page that is written often is copied rarely.

More would save nothing that can be measured, and the log would become longer for longer: to make a
file longer takes the disk more than to write once more where something was written before.
"""

_GUARDED = frozenset({sqlite3.SQLITE_DROP_TRIGGER, sqlite3.SQLITE_DROP_TABLE})


def connect_writer(address: Address) -> sqlite3.Connection:
    """Open the one connection of this process that writes, and bring the schema up to date.

    Raises:
        StoreUnavailable: The file cannot be used, or belongs to another application.
        SchemaTooNew: A newer release of eventflow wrote the file.
    """
    connection = _connect(address, address.busy_timeout)
    try:
        migrate(connection, address)
        connection.execute(f"PRAGMA synchronous = {address.synchronous}")
        connection.execute("PRAGMA fullfsync = ON")  # macOS has a weaker fsync, too
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        connection.execute("PRAGMA cache_size = -32000")
        connection.execute("PRAGMA temp_store = MEMORY")  # a large append needs no other file
        connection.executescript(script())
        connection.execute("PRAGMA busy_timeout = 0")  # `transaction` waits, in its own way
    except BaseException:
        connection.close()
        raise
    return _guarded(connection)


def connect_reader(address: Address) -> sqlite3.Connection:
    """Open a connection that can only read."""
    connection = _connect(address, address.busy_timeout)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -16000")
    return _guarded(connection)


def connect_watcher(address: Address) -> sqlite3.Connection:
    """Open a connection for the event loop, which can only read, and waits for no lock."""
    with explained(address.path):
        connection = _connect(address, 0)
        connection.execute("PRAGMA query_only = ON")
        return _guarded(connection)


def _connect(address: Address, busy_timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(
        address.path,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,  # a fork closes it on whichever thread forks
        cached_statements=256,
    )


def _guarded(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.set_authorizer(_authorize)
    return connection


def _authorize(action: int, *_: object) -> int:
    return sqlite3.SQLITE_DENY if action in _GUARDED else sqlite3.SQLITE_OK
