"""Streams: what a process knows of a run, folded without gaps and kept within bounds."""

import asyncio
import weakref
from collections.abc import Sequence

import pytest
from attrs import evolve

from eventflow.engine.stream import OVERHEAD, Stream, Streams
from eventflow.errors import HistoryAltered
from eventflow.store.contract import StoredEvent
from eventflow.testing.builders import Author


def history() -> Sequence[StoredEvent]:
    """The events of a run that was created, claimed and completed."""
    author = Author(run_id="run")
    return [*author.create().events, *author.claim().events, *author.complete().events]


def test_a_stream_folds_what_it_has_not_seen() -> None:
    """Events that overlap with what is known are passed over."""
    events, stream = history(), Stream("run")
    assert [envelope.version for envelope in stream.fold(events[:3])] == [1, 2, 3]
    assert [envelope.version for envelope in stream.fold(events)] == [4, 5, 6]
    assert (stream.version, stream.head) == (6, events[-1].hash)
    assert stream.state is not None
    assert stream.state.output == 1


@pytest.mark.parametrize("missing", [0, 1, 3])
def test_a_gap_is_found(missing: int) -> None:
    """An event that is not there is named by its version, wherever it should be."""
    events = list(history())
    del events[missing]
    with pytest.raises(HistoryAltered) as found:
        Stream("run").fold(events)
    assert found.value.version == missing + 1


def test_an_altered_order_is_found() -> None:
    """Events of one run are given by ascending version, or not at all."""
    events = list(history())
    events[2], events[3] = events[3], events[2]
    with pytest.raises(HistoryAltered, match="version 3: the store gave version 4"):
        Stream("run").fold(events)


def test_events_that_cannot_follow_each_other_are_found() -> None:
    """A history that nothing could have decided is refused instead of guessed at."""
    events = list(history())
    events[2] = evolve(events[0], version=3)
    with pytest.raises(HistoryAltered) as found:
        Stream("run").fold(events)
    assert found.value.version == 3


def test_data_that_cannot_be_read_is_found() -> None:
    """The version whose bytes are broken is named, and what is before it stays folded."""
    events = list(history())
    events[2] = evolve(events[2], data=b"{broken")
    stream = Stream("run")
    with pytest.raises(HistoryAltered) as found:
        stream.fold(events)
    assert (found.value.version, stream.version) == (3, 2)


def test_the_same_run_is_the_same_stream() -> None:
    """Whoever works on a run meets the others at its lock."""
    streams = Streams(capacity=2 * OVERHEAD)
    assert streams.get("a") is streams.get("a")


def test_the_streams_that_were_used_last_are_kept() -> None:
    """A run beyond the capacity takes the place of the one that was used longest ago."""
    streams = Streams(capacity=2 * OVERHEAD)
    for run_id in ("a", "b"):
        streams.get(run_id).stale = False
    streams.get("a")
    streams.get("c")
    assert not streams.get("a").stale
    assert streams.get("b").stale


def test_a_stream_in_use_is_never_forgotten() -> None:
    """Two tasks can never hold two different streams of one run, however many others come."""
    streams = Streams(capacity=OVERHEAD)
    used = streams.get("used")
    for number in range(10):
        streams.get(str(number))
    assert streams.get("used") is used


async def test_tasks_that_queue_for_a_run_meet_at_one_lock() -> None:
    """Also while the lock is handed on, and new runs push the stream out of what is remembered."""
    streams = Streams(capacity=OVERHEAD)
    holders: set[int] = set()
    most = 0

    async def work() -> None:
        nonlocal most
        stream = streams.get("run")
        async with stream.lock:
            holders.add(id(asyncio.current_task()))
            most = max(most, len(holders))
            await asyncio.sleep(0)
            holders.discard(id(asyncio.current_task()))
        streams.get("other")

    async def arrive() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
            await work()

    await asyncio.gather(*(arrive() for _ in range(5)))
    assert most == 1


def test_a_run_weighs_what_its_events_do() -> None:
    """A run whose values are large takes the place of many small ones."""
    streams = Streams(capacity=3 * OVERHEAD)
    for run_id in ("a", "b"):
        streams.get(run_id).stale = False
    events = history()
    large = streams.get("run")
    large.fold([evolve(events[0], data=events[0].data + b" " * OVERHEAD), *events[1:]])
    assert not streams.get("b").stale
    streams.get("run")
    assert streams.get("a").stale
    assert streams.get("run") is large


def test_a_run_that_ends_makes_room() -> None:
    """What is released does not count any more."""
    streams = Streams(capacity=2 * OVERHEAD)
    streams.get("kept").stale = False
    for number in range(5):
        streams.release(streams.get(str(number)))
    assert not streams.get("kept").stale


def test_what_nobody_uses_is_kept_in_a_bounded_number() -> None:
    """Streams that were in use while others came are let go once they are not."""
    streams = Streams(capacity=2 * OVERHEAD)
    used = [streams.get(str(number)) for number in range(6)]
    references = [weakref.ref(stream) for stream in used]
    assert all(reference() is not None for reference in references)
    del used
    assert [reference() is not None for reference in references] == [False] * 4 + [True] * 2
