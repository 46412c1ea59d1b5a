"""Reads events from the log, by run or by position."""

import sqlite3
from collections.abc import Collection

from eventflow.store.contract import StoredEvent
from eventflow_sqlite.chosen import select_in
from eventflow_sqlite.rows import SELECT_EVENTS, event

RUNS = SELECT_EVENTS + "WHERE run_id IN ({}) AND version > ? ORDER BY run_id, version"
ALL = SELECT_EVENTS + "WHERE position > ? ORDER BY position LIMIT ?"


def read_runs(
    connection: sqlite3.Connection, run_ids: Collection[str], after: int
) -> list[StoredEvent]:
    """Read the events of several runs beyond a version, each run's in order."""
    return [event(row) for row in select_in(connection, RUNS, set(run_ids), after)]


def read_all(connection: sqlite3.Connection, after: int, limit: int) -> list[StoredEvent]:
    """Read the log beyond a position, in order."""
    return [event(row) for row in connection.execute(ALL, (after, limit)).fetchall()]
