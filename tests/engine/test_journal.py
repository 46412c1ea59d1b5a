"""The journal: decisions are made on the newest state, appended once, and made again on a race."""

import asyncio
import copy
from collections.abc import Collection, Sequence
from functools import partial

import pytest

from eventflow.core import commands as c
from eventflow.core.decide import draft
from eventflow.core.draft import Draft
from eventflow.core.events import Event, RunAnnotated, UnknownEvent
from eventflow.core.state import RunState
from eventflow.core.values import Status
from eventflow.engine.journal import CAPACITY, Journal, Outcome
from eventflow.errors import HistoryAltered, RunEnded, RunNotFound, SchemaTooNew, StoreUnavailable
from eventflow.store.chain import verify
from eventflow.store.contract import StoredEvent
from eventflow.testing.builders import START, Author, plan
from tests.engine.observed import ObservedStore, settle


def creation(run_id: str = "run") -> Draft:
    """Decide to create a run of one stage."""
    command = c.CreateRun(
        now=START, plan=plan(), input=None, config={}, priority=5, metadata={}, idempotency_key="k"
    )
    return draft(None, command, run_id)


def cancel(state: RunState) -> Draft:
    """Decide to cancel a run."""
    return draft(state, c.CancelRun(now=START, reason=None))


def signal(state: RunState, name: str = "go") -> Draft:
    """Decide to signal a run."""
    return draft(state, c.ReceiveSignal(now=START, name=name, payload=None))


def journal_of(store: ObservedStore, process: str = "p", capacity: int = CAPACITY) -> Journal:
    """Open a journal as one process has it."""
    return Journal(store, lambda: process, capacity)


@pytest.fixture
async def journal(store: ObservedStore) -> Journal:
    """A journal that has created the run `run`."""
    opened = journal_of(store)
    await opened.create("run", creation())
    return opened


def signals(outcome: Outcome) -> list[str]:
    """The names of the signals that a run has."""
    return [each.name for each in outcome.state.signals]


async def test_a_decision_is_appended_and_folded(journal: Journal, store: ObservedStore) -> None:
    """The outcome tells what was appended and what the run is behind it."""
    outcome = await journal.execute("run", cancel, actor="ada")
    assert (outcome.state.status, len(outcome.events)) == ("cancelled", 1)
    last = (await store.read(["run"]))[-1]
    assert (last.type, last.actor, last.version) == ("run.cancelled", "ada", 3)


async def test_a_known_run_is_not_read_again(journal: Journal, store: ObservedStore) -> None:
    """What this process has appended itself it decides on without a read."""
    await journal.execute("run", signal)
    assert store.reads == []


async def test_what_nobody_else_can_have_changed_is_recent(
    journal: Journal, store: ObservedStore
) -> None:
    """A state is given without a look into the store until others may have appended."""
    recent = journal.recent("run")
    assert recent is not None
    assert (recent.version, store.reads) == (2, [])
    journal.epoch += 1
    assert journal.recent("run") is None
    await journal.state("run")
    assert journal.recent("run") == recent


async def test_what_changed_while_it_was_read_is_not_recent(
    journal: Journal, store: ObservedStore
) -> None:
    """A read that began before others appended may have missed what they did."""
    journal.epoch += 1
    store.gate.clear()
    reading = asyncio.create_task(journal.state("run"))
    await settle()
    journal.epoch += 1
    store.gate.set()
    await reading
    assert journal.recent("run") is None


async def test_nothing_to_do_appends_nothing(journal: Journal, store: ObservedStore) -> None:
    """A decision without events leaves the store alone."""
    await journal.execute("run", cancel)
    appends = len(store.appends)
    outcome = await journal.execute("run", cancel)
    assert outcome.events == ()
    assert len(store.appends) == appends


async def test_an_error_of_a_decision_reaches_the_caller(
    journal: Journal, store: ObservedStore
) -> None:
    """Nothing is appended, and the run can be decided on further."""
    await journal.execute("run", cancel)
    with pytest.raises(RunEnded):
        await journal.execute("run", signal)
    assert (await journal.state("run")).version == 3


