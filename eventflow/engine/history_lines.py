"""The lines of a history file, to bytes and back; it never writes the data of an event anew.

A file is JSON, one object a line (NDJSON), in this order:

1. a `manifest` line, with the number of the format;
2. if the file carries proofs, a `checkpoint` line with the signed statement that they rest on;
3. for each run: a `blob` line for each blob before the first event that refers to it, an `event`
   line for each event in the order of versions, if the file carries proofs a `proof` line, and a
   `run` line with the counts and the last hash;
4. an `end` line with the counts, and the SHA-256 of all bytes before it.

There is one way only to write each line, so that any other bytes are noticed. What depends on the
store, such as positions, is left out: one run gives the same file wherever it is kept.
"""

import base64
import binascii
from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from eventflow.engine.checkpoints import Checkpoint, Hash
from eventflow.store.contract import StoredEvent

FORMAT = 1
"""The number of the format that this release writes; it reads this one and all lower ones."""


class Line(Struct, tag_field="line", frozen=True, omit_defaults=True):
    """One line of a file."""


class Manifest(Line, tag="manifest", frozen=True):
    """The first line."""

    eventflow: str
    format: int


class BlobLine(Line, tag="blob", frozen=True):
    """A blob, as text if it is one."""

    key: str
    text: str | None = None
    base64: str | None = None


class EventLine(Line, tag="event", frozen=True):
    """An event, its data as JSON if a reader gets the same bytes from that."""

    run_id: str
    version: int
    type: str
    schema: int
    recorded_at: Annotated[datetime, Meta(tz=True)]
    actor: str | None
    op_id: str
    hash: str
    data: Raw | UnsetType = UNSET
    base64: str | None = None


class CheckpointLine(Line, tag="checkpoint", frozen=True):
    """A signed statement about the log that the runs were exported from."""

    checkpoint: Checkpoint


class ProofLine(Line, tag="proof", frozen=True):
    """The proof that an event of a run, and so every one before it, is in the log.

    It is the audit path of RFC 9162 from the event to the root of the checkpoint.
    """

    run_id: str
    version: int
    position: int
    path: tuple[Hash, ...]


class RunLine(Line, tag="run", frozen=True):
    """The end of a run: how many events and blobs it has, and the hash of its last event."""

    run_id: str
    events: int
    blobs: int
    head: str


class EndLine(Line, tag="end", frozen=True):
    """The last line: what there is in the whole file, and the digest of its bytes."""

    runs: int
    events: int
    blobs: int
    sha256: str


AnyLine: TypeAlias = (
    Manifest | CheckpointLine | BlobLine | EventLine | ProofLine | RunLine | EndLine
)

MANIFEST = Manifest("history", FORMAT)

_OTHER_FILE = "it does not say which one; name a file that an export has written"
_CHANGED = "it was changed: this is not how it was written"

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyLine] = msgspec.json.Decoder(AnyLine)
_raw = msgspec.json.Decoder(Raw)


def write_line(line: Line) -> bytes:
    """Write a line, with the character that ends it."""
    return _encoder.encode(line) + b"\n"


def read_line(written: bytes) -> AnyLine:
    """Read a line.

    Raises:
        ValueError: It is none, or not as `write_line` writes it.
    """
    try:
        line = _decoder.decode(written)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        reason = _OTHER_FILE if "`line`" in str(error) else error
        raise ValueError(f"it is no line of a history file: {reason}") from None
    if write_line(line) != written:
        raise ValueError(_CHANGED)
    return line


def line_of_event(event: StoredEvent) -> EventLine:
    """Lay out an event."""
    embedded = _embeddable(event.data)
    return EventLine(
        run_id=event.run_id,
        version=event.version,
        type=event.type,
        schema=event.schema,
        recorded_at=event.recorded_at,
        actor=event.actor,
        op_id=event.op_id,
        hash=event.hash.hex(),
        data=Raw(event.data) if embedded else UNSET,
        base64=None if embedded else base64.b64encode(event.data).decode(),
    )


def event_of_line(line: EventLine) -> StoredEvent:
    """Give the event, to the byte.

    Raises:
        ValueError: It cannot be read, or would be written in another way.
    """
    data = _unbase64(line.base64 or "") if line.data is UNSET else bytes(line.data)
    event = StoredEvent(
        run_id=line.run_id,
        version=line.version,
        type=line.type,
        schema=line.schema,
        data=data,
        recorded_at=line.recorded_at,
        actor=line.actor,
        op_id=line.op_id,
        hash=bytes.fromhex(line.hash),
    )
    if line_of_event(event) != line:
        raise ValueError(_CHANGED)
    return event


def line_of_blob(key: str, data: bytes) -> BlobLine:
    """Lay out a blob."""
    try:
        return BlobLine(key, text=data.decode())
    except UnicodeDecodeError:
        return BlobLine(key, base64=base64.b64encode(data).decode())


def blob_of_line(line: BlobLine) -> bytes:
    """Give the blob, to the byte.

    Raises:
        ValueError: It cannot be read, or would be written in another way.
    """
    data = line.text.encode() if line.text is not None else _unbase64(line.base64 or "")
    if line_of_blob(line.key, data) != line:
        raise ValueError(_CHANGED)
    return data


def _embeddable(data: bytes) -> bool:
    """Tell whether data is JSON in one line, of which a reader gets back every byte."""
    try:
        data.decode()
        return bytes(_raw.decode(data)) == data and b"\n" not in data and b"\r" not in data
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"this is not base64: {error}") from None
