"""Subscriptions: the log delivered in order, at least once, whoever fails or dies meanwhile."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest

import eventflow as ef
from eventflow.core import events as e
from eventflow.errors import (
    DeadLetterNotFound,
    HistoryAltered,
    InvalidInput,
    SubscriptionNotFound,
)
from eventflow.runtime import delivery
from eventflow.runtime.subscription_log import WORKFLOW
from eventflow.store.contract import Store, StoredEvent
from eventflow.store.envelope import Envelope, open_envelope
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.inbox import Cable, Inbox
from tests.scenarios.steps import ARITHMETIC

LEASE = 60.0


async def log_of_runs(runtime: ef.Runtime) -> list[int]:
    """The positions of all events of the runs of applications."""
    rows = (await runtime.runs()).items
    return sorted([e.position for row in rows for e in await runtime.run(row.run_id).history()])


async def chain(runtime: ef.Runtime) -> list[ef.Run]:
    """The runs of all subscriptions, oldest first."""
    rows = (await runtime.runs(workflow=WORKFLOW)).items
    return [runtime.run(row.run_id) for row in reversed(rows)]


async def notes(runtime: ef.Runtime, key: str) -> list[Any]:
    """What was annotated under a key on the runs of subscriptions, oldest first."""
    return [note.value for run in await chain(runtime) for note in await run.annotations(key=key)]


Process = Callable[[], Any]


@pytest.fixture
async def process(store: Store, clock: ManualClock) -> AsyncIterator[Process]:
    """Opens a runtime as a process that can be cut off."""
    async with AsyncExitStack() as stack:

        async def opened() -> tuple[ef.Runtime, Cable]:
            cable = Cable(store)
            seen = clock.watch(cast("Store", cable))
            runtime = ef.Runtime(seen, [ARITHMETIC], clock=clock, stale_job_threshold=LEASE)
            await runtime.__aenter__()
            stack.push_async_callback(runtime.__aexit__, RuntimeError, None, None)  # no grace
            return runtime, cable

        yield opened


async def test_all_events_are_delivered_in_order(open_runtime: Open, clock: ManualClock) -> None:
    """Those of before and those that come, without a worker, as long as nobody asks for less."""
    runtime = await open_runtime(ARITHMETIC)
    await runtime.create_run("arithmetic", 1)
    inbox = Inbox(clock)
    await runtime.subscribe("all", inbox)
    await clock.settle()
    assert inbox.types == ["run.created", "stage.scheduled"]
    await clock.run_until(runtime.run_and_wait("arithmetic", 2))
    await clock.settle()
    assert inbox.positions == await log_of_runs(runtime)
    assert inbox.seen[0].event == (await runtime.run(inbox.seen[0].run_id).history())[0].event


async def test_another_process_is_heard(open_runtime: Open, clock: ManualClock) -> None:
    """What others append is delivered as well, at once."""
    runtime, other = await open_runtime(), await open_runtime(ARITHMETIC)
    inbox = Inbox(clock)
    await runtime.subscribe("all", inbox)
    await clock.settle()
    before = clock.now()
    await other.create_run("arithmetic", 1)
    await clock.settle()
    assert inbox.types == ["run.created", "stage.scheduled"]
    assert clock.now() == before


async def test_only_what_is_asked_for_is_delivered(open_runtime: Open, clock: ManualClock) -> None:
    """By the names of types, by their classes, or by one of these alone."""
    runtime = await open_runtime(ARITHMETIC)
    inboxes = [Inbox(clock) for _ in range(3)]
    await runtime.subscribe("names", inboxes[0], ["run.created", "run.completed"])
    await runtime.subscribe("classes", inboxes[1], {e.RunCreated, e.RunCompleted})
    await runtime.subscribe("one", inboxes[2], "run.completed")
    await clock.run_until(runtime.run_and_wait("arithmetic", 2))
    await clock.settle()
    assert inboxes[0].types == inboxes[1].types == ["run.created", "run.completed"]
    assert inboxes[2].types == ["run.completed"]


async def test_a_subscription_can_start_now(open_runtime: Open, clock: ManualClock) -> None:
    """What was before is not delivered; what comes after is, and a second start changes nothing."""
    runtime = await open_runtime(ARITHMETIC)
    inbox, other = Inbox(clock), Inbox(clock)
    empty = await runtime.subscribe("from nothing", other, start="now")
    old = await runtime.create_run("arithmetic", 1)
    subscription = await runtime.subscribe("now", inbox, start="now")
    run = await runtime.create_run("arithmetic", 2)
    await clock.settle()
    assert {envelope.run_id for envelope in inbox.seen} == {run.id}
    assert {envelope.run_id for envelope in other.seen} == {old.id, run.id}
    await subscription.stop()
    await empty.stop()
    last = await runtime.create_run("arithmetic", 3)
    await runtime.subscribe("now", inbox, start="now")
    await clock.settle()
    assert inbox.seen[-1].run_id == last.id
    assert len(inbox.seen) == 4


async def test_a_stopped_subscription_goes_on_where_it_left_off(
    open_runtime: Open, clock: ManualClock
) -> None:
    """In another process, each event once."""
    inbox = Inbox(clock)
    for number in range(3):
        runtime = await open_runtime(ARITHMETIC)
        subscription = await runtime.subscribe("all", inbox)
        await runtime.create_run("arithmetic", number)
        await clock.settle()
        assert await subscription.position() >= inbox.positions[-1]
        await subscription.stop()
        await runtime.create_run("arithmetic", number)
    await clock.settle()
    assert len(inbox.positions) == 5 * 2
    subscription = await runtime.subscribe("all", inbox)
    await clock.settle()
    assert inbox.positions == await log_of_runs(runtime)


async def test_one_process_delivers_at_a_time(open_runtime: Open, clock: ManualClock) -> None:
    """Each event is delivered by one of them; when it stops, another one takes over at once."""
    first, second = await open_runtime(ARITHMETIC), await open_runtime(ARITHMETIC)
    inboxes = [Inbox(clock), Inbox(clock)]
    one = await first.subscribe("shared", inboxes[0])
    await clock.settle()
    await second.subscribe("shared", inboxes[1])
    await first.create_run("arithmetic", 1)
    await clock.advance(3 * LEASE)
    assert [len(inbox.seen) for inbox in inboxes] == [2, 0]
    await one.stop()
    await first.create_run("arithmetic", 2)
    await clock.advance(1)
    assert [len(inbox.seen) for inbox in inboxes] == [2, 2]
    assert inboxes[0].positions + inboxes[1].positions == await log_of_runs(first)


async def test_another_process_takes_over_when_the_lease_is_over(
    process: Process, clock: ManualClock
) -> None:
    """Nothing is lost: what was delivered and not recorded is delivered again, in order."""
    (first, cable), (second, _) = await process(), await process()
    inboxes = [Inbox(clock, takes=0.3), Inbox(clock)]
    await first.subscribe("shared", inboxes[0], batch=3)
    await second.subscribe("shared", inboxes[1], batch=3)
    for number in range(4):
        await second.create_run("arithmetic", number)
    await clock.advance(0.3 * 5.5)
    cable.cut = True
    assert inboxes[0].positions == (await log_of_runs(second))[:5]
    await clock.advance(LEASE - 5)
    assert inboxes[1].positions == []
    await clock.advance(10)
    assert inboxes[1].positions == (await log_of_runs(second))[3:]
    events = [x.event for run in await chain(second) for x in await run.history()]
    assert [x.reason for x in events if isinstance(x, e.LeaseExpired)] == ["timeout"]
    assert inboxes[0].positions == (await log_of_runs(second))[:6]


async def test_a_process_that_was_only_paused_changes_nothing(
    process: Process, clock: ManualClock
) -> None:
    """Its token is no longer the current one, so it neither moves the cursor nor goes on."""
    (first, cable), (second, _) = await process(), await process()
    inboxes = [Inbox(clock, takes=2 * LEASE), Inbox(clock)]
    await first.subscribe("shared", inboxes[0])
    await second.create_run("arithmetic", 1)
    await clock.advance(1)
    cable.cut = True
    await second.subscribe("shared", inboxes[1])
    await clock.advance(1.5 * LEASE)
    assert len(inboxes[1].seen) == 2
    cursors = await notes(second, "subscription.cursor")
    cable.cut = False
    await clock.advance(3 * LEASE)
    assert await notes(second, "subscription.cursor") == cursors
    assert sum(inboxes[0].begun.values()) == 1


async def test_a_failing_handler_is_tried_again_and_then_set_aside(
    open_runtime: Open, clock: ManualClock
) -> None:
    """After the delays of its policy; other subscribers and runs go on meanwhile."""
    runtime = await open_runtime(ARITHMETIC)
    await runtime.start()
    failing = Inbox(clock, fails={"run.created": -1, "run.completed": 2})
    fine = Inbox(clock)
    types = ["run.created", "run.completed"]
    policy = ef.Retry(max_attempts=3, initial=10, factor=3)
    subscription = await runtime.subscribe("failing", failing, types, retry=policy)
    await runtime.subscribe("fine", fine, types)
    run = await runtime.create_run("arithmetic", 1)
    await clock.settle()
    assert (await run.state()).output == "Final: 36"
    assert fine.types == types
    assert await subscription.dead_letters() == []
    await clock.advance(100)
    assert failing.times == [0, 10, 40, 40, 50, 80]
    assert failing.types == ["run.completed"]
    (letter,) = await runtime.dead_letters("failing")
    created = (await run.history())[0]
    assert (letter.position, letter.run_id, letter.version) == (created.position, run.id, 1)
    assert (letter.type, letter.attempts, letter.subscription) == ("run.created", 3, "failing")
    assert (letter.error.type, letter.error.message) == (
        "builtins.OSError",
        "no answer to run.created",
    )
    assert await runtime.dead_letters("fine") == []


async def test_what_the_policy_gives_up_on_is_set_aside_at_once(
    open_runtime: Open, clock: ManualClock
) -> None:
    """An error that is not covered is final."""
    runtime = await open_runtime(ARITHMETIC)
    inbox = Inbox(clock, fails={"run.created": -1})
    await runtime.subscribe("picky", inbox, retry=ef.Retry(give_up_on=(OSError,)))
    await runtime.create_run("arithmetic", 1)
    await clock.settle()
    assert inbox.types == ["stage.scheduled"]
    assert [letter.attempts for letter in await runtime.dead_letters("picky")] == [1]


async def test_a_dead_letter_is_replayed(open_runtime: Open, clock: ManualClock) -> None:
    """By whichever process delivers, once for all that ask; if it fails again, it stays."""
    runtime, other = await open_runtime(ARITHMETIC), await open_runtime(ARITHMETIC)
    once = ef.Retry(max_attempts=1)
    inbox = Inbox(clock, fails={"run.created": 3})
    await runtime.subscribe("mails", inbox, "run.created", retry=once)
    for number in range(3):
        await runtime.create_run("arithmetic", number)
    await clock.advance(0.1)
    letters = await other.dead_letters("mails")
    places = [letter.position for letter in letters]
    assert len(places) == 3
    assert places == sorted(places, reverse=True)
    assert [x.position for x in await other.dead_letters("mails", limit=2)] == places[:2]
    await other.replay_dead_letter("mails", places[1], actor="ada")
    await other.replay_dead_letter("mails", places[1])
    await clock.advance(0.1)
    assert inbox.positions == [places[1]]
    assert [x.position for x in await other.dead_letters("mails")] == [places[0], places[2]]
    inbox.fails["run.created"] = 1
    await other.replay_dead_letter("mails", places[0])
    await clock.advance(0.1)
    assert [x.position for x in await other.dead_letters("mails")] == [places[0], places[2]]
    for place in (places[0], places[2]):
        await other.replay_dead_letter("mails", place)
    await clock.advance(0.1)
    assert inbox.positions == [places[1], places[0], places[2]]
    assert await other.dead_letters("mails") == []


async def test_what_is_no_dead_letter_cannot_be_replayed(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The error names those that there are."""
    runtime = await open_runtime(ARITHMETIC)
    inbox = Inbox(clock, fails={"run.created": 1})
    subscription = await runtime.subscribe("mails", inbox, retry=ef.Retry(max_attempts=1))
    await runtime.create_run("arithmetic", 1)
    await clock.settle()
    (letter,) = await subscription.dead_letters()
    with pytest.raises(DeadLetterNotFound, match=f"the last ones are at: {letter.position}"):
        await subscription.replay(letter.position + 1)
    await subscription.replay(letter.position)
    await clock.settle()
    with pytest.raises(DeadLetterNotFound, match="at: none"):
        await runtime.replay_dead_letter("mails", letter.position)
    with pytest.raises(SubscriptionNotFound, match='no subscription "nails"'):
        await runtime.dead_letters("nails")
    with pytest.raises(SubscriptionNotFound, match='no subscription "nails"'):
        await runtime.replay_dead_letter("nails", 1)
    with pytest.raises(InvalidInput, match="whole number, at least one"):
        await runtime.dead_letters("mails", limit=0)


