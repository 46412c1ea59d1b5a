"""Writes all derived rows anew, from what is computed of the log; it decides nothing."""

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import groupby, islice
from operator import itemgetter

from eventflow.core.projection import JobRow
from eventflow.store.rebuilding import Derive, Rebuilt
from eventflow_sqlite.rows import SELECT_EVENTS, SELECT_JOBS, Row, event, job
from eventflow_sqlite.write import rows_laid_out, write

TOGETHER = 100
"""The rows of so many runs are written at once."""

_DERIVED = ("labels", "stages", "jobs", "runs", "keys")
_run_id = itemgetter(1)


class InterruptedRebuild(Exception):
    """Whoever asked for it no longer waits."""


def rebuild(
    connection: sqlite3.Connection,
    derive: Derive,
    progress: Callable[[int], object],
    interrupted: threading.Event,
) -> int:
    """Put derived rows in the place of all rows, inside a transaction; count the runs."""
    claimed = _claimed(connection)
    for table in _DERIVED:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - all ours
    rebuilt = _rebuilt(connection, derive, claimed)
    runs = events = 0
    while batch := list(islice(rebuilt, TOGETHER)):
        if interrupted.is_set():
            raise InterruptedRebuild
        _write(connection, batch)
        runs += len(batch)
        events += sum(len(each.operation.events) for each in batch)
        progress(events)
    return runs


def _claimed(connection: sqlite3.Connection) -> Mapping[int, dict[str, JobRow]]:
    """Read what renewals may have moved, by the position of the first event of the run.

    What cannot be read cannot be kept.
    """
    found: defaultdict[int, dict[str, JobRow]] = defaultdict(dict)
    for row in connection.execute(SELECT_JOBS + "WHERE token > 0"):
        with suppress(ValueError, OverflowError):
            found[row[0]][row[1]] = job(row)
    return found


def _rebuilt(
    connection: sqlite3.Connection, derive: Derive, claimed: Mapping[int, dict[str, JobRow]]
) -> Iterator[Rebuilt]:
    rows: Iterator[Row] = connection.execute(SELECT_EVENTS + "ORDER BY run_id, version")
    for _, of_run in groupby(rows, key=_run_id):
        events = [event(row) for row in of_run]
        yield derive(events, claimed.get(events[0].position, {}))


def _write(connection: sqlite3.Connection, batch: list[Rebuilt]) -> None:
    keys = [
        (key, each.operation.run_id, op_id) for each in batch for key, op_id in each.keys.items()
    ]
    write(connection, rows_laid_out([each.operation for each in batch], keys))