async def test_a_run_that_does_not_exist_is_not_decided_on(store: ObservedStore) -> None:
    """Whatever is asked of it says so."""
    journal = journal_of(store)
    for asked in (journal.execute("ghost", cancel), journal.state("ghost")):
        with pytest.raises(RunNotFound, match="ghost"):
            await asked
    with pytest.raises(RunNotFound):
        await journal.history("ghost")


async def test_a_lost_race_is_decided_again(journal: Journal, store: ObservedStore) -> None:
    """The second decision sees what the winner appended."""
    await journal_of(store, "rival").execute("run", lambda state: signal(state, "theirs"))
    seen: list[int] = []

    def decide(state: RunState) -> Draft:
        seen.append(state.version)
        return signal(state, "mine")

    outcome = await journal.execute("run", decide)
    assert seen == [2, 3]
    assert signals(outcome) == ["theirs", "mine"]


async def test_a_lost_race_may_leave_nothing_to_do(journal: Journal, store: ObservedStore) -> None:
    """Two processes cancel a run: one of them is told that there was nothing to cancel."""
    rival = journal_of(store, "rival")
    await rival.state("run")
    outcomes = await asyncio.gather(journal.execute("run", cancel), rival.execute("run", cancel))
    assert sorted(len(outcome.events) for outcome in outcomes) == [0, 1]
    assert {outcome.state.status for outcome in outcomes} == {"cancelled"}


async def test_many_writers_of_one_run_all_get_through(
    journal: Journal, store: ObservedStore
) -> None:
    """Two processes with twenty tasks each append forty signals to one run, each of them once."""
    processes = {"p": journal, "q": journal_of(store, "q")}

    async def write(name: str, number: int) -> None:
        await processes[name].execute("run", lambda state: signal(state, f"{name}{number}"))

    names = [(name, number) for name in processes for number in range(20)]
    await asyncio.gather(*(write(name, number) for name, number in names))
    state = await journal.state("run")
    assert sorted(s.name for s in state.signals) == sorted(f"{n}{number}" for n, number in names)
    assert state.version == 42


async def test_a_run_that_was_not_there_is_looked_for_again(store: ObservedStore) -> None:
    """Nobody remembers that a run does not exist: another process may have created it since."""
    early, other = journal_of(store, "early"), journal_of(store, "other")
    with pytest.raises(RunNotFound):
        await early.execute("run", cancel)
    await other.create("run", creation())
    assert (await early.execute("run", cancel)).state.status is Status.CANCELLED


async def test_a_key_that_is_taken_names_its_run(journal: Journal, store: ObservedStore) -> None:
    """A second creation under one key appends nothing."""
    keyed = journal_of(store, "q")
    first = await keyed.create("first", creation("first"), key="k")
    second = await keyed.create("second", creation("second"), key="k")
    assert (first.duplicate, second.duplicate) == (None, "first")
    assert second.events == ()
    with pytest.raises(RunNotFound):
        await keyed.state("second")


async def test_a_lost_answer_is_found_again(journal: Journal, store: ObservedStore) -> None:
    """Repeating a call with its op id gives its events, and appends nothing twice."""
    store.lost_answers = 1
    told: list[int] = []
    journal.observers.append(lambda _, events: told.append(len(events)))
    with pytest.raises(StoreUnavailable):
        await journal.execute("run", signal, op_id="once")
    outcome = await journal.execute("run", signal, op_id="once", repeated=True)
    assert (len(outcome.events), signals(outcome)) == (1, ["go"])
    assert told == [1]


async def test_a_repeated_call_that_never_arrived_is_made(
    journal: Journal, store: ObservedStore
) -> None:
    """If the first try did not reach the store, the second is decided anew."""
    store.failure = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await journal.execute("run", signal, op_id="once")
    store.failure = None
    outcome = await journal.execute("run", signal, op_id="once", repeated=True)
    assert signals(outcome) == ["go"]


