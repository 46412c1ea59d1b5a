"""Reads history files, and proves them; it needs no store, and gives nothing that does not fit."""

import gzip
import hashlib
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import IO, assert_never

from attrs import field

from eventflow.core.frozen import frozen
from eventflow.engine.checkpoints import Checkpoint, check_signature
from eventflow.engine.history_lines import (
    FORMAT,
    AnyLine,
    BlobLine,
    CheckpointLine,
    EndLine,
    EventLine,
    Manifest,
    ProofLine,
    RunLine,
    blob_of_line,
    event_of_line,
    read_line,
)
from eventflow.engine.proofs import check_proof
from eventflow.engine.source import Source, opened
from eventflow.errors import (
    Alteration,
    BlobAltered,
    HistoryAltered,
    InvalidCheckpoint,
    InvalidHistoryFile,
    SchemaTooNew,
)
from eventflow.store.blobs import checked
from eventflow.store.chain import verify
from eventflow.store.contract import StoredEvent
from eventflow.store.envelope import Envelope, open_envelope

_CHECKPOINT_LINE = 2


@frozen
class History:
    """One whole run of a history file, whose chain was verified.

    Attributes:
        run_id: The run.
        events: Its events as they are stored, from the first one on; they have no position.
        blobs: The blobs that they refer to, by key.
        proven: Up to this version the file proves that the run is in the log of its checkpoint.
    """

    run_id: str
    events: tuple[StoredEvent, ...] = field(repr=False)
    blobs: Mapping[str, bytes] = field(repr=False)
    proven: int = 0

    def envelopes(self) -> list[Envelope]:
        """Open all events.

        Raises:
            HistoryAltered: The data of one cannot be read.
        """
        return [open_envelope(event) for event in self.events]


@frozen
class VerifiedFile:
    """The verdict on a history file that nobody altered.

    Attributes:
        runs: How many runs it holds.
        events: How many events.
        blobs: How many blobs; one that several runs refer to counts for each.
        digest: The SHA-256 of all lines but the last, in hexadecimal.
        checkpoint: The checkpoint that the file carries, if any.
        proven: How many of the events were in the log of which it was made.
    """

    runs: int
    events: int
    blobs: int
    digest: str
    checkpoint: Checkpoint | None = None
    proven: int = 0


def read_histories(source: Source, *, public_key: bytes | str | None = None) -> Generator[History]:
    """Give the runs of a file one after the other, each verified; one is in memory at a time.

    Only after the last one is it known that the file is whole.

    Args:
        source: The file.
        public_key: Also prove that the runs are in a log, as `verify_file` does.

    Raises:
        As `verify_file`.
    """
    with opened(source) as (name, file):
        yield from _Reader(name, file, public_key, with_blobs=True).histories()


def verify_file(source: Source, *, public_key: bytes | str | None = None) -> VerifiedFile:
    """Prove that a file is what was exported: its chains, its counts and every byte of it.

    With a key, also prove that its runs are in the log of which the owner of the key made the
    checkpoint that the file carries.

    Args:
        source: The file.
        public_key: The key, as PEM or as its 32 bytes.

    Raises:
        HistoryAltered: Naming the first event that does not fit.
        InvalidCheckpoint: The file has no checkpoint, or one that was not signed with the key, or
            a run without a proof.
        InvalidHistoryFile: The file is no history file, or not whole.
        SchemaTooNew: A newer release wrote it.
        OSError: It cannot be read.
    """
    with opened(source) as (name, file):
        reader = _Reader(name, file, public_key, with_blobs=False)
        proven = sum(history.proven for history in reader.histories())
        return VerifiedFile(
            reader.runs, reader.events, reader.blobs, reader.digest, reader.checkpoint, proven
        )


