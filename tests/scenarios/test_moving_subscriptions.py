"""Subscriptions where history moves: no event is lost for them, and no position is a false one."""

import asyncio
import io
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeAlias, cast

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

import eventflow as ef
from eventflow.engine.copying import copy_history
from eventflow.engine.histories import read_histories
from eventflow.errors import CannotCopy
from eventflow.runtime.subscription_log import WORKFLOW
from eventflow.store.contract import Operation, RunQuery, Store, StoredEvent, Verdict
from eventflow.store.memory import MemoryStore
from eventflow.testing.builders import Author
from eventflow.testing.checker import assert_sound
from eventflow.testing.clock import ManualClock
from tests.scenarios.inbox import Inbox
from tests.scenarios.steps import ARITHMETIC
from tests.scenarios.test_ai_calls import MODEL, settings

Names: TypeAlias = set[tuple[str, int]]
"""Events, by run and version."""


@frozen
class Place:
    """A store, and whoever is subscribed to it under the one name.

    Attributes:
        store: The store.
        clock: The time.
        inbox: What was delivered there.
    """

    store: Store
    clock: ManualClock
    inbox: Inbox = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "inbox", Inbox(self.clock))

    def opened(self) -> ef.Runtime:
        """A runtime on it."""
        return ef.Runtime(self.clock.watch(self.store), [ARITHMETIC], clock=self.clock)

    async def run(self, number: int = 1) -> str:
        """Create and execute a run, while nobody delivers."""
        async with self.opened() as runtime:
            run = await runtime.create_run("arithmetic", number)
            await self.clock.run_until(runtime.transition_run(run.id))
            return run.id

    async def deliver(self, **options: Any) -> None:  # noqa: ANN401 - those of subscribe
        """Deliver whatever there is, and stop."""
        async with self.opened() as runtime:
            subscription = await runtime.subscribe("mails", self.inbox, **options)
            await self.clock.settle()
            await subscription.stop()

    async def die_delivering(self) -> None:
        """Deliver what there is, and leave the claim behind."""
        runtime = self.opened()
        await runtime.__aenter__()
        await runtime.subscribe("mails", self.inbox, batch=1)
        await self.clock.settle()
        await runtime.__aexit__(RuntimeError, None, None)

    async def log(self) -> list[StoredEvent]:
        """All events."""
        return await self.store.read_all(0, 10_000)

    async def events(self) -> Names:
        """The events of the runs of applications."""
        return {
            (event.run_id, event.version)
            for event in await self.log()
            if not event.run_id.startswith("eventflow.")
        }

    def delivered(self) -> Names:
        """What was delivered here."""
        return {(envelope.run_id, envelope.version) for envelope in self.inbox.seen}

    async def chain(self) -> list[str]:
        """The runs of the subscription."""
        page = await self.store.runs(RunQuery(workflow_id=WORKFLOW))
        return [rows.run.run_id for rows in page.items]


Pair: TypeAlias = tuple[Place, Place]


@pytest.fixture(params=["from it", "into it"])
def both(request: pytest.FixtureRequest, store: Store, clock: ManualClock) -> Pair:
    """A place to move from and one to move to, one of them on the store under test."""
    here, there = Place(store, clock), Place(MemoryStore(), clock)
    return (here, there) if request.param == "from it" else (there, here)


@pytest.mark.parametrize("batch", [1, 3, 1_000])
async def test_in_an_empty_store_a_subscription_goes_on(both: Pair, batch: int) -> None:
    """The copy is the same log, so the cursor is true there: nothing is lost or sent again."""
    source, target = both
    await source.run()
    await source.deliver()
    first = await copy_history(source.store, target.store, batch=batch)
    await source.run()
    await source.deliver()
    last = await source.run()
    report = await copy_history(source.store, target.store, after=first.position, batch=batch)
    assert first.left_out == report.left_out == 0
    assert await target.log() == await source.log()
    await target.deliver()
    assert {run_id for run_id, _ in target.delivered()} == {last}
    assert source.delivered() | target.delivered() == await target.events()
    assert not source.delivered() & target.delivered()


