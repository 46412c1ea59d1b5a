"""Which events a command leads to: creation, claims, signals, cancellation."""

import pytest

from eventflow.core import events as e
from eventflow.core.decide import draft, extend
from eventflow.core.draft import Draft
from eventflow.core.retry import Retry
from eventflow.core.stage import LEASE_LOST
from eventflow.core.values import JobKind, Status
from eventflow.errors import RunEnded, SchemaTooNew
from tests.core.spec import (
    LEASE,
    START,
    Ask,
    Step,
    at,
    cancel,
    claim,
    complete,
    create,
    done,
    fail,
    given,
    happens,
    like,
    plan,
    release,
    rewind,
    signal,
    suspend,
    wait,
)

ONE = plan("a")
LAST_ATTEMPT = plan("a", retry=Retry(max_attempts=1))


def test_creating_a_run_schedules_the_first_group() -> None:
    """A new run is pending, and every stage of group 1 is due at once."""
    given().when(create(plan("a b", "c"), input=5, config={"a": {"x": 1}})).then(
        e.RunCreated("my-workflow", plan("a b", "c"), 5, {"a": {"x": 1}}, 5, {}),
        e.StageScheduled("a", 1, 0, 1, START),
        e.StageScheduled("b", 1, 0, 1, START),
    ).then(status=Status.PENDING, generation=0, started_at=None)


def test_a_run_is_created_once() -> None:
    """A run that exists cannot be created again."""
    given(create(ONE)).when(create(ONE)).then_refused(ValueError, "run run-1 exists already")


def test_only_a_run_that_exists_can_be_asked() -> None:
    """Whatever is asked of a run that does not exist is refused."""
    given().when(cancel()).then_refused(ValueError, "a run that does not exist can only be created")


def test_a_draft_of_nothing_has_no_run() -> None:
    """Before its first event a new run has no state to look at."""
    with pytest.raises(ValueError, match="nothing has been decided yet"):
        _ = Draft(None, START).run


def test_the_first_claim_starts_the_run() -> None:
    """A fresh job is claimed, and the first claim of a run starts it."""
    given(create(ONE)).when(claim("a", "w1")).then(
        e.RunStarted(),
        e.JobClaimed("a", 0, 1, "w1", LEASE, JobKind.EXECUTE),
    ).then(status=Status.RUNNING, started_at=START)


def test_the_version_of_a_claim_is_its_token() -> None:
    """The token is the version of the event, and the lease counts from its time."""
    run = given(create(ONE), wait(3), claim("a", "w7"))
    held = run.world.stage("a").claim
    assert held is not None
    assert (held.token, held.worker, held.lease_until) == (4, "w7", at(3 + LEASE))


def test_later_claims_do_not_start_the_run_again() -> None:
    """The run starts once in its generation."""
    given(create(plan("a b")), claim("a")).when(claim("b")).then(like(e.JobClaimed, stage="b"))


def test_the_loser_of_a_race_gets_nothing() -> None:
    """A claim on a row that shows no claim, when there is one, leads to no event."""
    given(create(ONE), claim("a", "w1")).when(claim("a", "w2", token=0)).then_nothing()


def test_a_row_with_an_older_claim_is_not_claimed() -> None:
    """A claim that takes over an older claim than the current one leads to no event."""
    given(create(ONE), claim("a", "w1"), wait(61), claim("a", "w2"), wait(61)).when(
        claim("a", "w3", token=4)
    ).then_nothing()


def test_a_row_with_a_claim_that_is_gone_is_not_claimed() -> None:
    """Once the claim that a row shows has come to something, that row is out of date."""
    given(create(ONE), claim("a"), fail("a"), wait(2)).when(claim("a", token=4)).then_nothing()


def test_nothing_is_claimed_before_its_time() -> None:
    """A retry that is not due leads to no event; a moment later it can be claimed."""
    failed = given(create(ONE), claim("a"), fail("a"), wait(1.9))
    failed.when(claim("a")).then_nothing()
    given(wait(0.1), world=failed.world).when(claim("a")).then(like(e.JobClaimed, attempt=2))


def test_no_lease_is_over_before_the_time_it_was_claimed_for() -> None:
    """Whatever a row says, or another clock, a claim holds as long as it said; then it is over."""
    held = given(create(ONE), claim("a", "w1"), wait(59.9))
    held.when(claim("a", "w2")).then_nothing()
    given(wait(0.1), world=held.world).when(claim("a", "w2")).then(
        like(e.LeaseExpired, worker="w1"), like(e.JobClaimed, worker="w2", attempt=2)
    )


@pytest.mark.parametrize("stage", ["b", "x"])
def test_a_stage_that_is_not_scheduled_is_not_claimed(stage: str) -> None:
    """A later stage, or an unknown one, has nothing to claim."""
    given(create(plan("a", "b"))).when(claim(stage)).then_nothing()


