"""What a line of the log says, and how it is written; it knows nothing of files."""

from datetime import datetime

import msgspec

from eventflow.core.projection import Changes
from eventflow.store.contract import Operation, Renewal, StoredEvent


class Event(msgspec.Struct, array_like=True):
    """An event without what its operation says already; `data` is JSON, exactly as it was given."""

    type: str
    schema: int
    data: str
    recorded_at: datetime
    actor: str | None
    hash: bytes


class Append(msgspec.Struct, tag="append"):
    """An operation that was appended."""

    op_id: str
    run_id: str
    expected: int
    events: list[Event]
    changes: Changes
    key: str | None = None


class Renewed(msgspec.Struct, tag="renewed"):
    """A renewal that was accepted."""

    renewal: Renewal


Line = list[Append | Renewed]
"""One transaction: all of it counts, or, if the line has no end, nothing."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


def encode(line: Line) -> bytes:
    """Write a line."""
    return _encoder.encode(line) + b"\n"


def decode(line: bytes) -> Line:
    """Read a line."""
    return _decoder.decode(line)


def appended(operation: Operation) -> Append:
    """Turn an operation into its part of a line."""
    events = [
        Event(each.type, each.schema, each.data.decode(), each.recorded_at, each.actor, each.hash)
        for each in operation.events
    ]
    return Append(
        operation.op_id,
        operation.run_id,
        operation.expected,
        events,
        operation.changes,
        operation.idempotency_key,
    )


def stored(append: Append, position: int) -> list[StoredEvent]:
    """Give the events of an operation, the first of them at a position."""
    return [
        StoredEvent(
            run_id=append.run_id,
            version=append.expected + number,
            type=each.type,
            schema=each.schema,
            data=each.data.encode(),
            recorded_at=each.recorded_at,
            actor=each.actor,
            op_id=append.op_id,
            hash=each.hash,
            position=position + number - 1,
        )
        for number, each in enumerate(append.events, start=1)
    ]