async def test_among_other_events_a_subscription_begins_anew(both: Pair) -> None:
    """Where positions differ its runs are left out, and it starts as it is told to start."""
    source, target = both
    await source.run()
    await source.deliver()
    await target.run()
    report = await copy_history(source.store, target.store)
    assert report.left_out == len(await source.log()) - len(await source.events())
    assert report.copied + report.present + report.left_out == report.position
    assert await target.chain() == []
    again = await copy_history(source.store, target.store)
    assert (again.copied, again.left_out) == (0, report.left_out)
    await target.deliver()
    assert target.delivered() == await target.events()
    await assert_sound(target.store, finished=False)


async def test_who_starts_now_is_sent_nothing_that_was_moved(both: Pair) -> None:
    """It is the way to go on without sending again what was sent in the other store."""
    source, target = both
    await source.run()
    await source.deliver()
    await target.run()
    await copy_history(source.store, target.store)
    await target.deliver(start="now")
    assert target.inbox.seen == []
    last = await target.run()
    await target.deliver()
    assert {run_id for run_id, _ in target.delivered()} == {last}


async def test_two_stores_with_one_subscription_are_merged(both: Pair) -> None:
    """The subscription of the target is sent what arrives, and goes on as its own."""
    source, target = both
    for place in both:
        await place.run()
        await place.deliver()
    moved = await source.run()
    before = list(target.inbox.seen)
    await copy_history(source.store, target.store)
    await target.deliver()
    assert target.delivered() == await target.events()
    assert len(target.inbox.seen) == len(target.delivered())
    assert target.inbox.seen[: len(before)] == before
    assert moved in {run_id for run_id, _ in target.delivered()}
    await assert_sound(target.store, finished=False)


async def test_a_claim_of_the_source_moves_no_claim_of_the_target(
    both: Pair, clock: ManualClock
) -> None:
    """Tokens of two chains of one name may be equal, and their leases have nothing in common."""
    source, target = both
    await source.die_delivering()
    await clock.advance(100)
    await target.die_delivering()
    await target.run()
    await source.run()
    query = RunQuery(workflow_id=WORKFLOW)
    (before,) = (await target.store.runs(query)).items
    (theirs,) = (await source.store.runs(query)).items
    assert [job.token for job in before.jobs] == [job.token for job in theirs.jobs]
    await copy_history(source.store, target.store)
    assert (await target.store.runs(query)).items == (before,)


async def test_a_copy_that_went_its_own_way_takes_no_more_cursors(both: Pair) -> None:
    """Both went on with the subscription; the target keeps its own cursor and loses nothing."""
    source, target = both
    await source.run()
    await source.deliver()
    first = await copy_history(source.store, target.store)
    for place in both:
        await place.run()
        await place.deliver()
    for after in (0, first.position):
        report = await copy_history(source.store, target.store, after=after)
        assert report.left_out > 0
    await target.deliver()
    assert source.delivered() | target.delivered() == await target.events()
    assert len(target.inbox.seen) == len(target.delivered())
    await assert_sound(target.store, finished=False)


class Interrupted:
    """A target into which somebody else appends a run, just before something arrives."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left = 1

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - that of the store
        return getattr(self._store, name)

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append behind what somebody else appends."""
        if self._left:
            self._left -= 1
            await self._store.append([Author("other").create()])
        return await self._store.append(operations)


async def test_who_appends_at_the_same_moment_loses_nothing(both: Pair) -> None:
    """The cursor that has just arrived names another event than its own, and is not believed."""
    source, target = both
    await source.run()
    await source.deliver()
    await copy_history(source.store, cast("Store", Interrupted(target.store)))
    assert await target.chain() != []
    await target.clock.advance(1_000)  # what came of the claim was left out, so its lease counts
    await target.deliver()
    assert target.delivered() == await target.events()
    assert any(run_id == "other" for run_id, _ in target.delivered())


async def test_an_export_has_what_is_listed(both: Pair) -> None:
    """Runs of subscriptions are neither counted nor shipped, unless they are asked for."""
    source, _ = both
    run_id = await source.run()
    await source.deliver()
    async with source.opened() as runtime:
        for query in (None, {"status": "completed"}, RunQuery()):
            file = io.BytesIO()
            report = await runtime.export(query, file)
            file.seek(0)
            assert [each.run_id for each in read_histories(file)] == [run_id]
            assert (report.runs, report.events) == (1, len(await source.events()))
        asked = await runtime.export({"workflow": WORKFLOW}, io.BytesIO())
        assert asked.runs == len(await source.chain()) == 1
        named = await runtime.run((await source.chain())[0]).export(io.BytesIO())
        assert (named.runs, named.events) == (1, asked.events)


