"""Exports runs to a history file, run after run; it never writes what would not be read again."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from tempfile import TemporaryFile
from typing import TypeAlias

import msgspec

from eventflow.core.frozen import frozen
from eventflow.engine.blob_keys import blob_keys
from eventflow.engine.checkpoints import Checkpoint
from eventflow.engine.history_lines import ProofLine
from eventflow.engine.history_writer import HistoryWriter
from eventflow.engine.journal import unknown_run
from eventflow.engine.output import Destination, Output
from eventflow.engine.own_runs import asked_for
from eventflow.engine.paging import batches, pages_of, read_whole
from eventflow.engine.proofs import make_proofs
from eventflow.store.blobs import BlobStore
from eventflow.store.chain import verify
from eventflow.store.contract import RunQuery, Store, StoredEvent
from eventflow.store.own_thread import OwnThread

Sizes: TypeAlias = Sequence[tuple[str, int]]
"""Runs, each with its version."""


@frozen
class ExportReport:
    """How far an export has come: the runs, events and blobs that were written."""

    runs: int = 0
    events: int = 0
    blobs: int = 0


Progress: TypeAlias = Callable[[ExportReport], object]
"""Is told how far an export has come, every now and then."""


async def export_histories(
    store: Store,
    query: RunQuery,
    destination: Destination,
    *,
    overwrite: bool = False,
    checkpoint: Checkpoint | None = None,
    blobs: BlobStore | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write all runs that answer a query to a file, oldest first.

    The chain of each run is verified on the way. A file appears under its name once it is whole.
    Memory is that of the longest run and the largest blob, whatever the number of runs.

    Args:
        store: Where the runs are.
        query: Which runs; its `limit` and `after` do not count. Eventflow's own runs are left out
            unless they are asked for by their workflow or by name.
        destination: A path, compressed if it ends in `.gz`; an open binary file; or `-`.
        overwrite: Whether a file that is there is replaced.
        checkpoint: Let the file carry the proof that the runs are in the log of this checkpoint,
            which takes a read of that log.
        blobs: Where the blobs are, if not beside the log.
        progress: Is called every now and then.

    Raises:
        BlobNotFound, BlobAltered: A run lacks a blob; no file was made.
        CheckpointMismatch: The log is not the one of the checkpoint; no file was made.
        FileExistsError: The path is taken.
        HistoryAltered: A run is not what was recorded; no file was made.
        InvalidCheckpoint: A run began behind the checkpoint.
        OSError: The file cannot be written.
        RunNotFound: The store lacks a run that the query names.
        StoreUnavailable: The store is away; no file was made.
    """
    proofs = await make_proofs(store, query, checkpoint) if checkpoint is not None else {}
    async with OwnThread("export") as thread:
        output = await thread.run(partial(Output, destination, overwrite=overwrite))
        try:
            writer = await thread.run(partial(HistoryWriter, output.write, checkpoint))
            job = _Export(store, blobs, query, writer, thread, proofs, progress)
            report = await job.write()
            await thread.run(output.keep)
        finally:
            await thread.run(output.discard)
    return report


Referred: TypeAlias = tuple[int, Sequence[str]]
"""The place of an event in its run, and the blobs that it refers to."""


@frozen
class _Export:
    """One export under way."""

    store: Store
    blobs: BlobStore | None
    query: RunQuery
    writer: HistoryWriter
    thread: OwnThread
    proofs: Mapping[str, ProofLine]
    progress: Progress | None

    async def write(self) -> ExportReport:
        """Write all runs."""
        report = ExportReport()
        async for sizes in _oldest_first(self.store, self.query):
            for run_ids in batches(sizes):
                histories = list((await read_whole(self.store, run_ids)).values())
                blobs = await self._write_runs(histories)
                report = ExportReport(
                    report.runs + len(histories),
                    report.events + sum(map(len, histories)),
                    report.blobs + blobs,
                )
                if self.progress is not None:
                    self.progress(report)
        await self.thread.run(self.writer.end)
        return report

    async def _write_runs(self, histories: Sequence[Sequence[StoredEvent]]) -> int:
        """Write runs, those without blobs in one go; count the blobs."""
        blobs = 0
        while histories:
            written, referred = await self.thread.run(partial(self._write_plain, histories))
            histories = histories[written:]
            if histories:
                blobs += await self._write_run(histories[0], referred)
                histories = histories[1:]
        return blobs

    def _write_plain(
        self, histories: Sequence[Sequence[StoredEvent]]
    ) -> tuple[int, Sequence[Referred]]:
        """Write runs up to the first that needs blobs; tell which these are."""
        for number, events in enumerate(histories):
            verify(events)
            referred = [
                (place, keys) for place, event in enumerate(events) if (keys := blob_keys(event))
            ]
            if referred:
                return number, referred
            self._end_run(events)
        return len(histories), ()

    async def _write_run(self, events: Sequence[StoredEvent], referred: Sequence[Referred]) -> int:
        """Write a run, each blob before the first event that refers to it; count the blobs."""
        written: set[str] = set()
        begin = 0
        for place, keys in referred:
            await self.thread.run(partial(self.writer.add, events[begin:place]))
            begin = place
            for key in keys:
                if key not in written:
                    written.add(key)
                    data = await (self.blobs or self.store.blobs).get(key)
                    await self.thread.run(partial(self.writer.add_blob, key, data))
        await self.thread.run(partial(self._end_run, events[begin:]))
        return len(written)

    def _end_run(self, events: Sequence[StoredEvent]) -> None:
        self.writer.add(events)
        self.writer.end_run(self.proofs.get(events[-1].run_id))


async def _oldest_first(store: Store, query: RunQuery) -> AsyncIterator[Sizes]:
    """Give all runs that answer a query, oldest first, some at a time.

    A store lists the newest first, so the list is kept in a temporary file, and read backwards.
    """
    with TemporaryFile() as spool:
        pages: list[int] = []
        found = 0
        async for rows in pages_of(store, query):
            found += len(rows)
            wanted = reversed(asked_for(query, rows))
            sizes = [(each.run.run_id, each.run.version) for each in wanted]
            pages.append(spool.tell())
            spool.write(msgspec.json.encode(sizes) + b"\n")
        if query.run_ids is not None and found < len(set(query.run_ids)):
            await _refuse_unknown(store, query.run_ids)
        for place in reversed(pages):
            spool.seek(place)
            yield msgspec.json.decode(spool.readline(), type=list[tuple[str, int]])


async def _refuse_unknown(store: Store, run_ids: Collection[str]) -> None:
    """Tell runs that the store lacks from those that only answer no other part of a query."""
    for run_id in run_ids:
        if not (await store.runs(RunQuery(run_ids=[run_id]))).items:
            raise unknown_run(run_id)