@pytest.mark.parametrize(
    "steps",
    [done("a"), (claim("a"), fail("a", final=True)), (cancel(),), (claim("a"), cancel())],
    ids=["completed", "failed", "cancelled before its claim", "cancelled"],
)
def test_a_stage_that_has_ended_is_not_claimed(steps: tuple[Step, ...]) -> None:
    """A completed, failed or cancelled stage has nothing to claim, whatever row was seen."""
    ended = given(create(ONE), *steps)
    ended.when(claim("a", token=0)).then_nothing()
    ended.when(claim("a", token=4, leased=True)).then_nothing()


def test_an_expired_lease_uses_up_an_attempt() -> None:
    """Whoever finds an expired claim ends it, and claims the next attempt."""
    given(create(ONE), claim("a", "w1"), wait(61)).when(claim("a", "w2")).then(
        e.LeaseExpired("a", 0, 1, 4, "w1", e.LEASE_TIMEOUT, JobKind.EXECUTE),
        e.JobClaimed("a", 0, 2, "w2", LEASE, JobKind.EXECUTE),
    ).then_stage("a", attempt=2, error=LEASE_LOST)


def test_a_worker_that_dies_on_the_last_attempt_fails_the_stage() -> None:
    """A lease that expires on the last attempt fails the stage and the run, with the reason."""
    given(create(LAST_ATTEMPT), claim("a", "w1"), wait(61)).when(claim("a", "w2")).then(
        e.LeaseExpired("a", 0, 1, 4, "w1", e.LEASE_TIMEOUT, JobKind.EXECUTE),
        e.StageFailed("a", 0, 1, 4, LEASE_LOST),
        e.RunFailed(LEASE_LOST, "a"),
    ).then_stage("a", attempt=1, status=Status.FAILED)


def test_a_lost_check_uses_up_a_check_and_no_attempt() -> None:
    """An expired claim of a check counts as a failed check, and the next check is claimed."""
    two = plan("a", retry=Retry(max_attempts=2))
    waiting = (create(two), claim("a", "w1"), suspend("a"), wait(30), claim("a", "w1"), wait(61))
    run = (
        given(*waiting)
        .when(claim("a", "w2"))
        .then(
            e.LeaseExpired("a", 0, 1, 6, "w1", e.LEASE_TIMEOUT, JobKind.CHECK),
            e.JobClaimed("a", 0, 1, "w2", LEASE, JobKind.CHECK),
        )
    )
    waits = run.world.stage("a").suspension
    assert waits is not None
    assert waits.failures == 1


def test_a_worker_that_dies_on_the_last_check_fails_the_stage() -> None:
    """A lost check that spends the budget fails the stage and the run."""
    given(create(LAST_ATTEMPT), claim("a"), suspend("a"), wait(30), claim("a"), wait(61)).when(
        claim("a", "w2")
    ).then(
        like(e.LeaseExpired, kind=JobKind.CHECK),
        e.StageFailed("a", 0, 1, 6, LEASE_LOST),
        e.RunFailed(LEASE_LOST, "a"),
    )


def test_a_check_that_was_postponed_is_claimed_without_an_expiry() -> None:
    """A row whose check gave its claim back by a renewal is claimed anew; nothing was lost."""
    given(create(ONE), claim("a"), suspend("a"), wait(30), claim("a"), wait(30)).when(
        claim("a", "w2", leased=False)
    ).then(e.JobClaimed("a", 0, 1, "w2", LEASE, JobKind.CHECK)).then_stage("a", error=None)


def test_the_time_of_a_run_never_goes_back() -> None:
    """A command from a clock that is behind is recorded at the time of the event before."""
    behind = given(create(ONE), wait(-10)).when(cancel()).then(e.RunCancelled())
    assert behind.world.run.recorded_at == START


def test_what_a_result_schedules_can_be_claimed_with_it() -> None:
    """Two commands are decided in one draft: the second sees what the first led to."""
    world = given(create(plan("a", "b")), claim("a")).world
    work = draft(world.state, complete("a", 1)(world))
    extend(work, claim("b")(world))
    assert work.events[-2:] == [
        e.StageScheduled("b", 2, 0, 1, START),
        e.JobClaimed("b", 0, 1, "w1", LEASE, JobKind.EXECUTE),
    ]


def test_a_signal_is_stored_when_nothing_waits() -> None:
    """A signal that comes early is kept, unused, with its payload."""
    run = (
        given(create(ONE))
        .when(signal("approval", {"by": "ann"}))
        .then(e.SignalReceived("approval", {"by": "ann"}))
    )
    assert [(s.name, s.payload, s.version, s.used) for s in run.world.run.signals] == [
        ("approval", {"by": "ann"}, 3, 0)
    ]