async def test_stopping_lets_the_current_call_end(open_runtime: Open, clock: ManualClock) -> None:
    """It is recorded as delivered, and the next event is left for later."""
    runtime = await open_runtime(ARITHMETIC)
    inbox = Inbox(clock, takes=10)
    subscription = await runtime.subscribe("slow", inbox)
    await runtime.create_run("arithmetic", 1)
    await clock.advance(5)
    await clock.run_until(subscription.stop())
    assert inbox.types == ["run.created"]
    assert await subscription.position() == inbox.positions[0]
    inbox.takes = 0
    await runtime.subscribe("slow", inbox)
    await clock.settle()
    assert inbox.types == ["run.created", "stage.scheduled"]


async def test_a_handler_that_does_not_end_is_cancelled(
    open_runtime: Open, clock: ManualClock
) -> None:
    """What it had in hand is delivered again, by whoever is next, at once."""
    runtime, other = await open_runtime(ARITHMETIC), await open_runtime(ARITHMETIC)
    inbox = Inbox(clock, takes=10_000)
    subscription = await runtime.subscribe("stuck", inbox)
    await runtime.create_run("arithmetic", 1)
    await clock.advance(5)
    begun = clock.now()
    await clock.run_until(subscription.stop(grace=20))
    assert (clock.now() - begun).total_seconds() == 20
    assert inbox.seen == []
    inbox.takes = 0
    await other.subscribe("stuck", inbox)
    await clock.settle()
    assert inbox.types == ["run.created", "stage.scheduled"]


