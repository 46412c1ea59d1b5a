"""Proves a run: its hash chain, its versions, and its rows against the fold of its events."""

from datetime import UTC, datetime

from attrs import evolve as changed
from attrs import frozen

from eventflow.core.projection import JobRow, Projection, project
from eventflow.core.state import replay
from eventflow.engine.journal import Journal, unknown_run
from eventflow.errors import HistoryAltered
from eventflow.store.chain import verify
from eventflow.store.contract import RunQuery, StoredEvent
from eventflow.store.envelope import open_envelope

NO_TIME = datetime.min.replace(tzinfo=UTC)


@frozen
class Verified:
    """The verdict on a run that nobody altered.

    Attributes:
        run_id: The run.
        events: How many events it has.
        head: The hash of the last one; keep it elsewhere to prove later that nothing was cut off.
    """

    run_id: str
    events: int
    head: str


async def verify_run(journal: Journal, run_id: str) -> Verified:
    """Read a run as the store has it and recompute everything.

    Raises:
        HistoryAltered: Naming the first event that does not fit, or the rows that drifted.
        RunNotFound: The store has no such run.
    """
    stored, rows = await _read(journal, run_id)
    verify(stored)
    state = replay(open_envelope(event) for event in stored)
    if rows is None or _settled(rows) != _settled(project(state)):
        raise HistoryAltered(
            run_id, state.version, "the rows of the run are not what its events say"
        )
    return Verified(run_id, len(stored), stored[-1].hash.hex())


async def _read(journal: Journal, run_id: str) -> tuple[list[StoredEvent], Projection | None]:
    """Read the events and the rows of one moment: nothing was appended between the two."""
    before = 0
    while True:
        page = await journal.store.runs(RunQuery(run_ids=[run_id]))
        stored = await journal.store.read([run_id])
        if not stored:
            raise unknown_run(run_id)
        rows = page.items[0] if page.items else None
        if rows is None or rows.run.version == stored[-1].version or before == len(stored):
            return stored, rows
        before = len(stored)


def _settled(rows: Projection) -> Projection:
    """Leave out what renewals move without an event: the due times of jobs that are claimed."""
    return changed(
        rows,
        stages=tuple(sorted(rows.stages, key=lambda row: row.stage)),
        jobs=tuple(sorted((_still(job) for job in rows.jobs), key=lambda row: row.stage)),
    )


def _still(job: JobRow) -> JobRow:
    return changed(job, due_at=NO_TIME, leased=False) if job.token else job
