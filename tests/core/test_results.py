"""What becomes of a worker's result: the next step, another attempt, a wait, or a refusal."""

import pytest

from eventflow.core import events as e
from eventflow.core.retry import Retry, error_names
from eventflow.core.values import ErrorInfo, JobKind, Status, WaitEnd
from tests.core.spec import (
    BROKEN,
    START,
    Ask,
    Given,
    Step,
    at,
    cancel,
    claim,
    complete,
    create,
    done,
    expire_wait,
    fail,
    fail_check,
    given,
    like,
    plan,
    reenter,
    release,
    rewind,
    signal,
    step,
    steps,
    suspend,
    wait,
)

ONE = plan("a")
OTHER = ErrorInfo("builtins.OSError", "other")


def executing(retry: Retry | None = None) -> Given:
    """Begin with a run of one stage that is being executed under token 4."""
    return given(create(plan("a", retry=retry)), claim("a"))


def checking(retry: Retry | None = None) -> Given:
    """Begin with a suspended stage that is being checked under token 6, 30 s after it began."""
    steps = suspend("a", max_wait=100.0), wait(30), claim("a")
    return given(*steps, world=executing(retry).world)


def test_a_completed_group_schedules_the_next() -> None:
    """The output is recorded together with the schedule of the next group."""
    given(create(plan("a", "b c")), claim("a"), wait(1)).when(complete("a", 20)).then(
        e.StageCompleted("a", 0, 1, 4, 20),
        e.StageScheduled("b", 2, 0, 1, at(1)),
        e.StageScheduled("c", 2, 0, 1, at(1)),
    ).then_stage("a", status=Status.COMPLETED, output=20, ended_at=at(1))


def test_the_last_stage_completes_the_run() -> None:
    """The output of the last stage is that of the run."""
    executing().when(complete("a", "Final: 60")).then(
        like(e.StageCompleted, output="Final: 60"), e.RunCompleted("Final: 60")
    ).then(status=Status.COMPLETED, output="Final: 60")


@pytest.mark.parametrize("output", [0, "", False, None, [], {}])
def test_falsy_outputs_are_outputs(output: object) -> None:
    """An output that is falsy is handed on like any other."""
    run = given(create(plan("a", "b")), *done("a", output))
    assert run.world.run.outputs_before(2) == {"a": output}
    assert run.world.run.input_of(2) == output


def test_a_group_waits_for_all_of_its_stages() -> None:
    """While a sibling is alive, an output leads to nothing further."""
    first = given(create(plan("a b", "c")), claim("a"), claim("b"))
    last = first.when(complete("b", 2)).then(like(e.StageCompleted, stage="b"))
    last.when(complete("a", 1)).then(
        like(e.StageCompleted, stage="a"), like(e.StageScheduled, stage="c")
    )


def test_a_parallel_last_group_makes_a_mapping() -> None:
    """A run that ends with a parallel group has a mapping from stage id to output."""
    given(create(plan("a b")), *done("a", 1), claim("b")).when(complete("b", 2)).then(
        like(e.StageCompleted), e.RunCompleted({"a": 1, "b": 2})
    )


def test_an_output_of_the_run_that_does_not_fit_fails_the_run() -> None:
    """The stage has completed; the run fails with the rejection, of no stage."""
    executing().when(complete("a", 1, rejection=BROKEN)).then(
        like(e.StageCompleted), e.RunFailed(BROKEN, None)
    ).then(status=Status.FAILED)


def test_a_rejection_is_for_the_last_group_alone() -> None:
    """Before the last group there is no output of the run to reject."""
    given(create(plan("a", "b")), claim("a")).when(complete("a", 1, rejection=BROKEN)).then(
        like(e.StageCompleted), like(e.StageScheduled, stage="b")
    )


def test_three_attempts_two_and_four_seconds_apart() -> None:
    """By default the second attempt waits 2 s, the third 4 s, and the third failure is final."""
    first = (
        executing()
        .when(fail("a", random=0.25))
        .then(e.StageAttemptFailed("a", 0, 1, 4, BROKEN, at(2), 2.0, 0.25, JobKind.EXECUTE))
    )
    first.then_stage("a", status=Status.PENDING, attempt=2, due_at=at(2), error=BROKEN)
    second = (
        given(wait(2), claim("a"), world=first.world)
        .when(fail("a"))
        .then(like(e.StageAttemptFailed, attempt=2, retry_at=at(6), delay=4.0))
    )
    given(wait(4), claim("a"), world=second.world).when(fail("a")).then(
        e.StageFailed("a", 0, 3, 8, BROKEN), e.RunFailed(BROKEN, "a")
    ).then(status=Status.FAILED)


