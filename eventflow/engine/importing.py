"""Imports history files: all of a file is proven before any of it is appended, once only."""

import os
import shutil
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from itertools import groupby
from tempfile import TemporaryFile
from typing import IO, TypeAlias

from attrs import evolve

from eventflow.core.frozen import frozen
from eventflow.core.state import RunState
from eventflow.engine.appending import append_again
from eventflow.engine.copied import CopiedRun, another_history
from eventflow.engine.histories import History, read_histories
from eventflow.engine.own_runs import holds_positions
from eventflow.engine.paging import TOGETHER, read_whole
from eventflow.engine.source import STANDARD, Source
from eventflow.engine.stream import Stream
from eventflow.errors import CannotCopy
from eventflow.store.blobs import BlobStore
from eventflow.store.contract import Operation, Store, StoredEvent
from eventflow.store.own_thread import OwnThread


@frozen
class ImportReport:
    """What became of a history file.

    Attributes:
        runs: How many runs of it are in the store now.
        imported: How many events were appended.
        present: How many events the store had already.
        alive: How many of the runs have not ended in the file; a worker that has their workflow
            goes on with them.
        left_out: How many runs of subscriptions the file has: they hold positions of the log that
            they come from, and were not appended.
        run_ids: All other runs of the file, in their order; empty as long as it is being imported.
    """

    runs: int = 0
    imported: int = 0
    present: int = 0
    alive: int = 0
    left_out: int = 0
    run_ids: tuple[str, ...] = ()


Progress: TypeAlias = Callable[[ImportReport], object]
"""Is told how far an import has come, every now and then."""


async def import_histories(
    store: Store,
    source: Source,
    *,
    only_ended: bool = False,
    blobs: BlobStore | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Append the runs of a history file to a store, each event as it was recorded.

    The file is read twice: first all of it is proven, and compared with the runs that the store
    has; then each run is appended, in one transaction if it is new. A run that the store has is
    left as it is; one of which it has the beginning is continued. Runs of subscriptions are left
    out: how far a subscription has come is true in its own store only.

    Args:
        store: Where to append.
        source: A path, an open binary file, or `-`.
        only_ended: Refuse a file with a run that has not ended, since a worker would go on with it.
        blobs: Where the blobs go, if not beside the log.
        progress: Is called every now and then.

    Raises:
        CannotCopy: A run or an idempotency key is another one in the store, or is alive where
            that was refused; nothing was overwritten.
        HistoryAltered: The file is not what was exported; nothing was appended.
        OSError: The file cannot be read.
        SchemaTooNew: A newer release wrote the file; nothing was appended.
        StoreUnavailable: The store is away; import the file again to go on.
    """
    async with OwnThread("import") as thread:
        file = await thread.run(partial(_rereadable, source))
        try:
            proven = await _prove(store, file, thread, only_ended=only_ended)
            job = _Import(store, blobs, thread, progress)
            return await job.take(file, proven)
        finally:
            if file is not source:
                await thread.run(file.close)


def _rereadable(source: Source) -> IO[bytes]:
    """Open a source so that it can be read twice; what comes through a pipe is kept for that."""
    if isinstance(source, str | os.PathLike) and source != STANDARD:
        return open(source, "rb")  # noqa: PTH123 - also a str; the caller closes it
    given = sys.stdin.buffer if isinstance(source, str | os.PathLike) else source
    if given.seekable():
        return given
    kept = TemporaryFile()  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(given, kept)
    kept.seek(0)
    return kept


async def _batches(file: IO[bytes], thread: OwnThread) -> AsyncGenerator[list[History]]:
    """Read a file once, some runs at a time, from where it stands, and put it back there."""
    start = file.tell()
    histories = read_histories(file)
    try:
        while batch := await thread.run(partial(_some, histories)):
            yield batch
    finally:
        await thread.run(histories.close)
        file.seek(start)


def _some(histories: Iterator[History]) -> list[History]:
    """Take runs until they have many events together."""
    batch: list[History] = []
    events = 0
    while events < TOGETHER and (history := next(histories, None)):
        batch.append(history)
        events += len(history.events)
    return batch


async def _prove(
    store: Store, file: IO[bytes], thread: OwnThread, *, only_ended: bool
) -> ImportReport:
    """See that all runs can be folded, and none is another one in the store; count the living."""
    alive, left_out = 0, 0
    async with aclosing(_batches(file, thread)) as batches:
        async for all_of_them in batches:
            batch = _moving(all_of_them)
            left_out += len(all_of_them) - len(batch)
            present = await read_whole(store, {history.run_id for history in batch})
            for history in batch:
                state = _folded(history)
                if not state.status.ended:
                    alive += 1
                    _refuse_alive(state, only_ended=only_ended)
                _refuse_another(history, present[history.run_id])
    return ImportReport(alive=alive, left_out=left_out)


def _moving(batch: Sequence[History]) -> list[History]:
    """Leave out the runs that say nothing true in another store."""
    return [history for history in batch if not holds_positions(history.run_id)]


def _refuse_another(history: History, present: Sequence[StoredEvent]) -> None:
    for theirs, ours in zip(present, history.events, strict=False):
        if theirs.hash != ours.hash:
            raise another_history(history.run_id, theirs.version)


def _folded(history: History) -> RunState:
    stream = Stream(history.run_id)
    stream.fold(history.events)
    if stream.state is None:
        raise AssertionError("a history has events")
    return stream.state


def _refuse_alive(state: RunState, *, only_ended: bool) -> None:
    if only_ended:
        raise CannotCopy(
            state.run_id,
            state.version,
            f"it is {state.status}, a worker would go on with it, and only_ended=True refuses "
            "that; nothing was appended",
        )


@frozen
class _Import:
    """One import under way."""

    store: Store
    blobs: BlobStore | None
    thread: OwnThread
    progress: Progress | None

    async def take(self, file: IO[bytes], report: ImportReport) -> ImportReport:
        """Append what the store lacks of each run."""
        run_ids: list[str] = []
        async with aclosing(_batches(file, self.thread)) as batches:
            async for all_of_them in batches:
                batch = _moving(all_of_them)
                imported = await self._append(batch)
                run_ids += [history.run_id for history in batch]
                events = sum(len(history.events) for history in batch)
                report = evolve(
                    report,
                    runs=report.runs + len(batch),
                    imported=report.imported + imported,
                    present=report.present + events - imported,
                )
                if self.progress is not None:
                    self.progress(report)
        return evolve(report, run_ids=tuple(run_ids))

    async def _append(self, batch: Sequence[History]) -> int:
        """Append runs behind their blobs; count the events that the store lacked."""
        present = await read_whole(self.store, {history.run_id for history in batch})
        missing: list[Operation] = []
        for history in batch:
            missing += _missing(history, present[history.run_id])
            for data in history.blobs.values():
                await (self.blobs or self.store.blobs).put(data)
        await append_again(self.store, missing)
        return sum(len(operation.events) for operation in missing)


def _missing(history: History, present: Sequence[StoredEvent]) -> list[Operation]:
    run = CopiedRun(history.run_id, present, 0)
    grouped = groupby(history.events, key=lambda event: event.op_id)
    taken = [run.take(list(events)) for _, events in grouped]
    return [operation for operation in taken if operation is not None]
