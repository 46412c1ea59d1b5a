"""A history proves by its hashes that nobody changed it."""

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from attrs import evolve

from eventflow.core.events import RunAnnotated
from eventflow.errors import HistoryAltered
from eventflow.store.chain import GENESIS, event_hash, seal, verify
from eventflow.store.contract import StoredEvent

MOMENT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)


def link(
    *,
    previous: bytes = GENESIS,
    run_id: str = "run-1",
    version: int = 1,
    type: str = "run.started",
    schema: int = 1,
    data: bytes = b"{}",
    recorded_at: datetime = MOMENT,
    actor: str | None = "somebody",
    op_id: str = "op-1",
) -> bytes:
    """Hash an event of which only what differs is told."""
    return event_hash(
        previous,
        run_id=run_id,
        version=version,
        type=type,
        schema=schema,
        data=data,
        recorded_at=recorded_at,
        actor=actor,
        op_id=op_id,
    )


def history(count: int = 4) -> list[StoredEvent]:
    """Seal a history in two operations, and place it in a store."""
    notes = [RunAnnotated("note", number) for number in range(count)]
    sealed: list[StoredEvent] = []
    for half in (notes[: count // 2], notes[count // 2 :]):
        sealed += seal(
            run_id="run-1",
            events=half,
            after=len(sealed),
            previous=sealed[-1].hash if sealed else GENESIS,
            recorded_at=MOMENT + timedelta(seconds=len(sealed)),
            actor=None,
            op_id=f"op-{len(sealed)}",
        )
    return [evolve(event, position=10 * event.version) for event in sealed]


def test_the_format_is_pinned() -> None:
    """These two hashes, computed once, hold for ever."""
    first = link()
    assert first.hex() == "a9c9d0d19db083076968d8f9f4e8957ea77fac73baaf745034e28e9a160805dc"
    second = link(previous=first, version=2, data=b'{"output":"\xc3\xa9"}', actor=None)
    assert second.hex() == "37caa9b0c1c490bddd0ad80aa98455b1633b7008828ed3db38dc27e594344954"


def test_the_format_is_the_documented_one() -> None:
    """The digest can be computed by hand from what the module says of it."""
    fields = [b"run-1", b"1", b"run.started", b"1", b"2026-03-04T05:06:07.000089Z"]
    fields += [b"somebody", b"op-1"]
    header = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    assert link() == sha256(b"\0" + header + sha256(b"{}").digest() + bytes(32)).digest()


def test_every_part_counts() -> None:
    """No two events that differ anywhere have one hash, nor do fields run into each other."""
    hashes = [
        link(),
        link(previous=b"\1" * 32),
        link(run_id="run-2"),
        link(version=2),
        link(type="run.startedx"),
        link(schema=2),
        link(data=b"{ }"),
        link(recorded_at=MOMENT + timedelta(microseconds=1)),
        link(actor=None),
        link(actor=""),
        link(actor="somebodyo", op_id="p-1"),
        link(op_id="op-2"),
        link(run_id="run-11", version=1),
        link(version=11),
    ]
    assert len(set(hashes)) == len(hashes)


def test_one_moment_has_one_hash() -> None:
    """A time in another zone is the same time."""
    assert link(recorded_at=MOMENT.astimezone(timezone(timedelta(hours=5)))) == link()


def test_a_time_without_a_zone_is_refused() -> None:
    """A time that means something else on each machine is not recorded."""
    with pytest.raises(ValueError, match="without a time zone"):
        link(recorded_at=MOMENT.replace(tzinfo=None))


def test_a_sealed_history_verifies() -> None:
    """What was sealed verifies, before and after it is placed in a store."""
    verify(history())
    verify([evolve(event, position=0) for event in history()])
    verify([])


@pytest.mark.parametrize(
    "change",
    [
        {"data": b'{"key":"note","value":2}'},
        {"type": "stage.logged"},
        {"schema": 2},
        {"recorded_at": MOMENT},
        {"actor": "somebody"},
        {"op_id": "op-9"},
        {"hash": b"\1" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_event_is_named(change: dict[str, Any]) -> None:
    """The first event that differs from what was recorded is the one that is named."""
    events = history()
    events[2] = evolve(events[2], **change)
    with pytest.raises(HistoryAltered, match="at version 3: the hash is not that of") as caught:
        verify(events)
    assert (caught.value.run_id, caught.value.version) == ("run-1", 3)


def test_an_event_that_was_changed_with_its_hash_is_found() -> None:
    """Who also computes a new hash is betrayed by the event behind."""
    events = history()
    forged = seal(
        run_id="run-1",
        events=[RunAnnotated("note", "forged")],
        after=1,
        previous=events[0].hash,
        recorded_at=MOMENT,
        actor=None,
        op_id="op-0",
    )
    events[1] = evolve(forged[0], position=20)
    with pytest.raises(HistoryAltered, match="at version 3"):
        verify(events)


def test_a_missing_event_is_named() -> None:
    """A gap is found where the next event stands in it."""
    events = history()
    del events[1]
    with pytest.raises(HistoryAltered, match="at version 2: version 3 stands here"):
        verify(events)
    with pytest.raises(HistoryAltered, match="at version 1: version 2 stands here"):
        verify(history()[1:])


def test_a_doubled_event_is_named() -> None:
    """An event that stands in a history twice does not fit the second time."""
    events = history()
    events.insert(2, events[1])
    with pytest.raises(HistoryAltered, match="at version 3: version 2 stands here"):
        verify(events)


def test_an_event_of_another_run_is_named() -> None:
    """A history is one of one run."""
    events = history()
    events[3] = evolve(events[3], run_id="run-2")
    with pytest.raises(HistoryAltered, match="at version 4: an event of run run-2 stands here"):
        verify(events)


@pytest.mark.parametrize("position", [0, 5, 20])
def test_positions_go_upwards(position: int) -> None:
    """A later event stands later in the store."""
    events = history()
    events[2] = evolve(events[2], position=position)
    with pytest.raises(HistoryAltered, match=f"at version 3: position {position} does not follow"):
        verify(events)
