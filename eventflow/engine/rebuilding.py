"""Computes the rows of a store anew from its log; it never computes one from an altered run."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from attrs import evolve

from eventflow.core.frozen import frozen
from eventflow.core.projection import Changes, JobRow, project
from eventflow.core.state import RunState
from eventflow.engine.keys import key_of_event
from eventflow.engine.stream import Stream
from eventflow.errors import InvalidSettings
from eventflow.store.chain import verify
from eventflow.store.contract import Operation, Store, StoredEvent
from eventflow.store.rebuilding import Rebuilds, Rebuilt


@frozen
class RebuildReport:
    """What was computed anew: the rows of so many runs, from so many events."""

    runs: int
    events: int


async def rebuild_rows(
    store: Store, *, progress: Callable[[int], object] | None = None
) -> RebuildReport:
    """Drop all derived rows of a store, and compute them from the log, in one transaction.

    Meanwhile nobody can append: workers wait, as for a store that is away, so stop them if it
    takes longer than their leases. Killed or cancelled at any point, nothing was changed. What
    workers have renewed without an event, the leases and the times of checks, is kept where the
    claim is still the same.

    Args:
        store: The store.
        progress: Is told every now and then how many events were read.

    Raises:
        HistoryAltered: A run is not what was recorded, so no rows were computed at all.
        InvalidSettings: This kind of store has no way to do it.
        StoreUnavailable: The store is away, or whoever asks lacks the right.
    """
    if not isinstance(store, Rebuilds):
        raise InvalidSettings(
            f"{type(store).__name__} cannot compute its rows anew; copy its history to a new "
            "store, which computes them"
        )
    events = 0

    def count(read: int) -> None:
        nonlocal events
        events = read
        if progress is not None:
            progress(read)

    runs = await store.rebuild(partial(derive, now=await store.now()), count)
    return RebuildReport(runs, events)


def derive(
    events: Sequence[StoredEvent], claimed: Mapping[str, JobRow], *, now: datetime
) -> Rebuilt:
    """Prove a run and compute its rows.

    Raises:
        HistoryAltered: It is not what was recorded.
    """
    verify(events)
    stream = Stream(events[0].run_id)
    opened = stream.fold(events)
    if stream.state is None:
        raise AssertionError("a run has events")
    rows = project(stream.state)
    jobs = (_renewed(job, claimed.get(job.stage), stream.state, events, now) for job in rows.jobs)
    return Rebuilt(
        operation=Operation(
            op_id=events[0].op_id,
            run_id=rows.run.run_id,
            expected=0,
            events=tuple(events),
            changes=Changes(run=rows.run, stages=rows.stages, jobs=tuple(jobs)),
        ),
        keys={
            key: each.op_id
            for each in opened
            if (key := key_of_event(each.event, each.run_id)) is not None
        },
    )


def _renewed(
    job: JobRow,
    before: JobRow | None,
    state: RunState,
    events: Sequence[StoredEvent],
    now: datetime,
) -> JobRow:
    """Keep what renewals of the same claim have moved, if it can have been moved so far."""
    stage = state.stages[job.stage]
    if before is None or before.token != job.token or stage.claim is None:
        return job
    lease = stage.claim.lease_until - events[job.token - 1].recorded_at
    latest = max(now + lease, stage.suspension.deadline) if stage.suspension else now + lease
    if before.due_at > latest:
        return job
    return evolve(job, due_at=before.due_at, leased=before.leased)