def test_the_number_that_jittered_is_in_the_event() -> None:
    """The event holds the random number together with the delay that it made."""
    executing(Retry(initial=10, jitter=0.5)).when(fail("a", random=1.0)).then(
        like(e.StageAttemptFailed, random=1.0, delay=15.0, retry_at=at(15))
    )


def test_an_error_that_is_not_covered_is_final() -> None:
    """An error outside `retry_on` fails the stage at the first attempt."""
    executing(Retry(retry_on=(OSError,))).when(fail("a", names=error_names(ValueError))).then(
        like(e.StageFailed, attempt=1), like(e.RunFailed)
    )


def test_a_subclass_of_a_covered_error_is_tried_again() -> None:
    """An error is matched by the names of all its bases."""
    executing(Retry(retry_on=(OSError,))).when(
        fail("a", names=error_names(ConnectionResetError))
    ).then(like(e.StageAttemptFailed))


def test_giving_up_beats_trying_again() -> None:
    """An error of `give_up_on` is final, also when `retry_on` covers it."""
    executing(Retry(retry_on=(OSError,), give_up_on=(PermissionError,))).when(
        fail("a", names=error_names(PermissionError))
    ).then(like(e.StageFailed), like(e.RunFailed))


def test_a_failure_that_asks_for_a_retry_gets_one() -> None:
    """Without names, the policy's lists do not matter; its budget does."""
    executing(Retry(retry_on=(OSError,))).when(fail("a", names=None)).then(
        like(e.StageAttemptFailed)
    )
    executing(Retry(max_attempts=1)).when(fail("a", names=None)).then(
        like(e.StageFailed), like(e.RunFailed)
    )


def test_a_final_failure_is_not_tried_again() -> None:
    """A schema error, say, is final at once."""
    executing().when(fail("a", final=True)).then(
        e.StageFailed("a", 0, 1, 4, BROKEN), e.RunFailed(BROKEN, "a")
    )


def test_completion_forgets_the_error_of_an_earlier_attempt() -> None:
    """A stage that completes on its second attempt has no error."""
    given(*(fail("a"), wait(2), claim("a"), complete("a", 1)), world=executing().world).then_stage(
        "a", error=None, attempt=2, status=Status.COMPLETED
    )


def test_siblings_of_a_failed_stage_are_let_finish() -> None:
    """While b works, a's failure ends nothing else; then the run fails once, with a's error."""
    working = given(create(plan("a b", "c")), claim("a"), claim("b"))
    failed = working.when(fail("a", final=True)).then(like(e.StageFailed, stage="a"))
    failed.then(status=Status.RUNNING)
    failed.when(complete("b", 2)).then(
        like(e.StageCompleted, stage="b", output=2), e.RunFailed(BROKEN, "a")
    )


def test_siblings_of_a_failed_stage_keep_their_retries() -> None:
    """After a's failure, b is still tried again."""
    given(create(plan("a b")), claim("a"), claim("b"), fail("a", final=True)).when(fail("b")).then(
        like(e.StageAttemptFailed, stage="b")
    )


def test_a_run_fails_with_the_error_of_the_first_failed_stage() -> None:
    """The stage that failed first counts, not the first of the group."""
    given(create(plan("a b")), claim("a"), claim("b"), fail("b", OTHER, final=True)).when(
        fail("a", final=True)
    ).then(like(e.StageFailed, stage="a"), e.RunFailed(OTHER, "b"))


def test_a_retry_in_a_group_holds_the_next_one_back() -> None:
    """While one stage waits for its retry and its sibling has completed, the run stays running."""
    waiting = given(create(plan("a b", "c")), claim("a"), claim("b"), fail("a"), complete("b", 2))
    waiting.then(status=Status.RUNNING)
    given(wait(2), claim("a"), world=waiting.world).when(complete("a", 1)).then(
        like(e.StageCompleted, stage="a"), like(e.StageScheduled, stage="c")
    )


def test_a_stage_suspends_until_its_first_check() -> None:
    """The claim is given up; the first check and the deadline are fixed."""
    waiting = (
        executing()
        .when(suspend("a", "batch-7", check_after=30, max_wait=100))
        .then(e.StageSuspended("a", 0, 1, 4, "batch-7", at(30), at(100), None))
    )
    waiting.then_stage("a", status=Status.SUSPENDED, claim=None, due_at=at(30))
    waiting.then(status=Status.SUSPENDED)


