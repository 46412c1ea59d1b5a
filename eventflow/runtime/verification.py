"""Proves a run, or all of a store: chains, versions, positions, blobs, and rows against the fold.

It reads and never writes, and workers may go on meanwhile.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from attrs import evolve as changed

from eventflow.core.frozen import frozen
from eventflow.core.projection import JobRow, Projection, project
from eventflow.engine.blob_keys import blob_keys
from eventflow.engine.journal import unknown_run
from eventflow.engine.paging import pages_of, with_histories
from eventflow.engine.stream import Stream
from eventflow.engine.walking import UNREADABLE, Walk, newest_position
from eventflow.errors import (
    Alteration,
    BlobAltered,
    BlobNotFound,
    CheckpointMismatch,
    HistoryAltered,
)
from eventflow.store.blobs import BlobStore
from eventflow.store.chain import verify
from eventflow.store.contract import RunQuery, Store, StoredEvent

NO_TIME = datetime.min.replace(tzinfo=UTC)

_TOGETHER = 200


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


@frozen
class VerifiedStore:
    """The verdict on a store that nobody altered.

    Attributes:
        events: How many events the log has.
        root: The root of the Merkle tree over them, in hexadecimal.
        runs: How many runs were compared with their rows.
        blobs: How many blobs they refer to; one that several runs refer to counts for each.
    """

    events: int = 0
    root: str = ""
    runs: int = 0
    blobs: int = 0


Progress: TypeAlias = Callable[[VerifiedStore], object]
"""Is told how far a verification has come, every now and then."""


async def verify_run(store: Store, run_id: str, blobs: BlobStore | None = None) -> Verified:
    """Read a run as the store has it and recompute everything.

    Raises:
        HistoryAltered: Naming the first event that does not fit, or the rows that drifted.
        RunNotFound: The store has no such run.
    """
    stored, rows = await _read(store, run_id)
    _compare(rows, project_whole(stored), len(stored))
    await _verify_blobs(store, blobs, stored)
    return Verified(run_id, len(stored), stored[-1].hash.hex())


async def verify_store(
    store: Store,
    *,
    roots: Mapping[int, bytes] | None = None,
    blobs: BlobStore | None = None,
    progress: Progress | None = None,
) -> VerifiedStore:
    """Read a whole store and recompute everything.

    First the log is read in its order, then each run with its rows and blobs. Memory is that of
    the longest run, whatever the number of events and runs. What is appended meanwhile is left to
    the next time.

    Args:
        store: The store.
        roots: What the root of the tree over the log was at some sizes, as checkpoints say.
        blobs: Where the blobs are, if not beside the log.
        progress: Is called every now and then.

    Raises:
        CheckpointMismatch: The log had another root at a size, or has become shorter.
        HistoryAltered: Naming the first event that does not fit, or the rows that drifted.
        StoreUnavailable: The store is away.
    """
    until = await newest_position(store)
    for size in roots or ():
        if size > until:
            reason = f"{until} events are left"
            raise CheckpointMismatch(size, reason, Alteration.MISSING)
    walk = Walk(store, until, marks=roots)

    def tell(events: int) -> None:
        if progress is not None:
            progress(VerifiedStore(events))

    tree = await walk.to_the_end(tell)
    verdict = VerifiedStore(until, tree.root().hex())
    try:
        return await _verify_rows(store, blobs, verdict, progress)
    except UNREADABLE as error:
        reason = f"there are rows that cannot be read: {error}"
        raise await _first_without_rows(store, until, reason) from error


def project_whole(stored: Sequence[StoredEvent]) -> Projection:
    """Prove a whole history, and compute the rows that it implies.

    Raises:
        HistoryAltered: Naming the first event that does not fit.
    """
    verify(stored)
    stream = Stream(stored[0].run_id)
    stream.fold(stored)
    if stream.state is None:
        raise AssertionError("a history has events")
    return project(stream.state)


async def _read(store: Store, run_id: str) -> tuple[list[StoredEvent], Projection | None]:
    """Read the events and the rows of one moment: nothing was appended between the two."""
    before = 0
    while True:
        page = await store.runs(RunQuery(run_ids=[run_id]))
        stored = await store.read([run_id])
        if not stored and not page.items:
            raise unknown_run(run_id)
        if not stored:
            raise HistoryAltered(run_id, 1, "it has rows and no event", Alteration.MISSING)
        rows = page.items[0] if page.items else None
        if rows is None or rows.run.version == stored[-1].version or before == len(stored):
            return stored, rows
        before = len(stored)


async def _verify_rows(
    store: Store, blobs: BlobStore | None, verdict: VerifiedStore, progress: Progress | None
) -> VerifiedStore:
    """Compare all runs with their rows, and see that no event belongs to a run without any."""
    events, youngest = 0, None
    async for page in pages_of(store, RunQuery()):
        async for rows, stored in with_histories(store, page):
            run_id = rows.run.run_id
            if not stored or _settled(rows) != _settled(project_whole(stored)):
                await verify_run(store, run_id, blobs)  # it may have gone on between the two reads
            oldest = stored[0].position if stored else 0
            if youngest is not None and oldest >= youngest:
                reason = "its position is not that of the rows of its run"
                raise HistoryAltered(run_id, 1, reason, Alteration.REORDERED)
            youngest = oldest
            found = await _verify_blobs(store, blobs, stored)
            events += sum(event.position <= verdict.events for event in stored)
            verdict = changed(verdict, runs=verdict.runs + 1, blobs=verdict.blobs + found)
        if progress is not None:
            progress(verdict)
    if events != verdict.events:
        raise await _first_without_rows(store, verdict.events, "the run has no rows")
    return verdict


async def _first_without_rows(store: Store, until: int, reason: str) -> HistoryAltered:
    """Name the first run of the log whose rows are not there, or cannot be read."""
    after = 0
    while after < until:
        page = await store.read_all(after, _TOGETHER)
        for run_id in dict.fromkeys(event.run_id for event in page if event.version == 1):
            if not await _has_rows(store, run_id):
                return HistoryAltered(run_id, 1, reason, Alteration.DRIFTED)
        after = page[-1].position
    return HistoryAltered("", 0, reason, Alteration.DRIFTED)


async def _has_rows(store: Store, run_id: str) -> bool:
    try:
        return bool((await store.runs(RunQuery(run_ids=[run_id]))).items)
    except UNREADABLE:
        return False


async def _verify_blobs(
    store: Store, blobs: BlobStore | None, stored: Sequence[StoredEvent]
) -> int:
    """Look at every blob that a run refers to; count them."""
    seen: set[str] = set()
    for event in stored:
        for key in blob_keys(event):
            if key not in seen:
                seen.add(key)
                await _verify_blob(blobs or store.blobs, key, event)
    return len(seen)


async def _verify_blob(blobs: BlobStore, key: str, event: StoredEvent) -> None:
    try:
        await blobs.get(key)
    except (BlobNotFound, BlobAltered) as error:
        how = Alteration.MISSING if isinstance(error, BlobNotFound) else Alteration.ALTERED
        raise HistoryAltered(event.run_id, event.version, str(error), how) from error


def _compare(rows: Projection | None, implied: Projection, version: int) -> None:
    """Compare the rows of a run with those that its events imply."""
    if rows is not None and _settled(rows) == _settled(implied):
        return
    run_id, reason = implied.run.run_id, "the rows of the run are not what its events say"
    if rows is None:
        reason += ": there are none"
    elif rows.run.version > version:
        reason += f": they know of {rows.run.version} events, and there are {version}"
        raise HistoryAltered(run_id, version + 1, reason, Alteration.MISSING)
    raise HistoryAltered(run_id, version, reason, Alteration.DRIFTED)


def _settled(rows: Projection) -> Projection:
    """Leave out what renewals move without an event: the due times of jobs that are claimed."""
    return changed(
        rows,
        stages=tuple(sorted(rows.stages, key=lambda row: row.stage)),
        jobs=tuple(sorted((_still(job) for job in rows.jobs), key=lambda row: row.stage)),
    )


def _still(job: JobRow) -> JobRow:
    return changed(job, due_at=NO_TIME, leased=False) if job.token else job