async def test_an_import_leaves_subscriptions_out(both: Pair) -> None:
    """They are counted; one of that name in the store goes on, and is sent what was imported."""
    source, target = both
    await source.run()
    await source.deliver()
    await target.run()
    await target.deliver()
    async with source.opened() as runtime, target.opened() as other:
        everything, chain = io.BytesIO(), io.BytesIO()
        await runtime.export(None, everything)
        await runtime.export({"workflow": WORKFLOW}, chain)
        for file in (everything, chain):
            file.seek(0)
        imported = await other.import_history(everything)
        assert (imported.runs, imported.left_out) == (1, 0)
        before = await target.log()
        nothing = await other.import_history(chain, only_ended=True)
        assert (nothing.runs, nothing.left_out, nothing.run_ids) == (0, 1, ())
        assert await target.log() == before
    await target.deliver()
    assert target.delivered() == await target.events()
    assert len(target.inbox.seen) == len(target.delivered())


async def test_a_copied_dead_letter_can_be_replayed(both: Pair) -> None:
    """In a store with the same positions it stands where it stood."""
    source, target = both
    source.inbox.fails["run.created"] = 1
    await source.run()
    await source.deliver(retry=ef.Retry(max_attempts=1))
    await copy_history(source.store, target.store)
    async with target.opened() as runtime:
        (letter,) = await runtime.dead_letters("mails")
        await runtime.replay_dead_letter("mails", letter.position)
        await runtime.subscribe("mails", target.inbox)
        await target.clock.settle()
        assert await runtime.dead_letters("mails") == []
    assert target.delivered() == {(letter.run_id, letter.version)}


Act: TypeAlias = Callable[[Place, Place], Any]


async def _copy(source: Place, target: Place) -> None:
    try:
        await copy_history(source.store, target.store, batch=3)
    except CannotCopy:
        raise AssertionError("runs of applications were never in both") from None


async def _transfer(source: Place, target: Place) -> None:
    file = io.BytesIO()
    async with source.opened() as runtime, target.opened() as other:
        await runtime.export(None, file)
        file.seek(0)
        await other.import_history(file)


ACTS: dict[str, Act] = {
    "run here": lambda source, _: source.run(),
    "deliver here": lambda source, _: source.deliver(),
    "die here": lambda source, _: source.die_delivering(),
    "run there": lambda _, target: target.run(),
    "deliver there": lambda _, target: target.deliver(),
    "die there": lambda _, target: target.die_delivering(),
    "copy": _copy,
    "transfer": _transfer,
}


@given(st.lists(st.sampled_from(sorted(ACTS)), min_size=3, max_size=8))
def test_whatever_is_moved_when_nothing_is_lost(acts: list[str]) -> None:
    """Every event of the target was sent there, or in the store in which it happened."""

    async def play() -> None:
        clock = ManualClock()
        source, target = Place(MemoryStore(), clock), Place(MemoryStore(), clock)
        for act in acts:
            await ACTS[act](source, target)
            await clock.advance(1_000)
        async with AsyncExitStack() as stack:
            runtime = await stack.enter_async_context(target.opened())
            await runtime.subscribe("mails", target.inbox)
            await clock.advance(1_000)
        native = await target.events() - await source.events()
        assert native <= target.delivered()
        assert await target.events() <= source.delivered() | target.delivered()

    asyncio.run(play())


async def test_calls_outside_of_runs_are_data(both: Pair) -> None:
    """A copy has them, also among other events; an export has them if they are asked for."""
    source, target = both
    seen = source.clock.watch(source.store)
    async with ef.Runtime(seen, clock=source.clock, ai=settings()) as runtime:
        await runtime.create_ai_helper("billing").generate_text(MODEL, "x")
        assert (await runtime.export(None, io.BytesIO())).runs == 0
        file = io.BytesIO()
        assert (await runtime.export({"workflow": "eventflow.ai"}, file)).runs == 1
    await target.run()
    await copy_history(source.store, target.store)
    async with target.opened() as runtime, ef.Runtime("memory://") as other:
        assert (await runtime.ai_stats(topic="billing")).calls == 1
        file.seek(0)
        await other.import_history(file)
        assert (await other.ai_stats(topic="billing")).calls == 1