async def test_stopping_does_not_wait_for_a_retry(open_runtime: Open, clock: ManualClock) -> None:
    """The event is delivered later, with all its attempts."""
    runtime = await open_runtime(ARITHMETIC)
    inbox = Inbox(clock, fails={"run.created": 1})
    subscription = await runtime.subscribe("s", inbox, retry=ef.Retry(initial=1_000))
    await runtime.create_run("arithmetic", 1)
    await clock.advance(5)
    begun = clock.now()
    await clock.run_until(subscription.stop())
    assert clock.now() == begun
    assert await runtime.dead_letters("s") == []
    await runtime.subscribe("s", inbox)
    await clock.settle()
    assert inbox.types == ["run.created", "stage.scheduled"]


async def test_a_runtime_that_closes_stops_its_subscriptions(
    store: Store, clock: ManualClock
) -> None:
    """The cursor is appended, so that nothing is delivered again."""
    inbox = Inbox(clock)
    for number in range(2):
        async with ef.Runtime(clock.watch(store), [ARITHMETIC], clock=clock) as runtime:
            await runtime.subscribe("all", inbox)
            await runtime.create_run("arithmetic", number)
            await clock.settle()
    assert len(inbox.positions) == len(set(inbox.positions)) == 4


async def test_plain_functions_run_in_a_thread(open_runtime: Open, clock: ManualClock) -> None:
    """One call at a time; what they raise counts as of any handler."""
    runtime = await open_runtime(ARITHMETIC)
    seen: list[tuple[str, bool]] = []

    def take(envelope: Envelope) -> None:
        seen.append((envelope.type, threading.current_thread() is threading.main_thread()))
        if envelope.type == "run.created":
            raise StopIteration

    await runtime.subscribe("plain", take, retry=ef.Retry(max_attempts=2))
    await runtime.create_run("arithmetic", 1)
    await clock.advance(5)
    assert seen == [("run.created", False)] * 2 + [("stage.scheduled", False)]
    (letter,) = await runtime.dead_letters("plain")
    assert "StopIteration" in letter.error.message


