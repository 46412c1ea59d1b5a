"""Takes the blobs along that events refer to, from one store to another, before the events."""

from collections.abc import Iterable

from eventflow.core.events import UnknownEvent
from eventflow.core.references import references
from eventflow.errors import Alteration, BlobAltered, BlobNotFound, CannotCopy, HistoryAltered
from eventflow.store.blobs import BlobStore
from eventflow.store.contract import Operation, StoredEvent
from eventflow.store.envelope import open_envelope

_SIGN = b"sha256:"
"""What the data of an event holds that refers to a blob; most do not, and need not be decoded."""


async def carry_blobs(source: BlobStore, target: BlobStore, operations: Iterable[Operation]) -> int:
    """Copy the blobs of operations that the target lacks; tell how many.

    Raises:
        CannotCopy: The source lacks a blob.
        HistoryAltered: A blob of the source is not what was stored.
    """
    carried = 0
    done: set[str] = set()
    for operation in operations:
        for event in operation.events:
            if _SIGN in event.data:
                carried += await _carry(source, target, event, done)
    return carried


async def _carry(source: BlobStore, target: BlobStore, event: StoredEvent, done: set[str]) -> int:
    carried = 0
    known = open_envelope(event).event
    for key in (reference.key for reference in references(known)):
        if key in done:
            continue
        done.add(key)
        # In an event that this release does not know, it may only look like a reference.
        optional = isinstance(known, UnknownEvent)
        if not await target.exists(key) and not (optional and not await source.exists(key)):
            await target.put(await _get(source, event, key))
            carried += 1
    return carried


async def _get(source: BlobStore, event: StoredEvent, key: str) -> bytes:
    try:
        return await source.get(key)
    except BlobNotFound as error:
        raise CannotCopy(
            event.run_id,
            event.version,
            f"{error.where} holds no blob {key}; say where the blobs of the source are "
            "(source_blobs=...), or restore it from a backup",
        ) from error
    except BlobAltered as error:
        raise HistoryAltered(event.run_id, event.version, str(error), Alteration.ALTERED) from error
