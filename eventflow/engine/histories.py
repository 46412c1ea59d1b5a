"""Reads history files, and proves them; it needs no store, and gives nothing that does not fit."""

import gzip
import hashlib
import io
import os
import sys
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, TypeAlias, assert_never

from attrs import field, frozen

from eventflow.engine.history_lines import (
    FORMAT,
    AnyLine,
    BlobLine,
    EndLine,
    EventLine,
    Manifest,
    RunLine,
    blob_of_line,
    event_of_line,
    read_line,
)
from eventflow.errors import (
    Alteration,
    BlobAltered,
    HistoryAltered,
    InvalidHistoryFile,
    SchemaTooNew,
)
from eventflow.store.blobs import checked
from eventflow.store.chain import verify
from eventflow.store.contract import StoredEvent
from eventflow.store.envelope import Envelope, open_envelope

Source: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""A path, an open binary file, or `-` for the standard input; what is compressed is unpacked."""

STANDARD = "-"
_GZIP = b"\x1f\x8b"


@frozen
class History:
    """One whole run of a history file, whose chain was verified.

    Attributes:
        run_id: The run.
        events: Its events as they are stored, from the first one on; they have no position.
        blobs: The blobs that they refer to, by key.
    """

    run_id: str
    events: tuple[StoredEvent, ...] = field(repr=False)
    blobs: Mapping[str, bytes] = field(repr=False)

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
    """

    runs: int
    events: int
    blobs: int
    digest: str


def read_histories(source: Source) -> Generator[History]:
    """Give the runs of a file one after the other, each verified; one is in memory at a time.

    Only after the last one is it known that the file is whole.

    Raises:
        HistoryAltered: Naming the first event that does not fit.
        InvalidHistoryFile: The file is no history file, or not whole.
        SchemaTooNew: A newer release wrote it.
        OSError: It cannot be read.
    """
    with _opened(source) as (name, file):
        yield from _Reader(name, file, with_blobs=True).histories()


def verify_file(source: Source) -> VerifiedFile:
    """Prove that a file is what was exported: its chains, its counts and every byte of it.

    Raises:
        HistoryAltered: Naming the first event that does not fit.
        InvalidHistoryFile: The file is no history file, or not whole.
        SchemaTooNew: A newer release wrote it.
        OSError: It cannot be read.
    """
    with _opened(source) as (name, file):
        reader = _Reader(name, file, with_blobs=False)
        for _ in reader.histories():
            pass
        return VerifiedFile(reader.runs, reader.events, reader.blobs, reader.digest)


@contextmanager
def _opened(source: Source) -> Generator[tuple[str, IO[bytes]]]:
    """Open a source, unpacked, with the name that errors call it by."""
    if isinstance(source, str | os.PathLike) and source != STANDARD:
        with open(source, "rb") as file, _unpacked(file) as unpacked:  # noqa: PTH123 - also a str
            yield os.fspath(source), unpacked
        return
    given = sys.stdin.buffer if isinstance(source, str | os.PathLike) else source
    with _unpacked(given) as unpacked:
        name = getattr(given, "name", None)
        yield name if isinstance(name, str) else "the given file", unpacked


@contextmanager
def _unpacked(file: IO[bytes]) -> Generator[IO[bytes]]:
    raw: Any = file
    peeked: Any = file if isinstance(file, io.BufferedReader) else io.BufferedReader(raw)
    try:
        if peeked.peek(2)[:2] == _GZIP:
            with gzip.GzipFile(fileobj=peeked) as unpacked:
                lines: Any = unpacked
                yield lines
        else:
            yield peeked
    finally:
        if peeked is not file:
            peeked.detach()


class _Reader:
    """One pass over the lines of a file; the bytes of blobs are forgotten if nobody wants them."""

    def __init__(self, name: str, file: IO[bytes], *, with_blobs: bool) -> None:
        self.runs = self.events = self.blobs = 0
        self._name = name
        self._file = file
        self._with_blobs = with_blobs
        self._number = 0
        self._digest = hashlib.sha256()
        self._held: list[StoredEvent] = []
        self._held_blobs: dict[str, bytes] = {}

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
            match line:
                case EndLine():
                    self._end(line)
                    return
                case RunLine():
                    yield self._run(line)
                case EventLine():
                    self._hold_event(line)
                case BlobLine():
                    self._hold_blob(line)
                case Manifest():
                    raise self._invalid("a second file begins here")
                case _:
                    assert_never(line)
            self._digest.update(written)

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
        return History(line.run_id, tuple(events), blobs)

    def _end(self, line: EndLine) -> None:
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