def test_a_first_check_is_never_beyond_the_deadline() -> None:
    """A check that would come later than the deadline comes at the deadline."""
    executing().when(suspend("a", check_after=30, max_wait=10)).then(
        like(e.StageSuspended, check_at=at(10), deadline=at(10))
    )


def test_a_stage_that_waits_for_a_signal_alone_is_checked_at_its_deadline() -> None:
    """Without a check before, the deadline is when the stage is due."""
    executing().when(suspend("a", check_after=None, max_wait=10, signal="go")).then(
        like(e.StageSuspended, check_at=None, signal="go")
    ).then_stage("a", due_at=at(10))


def test_a_run_is_suspended_while_all_that_is_alive_is() -> None:
    """With a sibling at work the run is running; once that has completed it is suspended."""
    waiting = given(create(plan("a b")), claim("a"), claim("b"), suspend("a"))
    waiting.then(status=Status.RUNNING)
    given(complete("b"), world=waiting.world).then(status=Status.SUSPENDED)


def test_a_stage_says_when_its_wait_ends_and_how() -> None:
    """A moment takes the place of `max_wait`; the suspension keeps what is to become of it."""
    asleep = executing().when(
        suspend("a", check_after=None, deadline=at(100), then=WaitEnd.COMPLETE, output=7)
    )
    world = asleep.then(like(e.StageSuspended, deadline=at(100))).world
    suspension = world.stage("a").suspension
    assert suspension is not None
    assert (suspension.then, suspension.output, suspension.asleep) == (WaitEnd.COMPLETE, 7, True)
    assert world.stage("a").due_at == at(100)


def test_a_stored_signal_resumes_a_stage_as_it_suspends() -> None:
    """A signal that came before is used at once."""
    given(create(ONE), signal("go"), claim("a")).when(suspend("a", signal="go")).then(
        like(e.StageSuspended), e.StageResumed("a", 0, 1, "signal", 3)
    ).then_stage("a", status=Status.PENDING, due_at=START)


def test_stored_signals_are_used_in_the_order_in_which_they_came() -> None:
    """Of two stored signals of one name the older is used first, and each once."""
    stored = given(create(ONE), signal("go", 1), signal("stop"), signal("go", 2), claim("a"))
    first = stored.when(suspend("a", signal="go")).then(
        like(e.StageSuspended), like(e.StageResumed, signal=3)
    )
    second = (
        given(claim("a"), world=first.world)
        .when(suspend("a", signal="go"))
        .then(like(e.StageSuspended), like(e.StageResumed, signal=5))
    )
    given(claim("a"), world=second.world).when(suspend("a", signal="go")).then(
        like(e.StageSuspended)
    )


def test_a_check_that_is_ready_completes_the_stage() -> None:
    """The output of a check is the output of the stage, and the run goes on."""
    checking().when(complete("a", 9)).then(e.StageCompleted("a", 0, 1, 6, 9), e.RunCompleted(9))


def test_a_check_may_have_the_stage_executed_again() -> None:
    """Reentering keeps the attempt, and hands over the suspended state."""
    run = checking().when(reenter("a")).then(e.StageResumed("a", 0, 1, "reentered", None))
    run.then_stage("a", status=Status.PENDING, attempt=1, due_at=at(30))
    resumed = run.world.stage("a").resumption
    assert resumed is not None
    assert (resumed.state, resumed.signal) == ("batch-7", None)


def test_a_retry_of_a_resumed_execution_is_resumed_too() -> None:
    """What a stage was resumed with is still there on its next attempt."""
    run = given(*(reenter("a"), claim("a"), fail("a")), world=checking().world)
    assert run.world.stage("a").resumption is not None


def test_a_check_may_fail_the_stage() -> None:
    """A final failure that a check reports ends the stage."""
    checking().when(fail("a", final=True)).then(like(e.StageFailed), like(e.RunFailed))


def test_a_check_may_have_the_stage_tried_again() -> None:
    """A retryable failure that a check reports uses up an attempt, and the wait is over."""
    checking().when(fail("a", names=None)).then(
        like(e.StageAttemptFailed, kind=JobKind.EXECUTE, attempt=1, retry_at=at(32))
    ).then_stage("a", status=Status.PENDING, attempt=2, suspension=None, resumption=None)


