"""A stored event opened: its envelope as kept, and what happened; it never writes bytes anew."""

from datetime import datetime

from eventflow.core.events import Event
from eventflow.core.frozen import frozen
from eventflow.errors import HistoryAltered, InvalidData
from eventflow.store.codec import decode
from eventflow.store.contract import StoredEvent


@frozen
class Envelope:
    """An event with everything that the store keeps around it; a `Fact` that can be folded.

    Attributes:
        position: Its number within the store, from 1; 0 before it is appended.
        run_id: The run.
        version: Its number within the run, from 1.
        type: Its name on the wire.
        schema: The number of the shape of `data`.
        data: JSON, exactly as it was written.
        recorded_at: When, in the store's time, in UTC.
        actor: Who caused it, if that is known.
        op_id: The operation that appended it.
        hash: The link of the hash chain.
        event: What happened.
    """

    position: int
    run_id: str
    version: int
    type: str
    schema: int
    data: bytes
    recorded_at: datetime
    actor: str | None
    op_id: str
    hash: bytes
    event: Event


def open_envelope(stored: StoredEvent) -> Envelope:
    """Decode a stored event.

    Raises:
        HistoryAltered: The data cannot be read.
    """
    try:
        event = decode(stored.type, stored.schema, stored.data)
    except InvalidData as error:
        raise HistoryAltered(stored.run_id, stored.version, str(error)) from error
    return Envelope(
        stored.position,
        stored.run_id,
        stored.version,
        stored.type,
        stored.schema,
        stored.data,
        stored.recorded_at,
        stored.actor,
        stored.op_id,
        stored.hash,
        event,
    )