class Abort(BaseException):
    """What ends a process where nobody takes care."""


async def test_a_handler_that_wants_to_end_the_process_is_set_aside(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Whatever it raises, and however it is called: the next event is delivered."""

    async def abort(_: Envelope) -> None:
        raise Abort("now")

    class Leaving:
        async def __call__(self, _: Envelope) -> None:
            raise SystemExit(3)

    runtime = await open_runtime(ARITHMETIC)
    once = ef.Retry(max_attempts=1)
    await runtime.subscribe("abort", abort, retry=once)
    await runtime.subscribe("leave", Leaving(), retry=once)
    await runtime.create_run("arithmetic", 1)
    await clock.advance(1)
    for name, words in (("abort", "raised Abort"), ("leave", r"called sys.exit(3)")):
        letters = await runtime.dead_letters(name)
        assert [letter.type for letter in letters] == ["stage.scheduled", "run.created"]
        assert words in letters[0].error.message


async def test_the_runs_of_subscriptions_are_kept_apart(
    open_runtime: Open, clock: ManualClock
) -> None:
    """They are neither listed with other runs, nor delivered, nor called unclaimable."""
    runtime = await open_runtime(ARITHMETIC)
    inboxes = [Inbox(clock), Inbox(clock)]
    one = await runtime.subscribe("one", inboxes[0])
    await runtime.subscribe("two", inboxes[1])
    runs = [await runtime.create_run("arithmetic", n) for n in range(3)]
    await clock.settle()
    await one.stop()
    await runtime.subscribe("three", inboxes[0])
    await clock.advance(100)
    assert {x.run_id for inbox in inboxes for x in inbox.seen} == {run.id for run in runs}
    listed, after = [], None
    for _ in range(3):
        page = await runtime.runs(limit=1, after=after)
        after = page.next
        listed += [row.run_id for row in page.items]
    assert listed == [run.id for run in reversed(runs)]
    assert (await runtime.runs(limit=100)).next is None
    assert len(await chain(runtime)) == 3
    assert await runtime.unclaimable_runs() == []
    for run in await chain(runtime):
        await run.verify()
        assert ef.Status((await run.state()).status) in (ef.Status.RUNNING, ef.Status.COMPLETED)


async def test_the_cursor_is_appended_once_a_batch(open_runtime: Open, clock: ManualClock) -> None:
    """The log grows by one event for so many that were delivered, and by none for its own."""
    runtime = await open_runtime(ARITHMETIC)
    for number in range(10):
        await runtime.create_run("arithmetic", number)
    inboxes = [Inbox(clock), Inbox(clock)]
    for name, inbox in zip("ab", inboxes, strict=True):
        await runtime.subscribe(name, inbox, batch=7)
    await clock.settle()
    positions = await log_of_runs(runtime)
    assert [inbox.positions for inbox in inboxes] == [positions] * 2
    cursors = await notes(runtime, "subscription.cursor")
    places = [cursor["position"] for cursor in cursors]
    assert places[:2] == places[3:5] == [positions[6], positions[13]]
    assert len(places) == 6
    await clock.advance(100)
    assert await notes(runtime, "subscription.cursor") == cursors


async def test_a_long_run_of_a_subscription_is_followed_by_another(
    open_runtime: Open, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor and the count of dead letters go along, and nothing is delivered twice."""
    monkeypatch.setattr(delivery, "LONGEST_RUN", 10)
    runtime = await open_runtime(ARITHMETIC)
    inbox = Inbox(clock, fails={"run.created": 2})
    await runtime.subscribe("all", inbox, batch=1, retry=ef.Retry(max_attempts=1))
    for number in range(20):
        await runtime.create_run("arithmetic", number)
    await clock.settle()
    dead = [letter.position for letter in await runtime.dead_letters("all")]
    assert len(dead) == 2
    assert sorted(inbox.positions + dead) == await log_of_runs(runtime)
    assert inbox.positions == sorted(inbox.positions)
    runs = await chain(runtime)
    assert len(runs) > 4
    states = [await run.state() for run in runs]
    assert [state.status for state in states[:-1]] == [ef.Status.COMPLETED] * (len(runs) - 1)
    assert [state.input for state in states[1:]] == [state.output for state in states[:-1]]
    assert all(state.version < 20 for state in states)
    for position in dead:
        await runtime.replay_dead_letter("all", position)
    await clock.settle()
    assert await runtime.dead_letters("all") == []
    assert inbox.positions[-2:] == dead


async def test_an_event_over_which_processes_die_is_set_aside(
    process: Process, clock: ManualClock
) -> None:
    """Each death uses up an attempt; the events before it are delivered, and those behind it."""
    died: list[int] = []
    seen: list[int] = []
    (observer, _) = await process()
    for number in range(3):
        await observer.create_run("arithmetic", number)
    poison = (await log_of_runs(observer))[3]
    for _ in range(5):
        runtime, cable = await process()

        async def die(envelope: Envelope, cable: Cable = cable) -> None:
            if envelope.position == poison:
                cable.cut = True
                died.append(envelope.position)
                await clock.sleep(100_000)
            seen.append(envelope.position)

        await runtime.subscribe("deadly", die, retry=ef.Retry(max_attempts=2))
        await clock.advance(LEASE + 20)
    positions = await log_of_runs(observer)
    assert len(died) == 3
    assert list(dict.fromkeys(seen)) == [p for p in positions if p != poison]
    (letter,) = await observer.dead_letters("deadly")
    assert (letter.position, letter.attempts) == (poison, 2)
    assert letter.error.type == "eventflow.LeaseExpired"


async def test_a_deliverer_waits_for_a_store_that_is_away(
    process: Process, clock: ManualClock
) -> None:
    """Delivery goes on when it is back, without a gap."""
    (runtime, cable), (other, _) = await process(), await process()
    inbox = Inbox(clock)
    await runtime.subscribe("all", inbox)
    await clock.settle()
    cable.cut = True
    await other.create_run("arithmetic", 1)
    await clock.advance(LEASE / 2)
    cable.cut = False
    await clock.advance(10)
    assert inbox.positions == await log_of_runs(other)


async def test_an_event_that_cannot_be_read_is_set_aside(
    open_runtime: Open, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken event stops nobody."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 1)
    await runtime.create_run("arithmetic", 2)

    def reading(stored: StoredEvent) -> Envelope:
        if stored.run_id == run.id:
            raise HistoryAltered(stored.run_id, stored.version, "no JSON")
        return open_envelope(stored)

    monkeypatch.setattr(delivery, "open_envelope", reading)
    inbox = Inbox(clock)
    await runtime.subscribe("all", inbox)
    await clock.settle()
    assert len(inbox.seen) == 2
    assert [letter.attempts for letter in await runtime.dead_letters("all")] == [0, 0]


async def test_a_cancelled_subscription_rests_until_it_is_rerun(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Its run can be cancelled like any other, which every process heeds."""
    runtime = await open_runtime(ARITHMETIC)
    inbox = Inbox(clock)
    await runtime.subscribe("all", inbox)
    await runtime.create_run("arithmetic", 1)
    await clock.settle()
    (run,) = await chain(runtime)
    await run.cancel("too many mails")
    await runtime.create_run("arithmetic", 2)
    await clock.advance(100)
    assert len(inbox.seen) == 2
    await run.rerun_from("deliver")
    await clock.advance(2)
    assert inbox.positions == await log_of_runs(runtime)
    await run.verify()


async def test_what_cannot_be_a_subscription_is_refused(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Each argument says what it can be, and nothing is appended."""
    runtime = await open_runtime(ARITHMETIC)
    inbox = Inbox(clock)
    wrong: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        (("", inbox), {}, "printable text"),
        (("a\0", inbox), {}, "printable text"),
        (("x" * 201, inbox), {}, "at most 200"),
        (("a", None), {}, "is a function"),
        (("a", inbox, ["run.finished"]), {}, 'no type of event "run.finished"; there are: run.'),
        (("a", inbox, [int]), {}, 'no type of event "int"'),
        (("a", inbox), {"start": "end"}, '"beginning" or "now"'),
        (("a", inbox, 5), {}, "types of a subscription are one or several types of events"),
        (("a", inbox, []), {}, "or None for all, not \\[\\]"),
        (("a", inbox), {"retry": 3}, r"is a Retry\(...\), not 3"),
        (("a", inbox), {"batch": 1.5}, "whole number, at least one"),
        (("a", inbox), {"batch": 0}, "at least one and at most 2147483647, not 0"),
    ]
    for arguments, options, message in wrong:
        with pytest.raises(InvalidInput, match=message):
            await runtime.subscribe(*arguments, **options)
    assert await chain(runtime) == []
    subscription = await runtime.subscribe("a", inbox)
    with pytest.raises(InvalidInput, match='has the subscription "a" already'):
        await runtime.subscribe("a", inbox)
    await subscription.stop()
    assert (await runtime.subscribe("a", inbox)).name == "a"