def test_a_check_that_cannot_tell_is_made_again() -> None:
    """An error in a check is counted and backs off; the stage stays suspended."""
    first = (
        checking()
        .when(fail_check("a", random=0.1))
        .then(e.StageAttemptFailed("a", 0, 1, 6, BROKEN, at(32), 2.0, 0.1, JobKind.CHECK))
    )
    first.then_stage("a", status=Status.SUSPENDED, attempt=1, due_at=at(32), claim=None)
    given(wait(2), claim("a"), world=first.world).when(fail_check("a")).then(
        like(e.StageAttemptFailed, delay=4.0, retry_at=at(36))
    )


def test_checks_that_cannot_tell_spend_the_budget() -> None:
    """The last check that the policy allows fails the stage with its error."""
    checking(Retry(max_attempts=1)).when(fail_check("a")).then(
        e.StageFailed("a", 0, 1, 6, BROKEN), e.RunFailed(BROKEN, "a")
    )


def test_each_suspension_has_a_budget_of_its_own() -> None:
    """A stage that suspends again may have as many failed checks again."""
    again = given(
        fail_check("a"),
        wait(2),
        claim("a"),
        reenter("a"),
        claim("a"),
        suspend("a"),
        wait(30),
        claim("a"),
        world=checking(Retry(max_attempts=2)).world,
    )
    again.when(fail_check("a")).then(like(e.StageAttemptFailed, delay=2.0))


def test_no_check_is_put_off_beyond_the_deadline() -> None:
    """A check that backs off past the deadline is made at the deadline."""
    checking(Retry(initial=500)).when(fail_check("a")).then(
        like(e.StageAttemptFailed, retry_at=at(100), delay=500.0)
    )


def test_the_check_at_the_deadline_is_the_last() -> None:
    """An error in the check at the deadline fails the stage, whatever the budget."""
    last = given(wait(70), world=checking().world)
    last.when(fail_check("a")).then(e.StageFailed("a", 0, 1, 6, BROKEN), like(e.RunFailed))


def test_a_stage_that_is_still_pending_at_its_deadline_fails() -> None:
    """The failure says for how long the stage waited."""
    expired = ErrorInfo("eventflow.WaitExpired", "still pending after waiting for 0:01:40")
    given(wait(70), world=checking().world).when(expire_wait("a")).then(
        e.StageFailed("a", 0, 1, 6, expired), e.RunFailed(expired, "a")
    )


def test_a_released_claim_uses_up_nothing() -> None:
    """A job that is given back is due at once, at the same attempt."""
    given(wait(5), world=executing().world).when(release("a")).then(
        e.LeaseExpired("a", 0, 1, 4, "w1", e.LEASE_RELEASED, JobKind.EXECUTE)
    ).then_stage("a", status=Status.PENDING, attempt=1, due_at=at(5), claim=None, error=None)


def test_a_released_check_uses_up_nothing() -> None:
    """A check that is given back is due at once, and the stage stays suspended."""
    run = (
        checking()
        .when(release("a"))
        .then(e.LeaseExpired("a", 0, 1, 6, "w1", e.LEASE_RELEASED, JobKind.CHECK))
    )
    run.then_stage("a", status=Status.SUSPENDED, due_at=at(30), claim=None)
    waits = run.world.stage("a").suspension
    assert waits is not None
    assert waits.failures == 0


TOO_LATE: list[tuple[tuple[Step, ...], str]] = [
    ((wait(61), claim("a", "w2")), "the lease expired, and another worker has the job"),
    ((release("a"),), "the claim was given back"),
    ((fail("a"),), "the attempt was reported before"),
    ((cancel(),), "the run was cancelled"),
    ((complete("a", 1),), "the run has completed"),
    ((fail("a", final=True),), "the run has failed"),
    ((cancel(), rewind("a")), "the run was rewound"),
    ((cancel(), rewind("a"), claim("a")), "the rewound stage was claimed anew"),
]


@pytest.mark.parametrize(
    "steps", [steps for steps, _ in TOO_LATE], ids=[why for _, why in TOO_LATE]
)
def test_a_late_result_is_recorded_and_changes_nothing(steps: tuple[Step, ...]) -> None:
    """A result with an old token is discarded, whatever has happened since."""
    late = given(*steps, world=executing().world)
    before = late.world.run
    after = late.when(complete("a", "late", token=4)).then(
        e.ResultDiscarded("a", 4, "completed", "late")
    )
    after.then(status=before.status, stages=before.stages, ending=before.ending)


