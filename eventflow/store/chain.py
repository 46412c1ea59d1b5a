"""The hash chain of a run: each event carries a digest of itself and of the one before it.

The digest is SHA-256 over, in this order: a zero byte; the header fields; the SHA-256 of the data,
as stored and never re-encoded; the hash of the event before it, which is `GENESIS` for the first.
The header fields are run id, version, type, schema, time, actor and op id, each as UTF-8 behind
its length in four bytes (big-endian); numbers are written in decimal, the time in RFC 3339 with
microseconds and `Z`, and an actor that is not known is the length `ffffffff` alone. The position
is left out, so that the hash is known before the event is written.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

import msgspec

from eventflow.core.events import Event, JobClaimed
from eventflow.errors import Alteration, HistoryAltered, InvalidData
from eventflow.store.codec import encode
from eventflow.store.contract import StoredEvent

GENESIS = b"\0" * 32
"""What the first event of a run has in place of a hash before it."""

MOST_MISSED = 1_000
"""So many events may be missing for the next ones, numbered again, to show that some are."""

_ABSENT = b"\xff" * 4
_encoder = msgspec.json.Encoder()


def event_hash(
    previous: bytes,
    *,
    run_id: str,
    version: int,
    type: str,
    schema: int,
    data: bytes,
    recorded_at: datetime,
    actor: str | None,
    op_id: str,
) -> bytes:
    """Compute the hash of an event that follows another.

    Raises:
        ValueError: The time has no time zone.
    """
    header = _of_kind(type, schema) + _of_operation(recorded_at, actor, op_id)
    return _link(previous, _start(run_id), version, header, data)


def seal(
    *,
    run_id: str,
    events: Sequence[Event],
    after: int,
    previous: bytes,
    recorded_at: datetime,
    actor: str | None,
    op_id: str,
) -> tuple[StoredEvent, ...]:
    """Encode events and chain them behind the event of version `after`, whose hash is `previous`.

    A claim is the act of its worker, whoever asked for what is appended with it.

    Raises:
        InvalidData: An event holds what its type cannot hold, or the actor is no text.
    """
    if actor is not None and not _is_text(actor):
        raise InvalidData(f"An actor is named by a text, not by {actor!r:.300}")
    start, time, operation = _start(run_id), _time(recorded_at), _length_prefixed(op_id)
    sealed: list[StoredEvent] = []
    for version, event in enumerate(events, start=after + 1):
        kind, schema, data = encode(event)
        by = event.worker if isinstance(event, JobClaimed) else actor
        header = _of_kind(kind, schema) + time + _often(by) + operation
        previous = _link(previous, start, version, header, data)
        sealed.append(
            StoredEvent(run_id, version, kind, schema, data, recorded_at, by, op_id, previous)
        )
    return tuple(sealed)


def _is_text(given: object) -> bool:
    """Tell whether every store can hold it as text: half a surrogate pair none can."""
    if not isinstance(given, str):
        return False
    if not given.isascii():
        try:
            given.encode()
        except UnicodeEncodeError:
            return False
    return True


def verify(events: Sequence[StoredEvent]) -> None:
    """Check the whole history of one run, from its first event on.

    What it cannot see is that events at the end are missing; compare the version of the run's row.

    Raises:
        HistoryAltered: It names the first event that does not fit, and how it does not.
    """
    previous, position = GENESIS, 0
    for version, event in enumerate(events, start=1):
        found = _misfit(event, events[0].run_id, version, previous, position)
        if found is not None:
            reason, how = found
            if how is Alteration.ALTERED or event.version > version:
                how = _how(events, version, previous)
            raise HistoryAltered(events[0].run_id, version, reason, how)
        previous, position = event.hash, event.position


def verify_next(event: StoredEvent, run_id: str, version: int, previous: bytes) -> None:
    """Check that an event is that of a run with this version, behind the event of this hash.

    Raises:
        HistoryAltered: It names the version, and how the event does not fit.
    """
    found = _misfit(event, run_id, version, previous, 0)
    if found is not None:
        raise HistoryAltered(run_id, version, *found)


def _misfit(
    event: StoredEvent, run_id: str, version: int, previous: bytes, position: int
) -> tuple[str, Alteration] | None:
    """Say why an event cannot stand here, as far as it alone tells, or None if it can."""
    if event.run_id != run_id:
        return f"an event of run {event.run_id} stands here", Alteration.INSERTED
    if event.version != version:
        how = Alteration.MISSING if event.version > version else Alteration.INSERTED
        return f"version {event.version} stands here", how
    if event.position <= position and (event.position or position):
        reason = f"position {event.position} does not follow position {position}"
        return reason, Alteration.REORDERED
    if event.hash != _rehashed(event, previous):
        reason = "the hash is not that of this event behind the one before it"
        return reason, Alteration.ALTERED
    return None


def _how(events: Sequence[StoredEvent], version: int, previous: bytes) -> Alteration:
    """Tell from the events around it what became of the one that is due at a version.

    It sees through events that were numbered again, as long as their hashes were left alone.
    """
    event, *others = events[version - 1 :]
    if event.version > version:
        found = any(other.version == version for other in others)
        return Alteration.REORDERED if found else Alteration.MISSING
    if any(event.hash == each.hash for each in events[: version - 1]):
        return Alteration.INSERTED
    if _stood_elsewhere(event, events):
        return Alteration.REORDERED
    if others and others[0].hash == _rehashed(others[0], previous, version):
        return Alteration.INSERTED
    if others and any(
        others[0].hash == _rehashed(others[0], event.hash, others[0].version + gone)
        for gone in range(1, MOST_MISSED)
    ):
        return Alteration.MISSING
    return Alteration.ALTERED


def _stood_elsewhere(event: StoredEvent, events: Sequence[StoredEvent]) -> bool:
    """Tell whether an event is genuine at another version of its run.

    The event that stood before it there may be the one with which it changed places.
    """
    hashes = [GENESIS, *(each.hash for each in events)]
    return any(
        event.hash == _rehashed(event, before, version)
        for version in range(1, len(events) + 1)
        for before in hashes[version - 1 : version + 1]
    )


def _rehashed(event: StoredEvent, previous: bytes, version: int | None = None) -> bytes:
    header = _of_kind(event.type, event.schema) + _of_operation(
        event.recorded_at, event.actor, event.op_id
    )
    number = event.version if version is None else version
    return _link(previous, _start(event.run_id), number, header, event.data)


def _link(previous: bytes, start: bytes, version: int, header: bytes, data: bytes) -> bytes:
    """Hash an event of which all fields but the version are laid out."""
    return sha256(start + _number(version) + header + sha256(data).digest() + previous).digest()


def _start(run_id: str) -> bytes:
    return b"\0" + _often(run_id)


def _length_prefixed(field: str | None) -> bytes:
    if field is None:
        return _ABSENT
    encoded = field.encode()
    return len(encoded).to_bytes(4, "big") + encoded


_often = lru_cache(maxsize=4096)(_length_prefixed)
"""For what comes again and again: few runs and few workers are active at once."""


@lru_cache(maxsize=4096)
def _number(version: int) -> bytes:
    return _length_prefixed(str(version))


@lru_cache(maxsize=256)
def _of_kind(type: str, schema: int) -> bytes:
    return _length_prefixed(type) + _length_prefixed(str(schema))


@lru_cache(maxsize=64)  # the events of one append share all of this
def _of_operation(recorded_at: datetime, actor: str | None, op_id: str) -> bytes:
    return _time(recorded_at) + _length_prefixed(actor) + _length_prefixed(op_id)


def _time(moment: datetime) -> bytes:
    return _length_prefixed(rfc3339(moment))


def rfc3339(moment: datetime) -> str:
    """Write a time with microseconds and `Z`.

    msgspec does so ten times faster than the standard library, but drops a fraction of zero.

    Raises:
        ValueError: It has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time without a time zone cannot be recorded: {moment}")
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    if utc.microsecond:
        return _encoder.encode(utc)[1:-1].decode()
    return utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
