"""The loader: many tasks share one read, and none suffers when another goes away."""

import asyncio

import pytest

from eventflow.engine.loader import Loader
from eventflow.errors import StoreUnavailable
from eventflow.testing.builders import Author
from tests.engine.observed import ObservedStore, settle


@pytest.fixture
async def filled(store: ObservedStore) -> ObservedStore:
    """A store with the runs a, b and c, of two events each."""
    await store.append([Author(run_id=name).create() for name in "abc"])
    return store


async def test_runs_asked_for_together_are_read_together(filled: ObservedStore) -> None:
    """Three tasks that want three runs cost one read, and each gets its own events."""
    loader = Loader(filled)
    histories = await asyncio.gather(*(loader.read(name, 0) for name in "abc"))
    assert [{event.run_id for event in history} for history in histories] == [{"a"}, {"b"}, {"c"}]
    assert filled.reads == [({"a", "b", "c"}, 0)]


async def test_tasks_that_want_the_same_share_an_answer(filled: ObservedStore) -> None:
    """The store is asked once for one run, however many want it."""
    loader = Loader(filled)
    first, second = await asyncio.gather(loader.read("a", 0), loader.read("a", 0))
    assert first == second
    assert len(first) == 2
    assert filled.reads == [({"a"}, 0)]


async def test_other_versions_are_other_reads(filled: ObservedStore) -> None:
    """What is asked for beyond different versions is never mixed up."""
    loader = Loader(filled)
    everything, rest, nothing = await asyncio.gather(
        loader.read("a", 0), loader.read("a", 1), loader.read("b", 2)
    )
    assert [event.version for event in everything] == [1, 2]
    assert [event.version for event in rest] == [2]
    assert nothing == []
    assert len(filled.reads) == 3


async def test_an_unknown_run_has_no_events(filled: ObservedStore) -> None:
    """It is an empty answer, not an error."""
    assert await Loader(filled).read("ghost", 0) == []


async def test_who_asks_while_a_read_is_under_way_gets_what_is_there_now(
    filled: ObservedStore,
) -> None:
    """A later question is answered by a later read, which sees what was appended in between."""
    loader = Loader(filled)
    filled.gate.clear()
    first = asyncio.create_task(loader.read("a", 0))
    await settle()
    second = asyncio.create_task(loader.read("a", 0))
    await settle()
    filled.gate.set()
    await asyncio.gather(first, second)
    assert filled.reads == [({"a"}, 0), ({"a"}, 0)]


async def test_an_error_reaches_everybody_who_waits(filled: ObservedStore) -> None:
    """Nobody is left waiting, and the next question is asked anew."""
    loader = Loader(filled)
    filled.failure = StoreUnavailable("away")
    asked = (loader.read("a", 0), loader.read("b", 0), loader.read("a", 1))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    filled.failure = None
    assert len(await loader.read("a", 0)) == 2


async def test_a_waiter_that_goes_away_harms_nobody(filled: ObservedStore) -> None:
    """Cancelling one of two tasks that share an answer leaves the other its answer."""
    loader = Loader(filled)
    filled.gate.clear()
    goes, stays = (asyncio.create_task(loader.read("a", 0)) for _ in range(2))
    await settle()
    goes.cancel()
    await settle()
    assert goes.cancelled()
    filled.gate.set()
    assert len(await stays) == 2


async def test_an_error_that_nobody_waits_for_is_not_complained_about(
    filled: ObservedStore, caplog: pytest.LogCaptureFixture
) -> None:
    """When all who asked went away, a failing read leaves no unhandled error behind."""
    loader = Loader(filled)
    filled.gate.clear()
    filled.failure = StoreUnavailable("away")
    asked = asyncio.create_task(loader.read("a", 0))
    await settle()
    asked.cancel()
    filled.gate.set()
    await settle()
    assert caplog.records == []


async def test_who_cancels_all_tasks_leaves_no_read_waiting(filled: ObservedStore) -> None:
    """Whoever waits for a read hears that it was cut off, and the next one is made."""
    loader = Loader(filled)
    filled.gate.clear()
    before = asyncio.all_tasks()
    under_way = asyncio.create_task(loader.read("a", 0))
    await settle()
    (reader,) = asyncio.all_tasks() - before - {under_way}
    next_one = asyncio.create_task(loader.read("b", 0))
    await settle()
    reader.cancel()
    for cut_off in (under_way, next_one):
        with pytest.raises(StoreUnavailable, match="cancelled"):
            await cut_off
    filled.gate.set()
    assert len(await loader.read("a", 0)) == 2
