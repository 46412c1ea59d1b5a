"""Lists the jobs that are due, and moves their due times; it never changes the log.

The jobs that are ready and those that wait for their time are in two indexes, so that neither
grows with the other. What became due moves from the second to the first when somebody asks.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice

from eventflow.store.contract import DueJob, Renewal
from eventflow_sqlite.rows import Row, due_job, microseconds

PROMOTED_AT_ONCE = 5_000
FOREVER = 2**62

_WAITING = "SELECT 1 FROM jobs WHERE ready = 0 AND due_at <= ? LIMIT 1"
_READY = """
    SELECT -j.priority, j.position, r.run_id, j.stage, r.version, j.token, j.leased
    FROM jobs AS j JOIN runs AS r ON r.run = j.run
    WHERE j.ready = 1 AND j.workflow_id = ? AND j.stage = ? AND j.due_at <= ? AND j.held_until <= ?
    ORDER BY j.priority DESC, j.position LIMIT ?
"""
_FIRST = """
    SELECT workflow_id, stage FROM jobs WHERE ready = 1 ORDER BY workflow_id, stage LIMIT 1
"""
_NEXT_STAGE = """
    SELECT workflow_id, stage FROM jobs WHERE ready = 1 AND workflow_id = ? AND stage > ?
    ORDER BY stage LIMIT 1
"""
_NEXT_WORKFLOW = """
    SELECT workflow_id, stage FROM jobs WHERE ready = 1 AND workflow_id > ?
    ORDER BY workflow_id, stage LIMIT 1
"""
_PROMOTE = """
    UPDATE jobs SET ready = 1 WHERE (run, stage) IN (
        SELECT run, stage FROM jobs WHERE ready = 0 AND due_at <= ? ORDER BY due_at LIMIT ?
    )
"""
_HOLD = """
    UPDATE jobs SET held_until = ? WHERE run = (SELECT run FROM runs WHERE run_id = ?) AND stage = ?
"""
_RENEW = """
    UPDATE jobs SET due_at = ?, leased = ?, ready = 0
    WHERE run = (SELECT run FROM runs WHERE run_id = ?) AND stage = ? AND token = ? AND leased = 1
"""

Workflows = Mapping[str, Collection[str]]


def list_due(
    connection: sqlite3.Connection, now: datetime, workflows: Workflows | None, limit: int
) -> list[DueJob] | None:
    """List the jobs whose time has come, or None if some of them are yet to be promoted."""
    moment = microseconds(now)
    if connection.execute(_WAITING, (moment,)).fetchall():
        return None
    return _first(connection, moment, workflows, limit, FOREVER)


def hold_due(
    connection: sqlite3.Connection,
    now: datetime,
    workflows: Workflows | None,
    limit: int,
    hold: float,
) -> list[DueJob]:
    """List due jobs that nobody holds, and keep them from others that hold for so many seconds."""
    moment = microseconds(now)
    promote(connection, now)
    found = _first(connection, moment, workflows, limit, moment)
    until = microseconds(now + timedelta(seconds=hold))
    connection.executemany(_HOLD, [(until, job.run_id, job.stage) for job in found])
    return found


def _first(
    connection: sqlite3.Connection,
    moment: int,
    workflows: Workflows | None,
    limit: int,
    held_until: int,
) -> list[DueJob]:
    """List the most important jobs that are ready, and that are not held beyond a time.

    Each pair has its own stretch of the index, so a backlog of others costs nothing.
    """
    ready = [
        connection.execute(_READY, (workflow_id, stage, moment, held_until, limit)).fetchall()
        for workflow_id, stage in _pairs(connection, workflows)
    ]
    first: Iterator[Row] = islice(merge(*ready), limit)
    return [due_job(row[2:]) for row in first]


def promote(connection: sqlite3.Connection, now: datetime) -> None:
    """Move some of the waiting jobs that are due to the ready ones."""
    connection.execute(_PROMOTE, (microseconds(now), PROMOTED_AT_ONCE))


def renew(connection: sqlite3.Connection, renewals: Sequence[Renewal]) -> list[Renewal]:
    """Move due times by compare-and-set on the token; give the renewals that were lost."""
    return [renewal for renewal in renewals if not _renewed(connection, renewal)]


def _renewed(connection: sqlite3.Connection, renewal: Renewal) -> bool:
    cursor = connection.execute(
        _RENEW,
        (
            microseconds(renewal.due_at),
            renewal.leased,
            renewal.run_id,
            renewal.stage,
            renewal.token,
        ),
    )
    return cursor.rowcount > 0


def _pairs(
    connection: sqlite3.Connection, workflows: Workflows | None
) -> Iterator[tuple[str, str]]:
    """Give each workflow with each stage that is asked for, or that has ready jobs."""
    if workflows is not None:
        for workflow_id, stages in workflows.items():
            for stage in set(stages):
                yield workflow_id, stage
        return
    found = connection.execute(_FIRST).fetchall()
    while found:
        yield found[0]
        found = (
            connection.execute(_NEXT_STAGE, found[0]).fetchall()
            or connection.execute(_NEXT_WORKFLOW, found[0][:1]).fetchall()
        )