class _Reader:
    """One pass over the lines of a file; the bytes of blobs are forgotten if nobody wants them."""

    def __init__(
        self, name: str, file: IO[bytes], public_key: bytes | str | None, *, with_blobs: bool
    ) -> None:
        self.runs = self.events = self.blobs = 0
        self._name = name
        self._file = file
        self._public_key = public_key
        self._with_blobs = with_blobs
        self._number = 0
        self._digest = hashlib.sha256()
        self._held: list[StoredEvent] = []
        self._held_blobs: dict[str, bytes] = {}
        self._held_proof: ProofLine | None = None
        self.checkpoint: Checkpoint | None = None

    @property
    def digest(self) -> str:
        """The digest of all lines that were read and count for it."""
        return self._digest.hexdigest()

    def histories(self) -> Iterator[History]:
        """Give the runs, to the end of the file."""
        self._begin()
        while True:
            written = self._next()
            line = self._parsed(written)
            if isinstance(line, EndLine):
                self._end(line)
                return
            if isinstance(line, RunLine):
                yield self._run(line)
            else:
                self._hold(line)
            self._digest.update(written)

    def _hold(self, line: Manifest | CheckpointLine | BlobLine | EventLine | ProofLine) -> None:
        """Keep what belongs to the run that is being read."""
        match line:
            case EventLine():
                self._hold_event(line)
            case BlobLine():
                self._hold_blob(line)
            case ProofLine():
                self._hold_proof(line)
            case CheckpointLine():
                self._hold_checkpoint(line)
            case Manifest():
                raise self._invalid("a second file begins here")
            case _:
                assert_never(line)

    def _begin(self) -> None:
        written = self._next()
        line = self._parsed(written)
        if not isinstance(line, Manifest) or line.eventflow != "history":
            raise self._invalid("a history file begins with its manifest; this is none")
        if line.format > FORMAT:
            raise SchemaTooNew(
                f"{self._name} has format {line.format}; this release reads up to {FORMAT}: "
                "install the release that wrote it, or a newer one"
            )
        self._digest.update(written)

    def _next(self) -> bytes:
        written = self._read_line()
        if not written.endswith(b"\n"):
            raise self._invalid("the file was cut off here")
        return written

    def _read_line(self) -> bytes:
        self._number += 1
        try:
            return self._file.readline()
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise self._invalid(f"the compressed file is broken: {error}") from None

    def _parsed(self, written: bytes) -> AnyLine:
        try:
            return read_line(written)
        except ValueError as error:
            raise self._invalid(str(error)) from None

    def _hold_event(self, line: EventLine) -> None:
        try:
            self._held.append(event_of_line(line))
        except ValueError as error:
            raise HistoryAltered(line.run_id, line.version, str(error)) from None

    def _hold_blob(self, line: BlobLine) -> None:
        try:
            data = checked(line.key, blob_of_line(line))
        except (ValueError, BlobAltered) as error:
            raise self._invalid(str(error)) from None
        self._held_blobs[line.key] = data if self._with_blobs else b""

    def _hold_checkpoint(self, line: CheckpointLine) -> None:
        if self._number > _CHECKPOINT_LINE:
            raise self._invalid("a checkpoint stands behind the first line, or nowhere")
        if self._public_key is not None:
            check_signature(line.checkpoint, self._public_key)
        self.checkpoint = line.checkpoint

    def _hold_proof(self, line: ProofLine) -> None:
        if self.checkpoint is None or self._held_proof is not None:
            raise self._invalid("there is one proof for each run, behind a checkpoint")
        self._held_proof = line

    def _proven(self, events: Sequence[StoredEvent]) -> int:
        """Check the proof of a run, and tell up to which version it holds."""
        proof, self._held_proof = self._held_proof, None
        if proof is None or self.checkpoint is None:
            self._refuse_unproven()
            return 0
        if proof.run_id != events[0].run_id or not 1 <= proof.version <= len(events):
            raise self._invalid("the proof is not one of the run above it")
        check_proof(proof, events[proof.version - 1], self.checkpoint)
        return proof.version

    def _refuse_unproven(self) -> None:
        if self._public_key is not None:
            raise InvalidCheckpoint(
                f"{self._name} does not prove that its runs are in a log; "
                "export them again with checkpoint="
            )

    def _run(self, line: RunLine) -> History:
        """Give the run that ends with this line, if it is whole."""
        events, blobs = self._held, self._held_blobs
        verify(events)
        if len(events) != line.events or not events or events[-1].hash.hex() != line.head:
            how = Alteration.MISSING if len(events) < line.events else Alteration.INSERTED
            version = min(len(events), line.events) + 1
            raise HistoryAltered(
                line.run_id,
                version,
                f"the run had {line.events} events when it was written, and has {len(events)} now",
                how,
            )
        if events[-1].run_id != line.run_id or len(blobs) != line.blobs:
            raise self._invalid("this is not the end of the run above it")
        self._held, self._held_blobs = [], {}
        self.runs += 1
        self.events += len(events)
        self.blobs += len(blobs)
        return History(line.run_id, tuple(events), blobs, self._proven(events))

    def _end(self, line: EndLine) -> None:
        if self.checkpoint is None:
            self._refuse_unproven()
        if self._held:
            raise self._invalid(f"the end of run {self._held[0].run_id} is missing")
        counted = (self.runs, self.events, self.blobs)
        if counted != (line.runs, line.events, line.blobs):
            raise self._invalid(
                f"{line.runs} runs, {line.events} events and {line.blobs} blobs were written, "
                "and {} runs, {} events and {} blobs are there".format(*counted)
            )
        if line.sha256 != self.digest:
            raise self._invalid("the bytes of the file are not those that were written")
        if self._read_line():
            raise self._invalid("there is something behind the end")

    def _invalid(self, reason: str) -> InvalidHistoryFile:
        return InvalidHistoryFile(self._name, self._number, reason)
