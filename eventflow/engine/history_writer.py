"""Lays out the lines of a history file; where the bytes go is not its concern."""

import hashlib
from collections.abc import Callable, Iterable

from eventflow.engine.checkpoints import Checkpoint
from eventflow.engine.history_lines import (
    MANIFEST,
    CheckpointLine,
    EndLine,
    Line,
    ProofLine,
    RunLine,
    line_of_blob,
    line_of_event,
    write_line,
)
from eventflow.store.contract import StoredEvent


class HistoryWriter:
    """Lays out runs, one behind the other, and remembers what it has counted.

    Args:
        write: Takes the bytes.
        checkpoint: What the proofs of the runs rest on.
    """

    def __init__(
        self, write: Callable[[bytes], object], checkpoint: Checkpoint | None = None
    ) -> None:
        self._write = write
        self._digest = hashlib.sha256()
        self._runs = self._events = self._blobs = 0
        self._events_of_run = self._blobs_of_run = 0
        self._head: StoredEvent | None = None
        self._put(MANIFEST)
        if checkpoint is not None:
            self._put(CheckpointLine(checkpoint))

    def add(self, events: Iterable[StoredEvent]) -> None:
        """Write the next events of a run."""
        for event in events:
            self._put(line_of_event(event))
            self._head = event
            self._events_of_run += 1

    def add_blob(self, key: str, data: bytes) -> None:
        """Write a blob, before the first event of the run that refers to it."""
        self._put(line_of_blob(key, data))
        self._blobs_of_run += 1

    def end_run(self, proof: ProofLine | None = None) -> None:
        """Write what ends a run, behind the last event of it."""
        if self._head is None:
            raise AssertionError("a run has events")
        if proof is not None:
            self._put(proof)
        head, events, blobs = self._head, self._events_of_run, self._blobs_of_run
        self._put(RunLine(head.run_id, events, blobs, head.hash.hex()))
        self._runs += 1
        self._events += events
        self._blobs += blobs
        self._head, self._events_of_run, self._blobs_of_run = None, 0, 0

    def end(self) -> None:
        """Write the last line."""
        digest = self._digest.hexdigest()
        self._put(EndLine(self._runs, self._events, self._blobs, digest))

    def _put(self, line: Line) -> None:
        written = write_line(line)
        self._digest.update(written)
        self._write(written)