@pytest.mark.parametrize(
    ("step", "events"),
    [
        (complete("a", 1, token=9), [e.ResultDiscarded("a", 9, "completed", 1)]),
        (suspend("a", "s", token=9), [e.ResultDiscarded("a", 9, "suspended", "s")]),
        (fail("a", token=9), [e.ResultDiscarded("a", 9, "failed", "broken")]),
        (fail_check("a", token=9), [e.ResultDiscarded("a", 9, "check failed", "broken")]),
        (reenter("a", token=9), [e.ResultDiscarded("a", 9, "reentered", None)]),
        (expire_wait("a", token=9), []),
        (release("a", token=9), []),
    ],
    ids=["complete", "suspend", "fail", "fail check", "reenter", "expire wait", "release"],
)
def test_a_refused_result_names_its_kind(step: Ask, events: list[e.Event]) -> None:
    """What a worker found out is recorded; giving up what it does not have needs no record."""
    executing().when(step).then(*events)


def test_a_result_of_an_unknown_stage_is_discarded() -> None:
    """A result for a stage that the run does not have changes nothing."""
    executing().when(complete("x", 1, token=4)).then(e.ResultDiscarded("x", 4, "completed", 1))


@pytest.mark.parametrize("step", [fail_check("a"), reenter("a")], ids=["error", "reenter"])
def test_an_execution_cannot_answer_like_a_check(step: Ask) -> None:
    """What only a check can say is discarded when the claim is for an execution."""
    executing().when(step).then(like(e.ResultDiscarded, token=4))


def test_an_execution_cannot_end_a_wait() -> None:
    """A deadline is nothing that an execution can have passed."""
    executing().when(expire_wait("a")).then_nothing()


def test_a_check_cannot_suspend() -> None:
    """A check that would suspend the stage again is discarded."""
    checking().when(suspend("a", "s")).then(e.ResultDiscarded("a", 6, "suspended", "s"))


def test_steps_are_recorded_in_one_decision() -> None:
    """Each is an event of its own; the stage stays claimed and running, and keeps the outputs."""
    executing().when(steps("a", {"fetch": [1], "store": None})).then(
        e.StepCompleted("a", 0, 1, 4, "fetch", [1]),
        e.StepCompleted("a", 0, 1, 4, "store", None),
    ).then_stage("a", status=Status.RUNNING, attempt=1, steps={"fetch": [1], "store": None})


def test_a_step_completes_once() -> None:
    """The first output counts; another one under the same name changes nothing."""
    once = executing().when(step("a", "fetch", 1)).then(like(e.StepCompleted, output=1))
    once.when(step("a", "fetch", 2)).then_nothing()
    once.when(steps("a", {"fetch": 2, "store": 3})).then(like(e.StepCompleted, name="store"))


def test_a_step_with_a_stale_token_is_discarded() -> None:
    """The refused output is recorded with the name of its step."""
    taken = given(wait(61), claim("a", "w2"), world=executing().world)
    taken.when(step("a", "fetch", [1], token=4)).then(
        e.ResultDiscarded("a", 4, "step completed", {"name": "fetch", "output": [1]})
    ).then_stage("a", steps={})


@pytest.mark.parametrize(
    "after",
    [
        (fail("a"), wait(2), claim("a")),
        (wait(61), claim("a")),
        (suspend("a"), wait(30), claim("a"), reenter("a"), claim("a")),
        (suspend("a"), wait(30), claim("a")),
    ],
    ids=["a failed attempt", "an expired lease", "a suspension", "a check"],
)
def test_steps_outlive_their_attempt(after: tuple[Ask, ...]) -> None:
    """Whoever goes on with the stage in this generation finds them."""
    world = given(step("a", "fetch", 1), *after, world=executing().world).world
    assert world.stage("a").steps == {"fetch": 1}
    assert world.token("a") > 4


def test_a_rewind_starts_without_steps() -> None:
    """Another generation has steps of its own, also under the same names."""
    done_once = given(step("a", "fetch", 1), complete("a", 1), world=executing().world)
    again = given(rewind("a"), claim("a"), world=done_once.world)
    again.then_stage("a", steps={})
    again.when(step("a", "fetch", 2)).then(like(e.StepCompleted, generation=1, output=2))


def test_a_step_in_a_check_leaves_the_stage_suspended() -> None:
    """The check goes on under its claim."""
    checking().when(step("a", "fetch", 1)).then(
        like(e.StepCompleted, token=6, name="fetch")
    ).then_stage("a", status=Status.SUSPENDED, steps={"fetch": 1})