def test_a_signal_wakes_the_stage_that_waits_for_it() -> None:
    """A suspended stage that waits for the name is resumed, due at once, and uses the signal."""
    run = (
        given(create(ONE), claim("a"), suspend("a", "state", signal="approval"), wait(5))
        .when(signal("approval", "yes"))
        .then(e.SignalReceived("approval", "yes"), e.StageResumed("a", 0, 1, "signal", 6))
    )
    run.then_stage("a", status=Status.PENDING, due_at=at(5), attempt=1)
    run.then(status=Status.RUNNING)
    resumed = run.world.stage("a").resumption
    assert resumed is not None
    assert (resumed.state, resumed.signal) == ("state", 6)
    assert [s.used for s in run.world.run.signals] == [7]


def test_a_signal_of_another_name_wakes_nothing() -> None:
    """A stage that waits for one name sleeps through all others."""
    given(create(ONE), claim("a"), suspend("a", signal="approval")).when(signal("payment")).then(
        e.SignalReceived("payment", None)
    ).then(status=Status.SUSPENDED)


def test_a_stage_without_a_signal_sleeps_through_all() -> None:
    """A stage that waits for its check alone is woken by no signal."""
    given(create(ONE), claim("a"), suspend("a")).when(signal("approval")).then(
        e.SignalReceived("approval", None)
    )


def test_a_signal_is_used_once() -> None:
    """Of two stages that wait for one name, each signal wakes one."""
    both = plan("a b")
    waiting = given(
        create(both),
        claim("a"),
        claim("b"),
        suspend("a", signal="approval"),
        suspend("b", signal="approval"),
    )
    first = waiting.when(signal("approval")).then(
        like(e.SignalReceived), like(e.StageResumed, stage="a")
    )
    first.when(signal("approval")).then(like(e.SignalReceived), like(e.StageResumed, stage="b"))


def test_a_signal_wakes_a_stage_while_it_is_checked() -> None:
    """A signal is not held up by a check, whose late answer is then refused."""
    woken = (
        given(create(ONE), claim("a"), suspend("a", signal="go"), wait(30), claim("a"))
        .when(signal("go"))
        .then(like(e.SignalReceived), like(e.StageResumed, stage="a"))
    )
    woken.when(complete("a", 1, token=6)).then(e.ResultDiscarded("a", 6, "completed", 1))


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        (done("a"), "completed"),
        ((claim("a"), fail("a", final=True)), "failed"),
        ((cancel(),), "cancelled"),
    ],
    ids=["completed", "failed", "cancelled"],
)
def test_a_run_that_has_ended_takes_no_signals(steps: tuple[Step, ...], status: str) -> None:
    """A signal to an ended run is refused, with what can be done."""
    given(create(ONE), *steps).when(signal("approval")).then_refused(
        RunEnded,
        f'Run run-1 is {status}, so nothing waits for "approval"; '
        "rerun it from the stage that waits, then send the signal",
    )


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ((), Status.PENDING),
        ((claim("a"),), Status.RUNNING),
        ((claim("a"), suspend("a")), Status.SUSPENDED),
        ((claim("a"), suspend("a"), wait(30), claim("a")), Status.SUSPENDED),
        ((claim("a"), fail("a")), Status.RUNNING),
        ((claim("a"), release("a")), Status.RUNNING),
    ],
    ids=["pending", "running", "suspended", "checked", "waiting for a retry", "released"],
)
def test_cancelling_is_final_at_once(steps: tuple[Step, ...], status: Status) -> None:
    """A run that is alive is cancelled, whatever its stage is doing, and has no job any more."""
    alive = given(create(ONE), *steps)
    alive.then(status=status)
    ended = alive.when(cancel("enough")).then(e.RunCancelled("enough"))
    ended.then(status=Status.CANCELLED)
    ended.then_stage("a", status=Status.CANCELLED, alive=False, claim=None, due_at=None)
    assert ended.world.run.ending is not None
    assert ended.world.run.ending.reason == "enough"


def test_cancelling_leaves_what_has_completed() -> None:
    """A stage that completed before stays completed, with its output."""
    given(create(plan("a", "b")), *done("a", 7)).when(cancel()).then(e.RunCancelled()).then_stage(
        "a", status=Status.COMPLETED, output=7
    )


@pytest.mark.parametrize(
    "steps",
    [done("a"), (claim("a"), fail("a", final=True)), (cancel(),)],
    ids=["completed", "failed", "cancelled"],
)
def test_cancelling_an_ended_run_does_nothing(steps: tuple[Step, ...]) -> None:
    """A completed, failed or cancelled run stays what it is."""
    given(create(ONE), *steps).when(cancel()).then_nothing()


@pytest.mark.parametrize(
    "step",
    [claim("a"), complete("a", 1, token=4), signal("x"), cancel(), rewind("a")],
    ids=["claim", "result", "signal", "cancel", "rewind"],
)
def test_nothing_is_decided_on_an_unknown_event(step: Ask) -> None:
    """A run with an event that this release does not know is left to a newer one."""
    given(create(ONE), happens(e.UnknownEvent("stage.skipped", 1, b"{}"))).when(step).then_refused(
        SchemaTooNew,
        "Run run-1 has events that this release of eventflow does not know, "
        'first "stage.skipped" at version 3: a newer release wrote them; upgrade this process',
    )