async def test_a_first_try_that_arrives_after_all_is_what_counts(
    journal: Journal, store: ObservedStore
) -> None:
    """It was under way while the second was decided: its events are given, and the chain holds."""
    store.late = 1
    with pytest.raises(StoreUnavailable):
        await journal.execute("run", lambda state: signal(state, "first"), op_id="once")
    outcome = await journal.execute(
        "run", lambda state: signal(state, "second"), op_id="once", repeated=True
    )
    assert (len(outcome.events), signals(outcome)) == (1, ["first"])
    await journal.execute("run", cancel)
    verify(await store.read(["run"]))
    assert await journal.state("run") == await journal_of(store, "q").state("run")


async def test_a_first_try_that_arrives_between_two_reads_is_what_counts(
    journal: Journal, store: ObservedStore
) -> None:
    """The state that is given is the one behind the events that are given."""
    store.late = 1
    with pytest.raises(StoreUnavailable):
        await journal.execute("run", signal, op_id="once")
    reads = 0

    async def read(run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        nonlocal reads
        reads += 1
        if reads == 2:
            await store.append([])
        return await ObservedStore.read(store, run_ids, after)

    store.read = read  # type: ignore[method-assign]
    outcome = await journal.execute("run", signal, op_id="once", repeated=True)
    assert (reads, len(outcome.events), signals(outcome)) == (2, 1, ["go"])


async def test_a_repeated_call_gives_the_state_of_now(
    journal: Journal, store: ObservedStore
) -> None:
    """What others have appended behind the lost answer is in the state that is given."""
    store.lost_answers = 1
    with pytest.raises(StoreUnavailable):
        await journal.execute("run", signal, op_id="once")
    await journal_of(store, "q").execute("run", cancel)
    outcome = await journal.execute("run", signal, op_id="once", repeated=True)
    assert (outcome.state.status, len(outcome.events)) == ("cancelled", 1)


async def test_a_cancelled_append_is_not_forgotten(journal: Journal, store: ObservedStore) -> None:
    """The next decision knows what the cancelled call has appended after all."""
    store.gate.clear()
    gone = asyncio.create_task(journal.execute("run", signal))
    await settle()
    gone.cancel()
    await settle()
    store.gate.set()
    await settle()
    seen: list[int] = []

    def decide(state: RunState) -> Draft:
        seen.append(state.version)
        return cancel(state)

    outcome = await journal.execute("run", decide)
    assert gone.cancelled()
    assert seen == [3]
    assert signals(outcome) == ["go"]


async def test_an_older_state_than_the_caller_has_seen_is_not_decided_on(
    journal: Journal, store: ObservedStore
) -> None:
    """`seen` makes the journal read first, so that the append is not refused."""
    await journal_of(store, "rival").execute("run", signal)
    appends = len(store.appends)
    await journal.execute("run", cancel, seen=3)
    assert len(store.appends) == appends + 1


async def test_notes_are_appended_whatever_the_run_is(journal: Journal) -> None:
    """An ended run takes notes, in the order in which they were given."""
    await journal.execute("run", cancel)
    notes = [RunAnnotated("a", 1), RunAnnotated("b", 2)]
    outcome = await journal.record("run", notes, START)
    assert outcome.events == tuple(notes)
    assert outcome.state.status == "cancelled"


async def test_observers_are_told_once_and_after_the_append(
    journal: Journal, store: ObservedStore
) -> None:
    """Each append of this process is told with the state behind it; a lost race is not."""
    told: list[tuple[int, Sequence[Event]]] = []
    journal.observers.append(lambda state, events: told.append((state.version, events)))
    await journal_of(store, "rival").execute("run", signal)
    outcome = await journal.execute("run", cancel)
    assert told == [(4, outcome.events)]


async def test_a_run_is_reloaded_after_it_was_forgotten(store: ObservedStore) -> None:
    """With room for one run only, two runs are worked on in turns without a mistake."""
    journal = journal_of(store, capacity=1)
    for name in ("a", "b"):
        await journal.create(name, creation(name))
    for turn in ("1", "2", "3"):
        for name in ("a", "b"):
            outcome = await journal.execute(name, partial(signal, name=turn))
            assert signals(outcome) == ["1", "2", "3"][: int(turn)]


class AlteredStore(ObservedStore):
    """A store whose history of a run is not what was appended."""

    def __init__(self, altered: list[StoredEvent]) -> None:
        super().__init__()
        self.altered = altered

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Give what somebody made of the history."""
        return [event for event in self.altered if event.run_id in run_ids][after:]


@pytest.mark.parametrize(("order", "first"), [((0, 2), 2), ((0, 2, 1), 2), ((1, 2), 1)])
async def test_a_history_with_gaps_or_in_another_order_is_refused(
    order: Sequence[int], first: int
) -> None:
    """`HistoryAltered` names the first version that does not fit, and nothing is decided."""
    author = Author(run_id="run")
    events = [*author.create().events, *author.claim().events]
    journal = journal_of(AlteredStore([events[number] for number in order]))
    with pytest.raises(HistoryAltered) as found:
        await journal.execute("run", cancel)
    assert (found.value.run_id, found.value.version) == ("run", first)


async def newer_release(store: ObservedStore) -> None:
    """Append an event to the run that this release does not know."""
    author = Author.of(await store.read(["run"]))
    work = Draft(author.state, START)
    work.add(UnknownEvent("run.paused", 1, b"{}"))
    await store.append([author.write(work)])


async def test_unknown_events_can_be_read_and_nothing_is_decided_on_them(
    journal: Journal, store: ObservedStore
) -> None:
    """A process of an older release shows the run, and says what to do instead of guessing."""
    await newer_release(store)
    state = await journal.state("run")
    assert state.unknown == ((3, "run.paused"),)
    last = (await journal.history("run"))[-1]
    assert (last.type, last.event) == ("run.paused", UnknownEvent("run.paused", 1, b"{}"))
    for decide in (cancel, signal):
        with pytest.raises(SchemaTooNew, match=r'"run.paused" at version 3.*upgrade'):
            await journal.execute("run", decide)
    assert (await journal.state("run")).version == 3


async def test_closing_waits_for_what_is_under_way(journal: Journal, store: ObservedStore) -> None:
    """After `close` the append has its verdict; the store is left open."""
    store.gate.clear()
    writing = asyncio.create_task(journal.execute("run", signal))
    await settle()
    closing = asyncio.create_task(journal.close())
    await settle()
    assert not closing.done()
    store.gate.set()
    await closing
    assert signals(await writing) == ["go"]
    assert len(await store.read_all(0, 10)) == 3


async def test_a_store_that_went_back_is_read_anew(journal: Journal, store: ObservedStore) -> None:
    """After a restore of an older backup, what was known beyond it is forgotten, without a loop."""
    backup = copy.deepcopy(vars(store)["_runs"]), copy.deepcopy(vars(store)["_log"])
    await journal.execute("run", signal)
    vars(store)["_runs"], vars(store)["_log"] = backup
    outcome = await asyncio.wait_for(journal.execute("run", cancel), 5)
    assert (outcome.state.version, outcome.state.status) == (3, Status.CANCELLED)
    verify(await store.read(["run"]))


async def test_what_comes_to_nothing_does_so_by_what_the_store_has_now(
    journal: Journal, store: ObservedStore
) -> None:
    """A run that ended here and was brought back elsewhere is signalled, and cancelled again."""
    other = journal_of(store, "other")
    rewind = c.RewindRun(now=START, stage="a", plan=plan(), config={}, input=None)
    for decide in (signal, cancel):
        await other.execute("run", cancel)
        assert (await journal.state("run")).status is Status.CANCELLED
        await other.execute("run", lambda state: draft(state, rewind))
        assert len((await journal.execute("run", decide)).events) == 1
    with pytest.raises(RunEnded):
        await journal.execute("run", signal)
