"""What one stage is: when it is due, when it began and ended, and what there is to do for it."""

from eventflow.core.stage import Resumption, StageState
from eventflow.core.values import ErrorInfo, JobKind, Status
from tests.core.spec import (
    BROKEN,
    Step,
    at,
    cancel,
    claim,
    complete,
    create,
    fail,
    fail_check,
    given,
    plan,
    reenter,
    suspend,
    wait,
)


def stage(*steps: Step) -> StageState:
    """Give stage a of a run of one stage, after some steps."""
    return given(create(plan("a")), *steps).world.stage("a")


def test_a_scheduled_stage_is_to_be_executed() -> None:
    """It is pending, at its first attempt, and due at once."""
    fresh = stage()
    assert (fresh.status, fresh.attempt, fresh.due_at) == (Status.PENDING, 1, at(0))
    assert (fresh.scheduled, fresh.job, fresh.alive) == (2, JobKind.EXECUTE, True)


def test_a_claimed_stage_is_due_when_its_lease_ends() -> None:
    """While a worker holds it, the end of the lease is what is due."""
    assert stage(wait(5), claim("a")).due_at == at(65)


def test_a_suspended_stage_is_to_be_checked() -> None:
    """There is a check to make, also while one is under way."""
    waiting = (claim("a"), suspend("a"))
    assert stage(*waiting).job is JobKind.CHECK
    checked = stage(*waiting, wait(30), claim("a"))
    assert (checked.job, checked.status) == (JobKind.CHECK, Status.SUSPENDED)


def test_a_stage_begins_with_its_first_claim() -> None:
    """Later attempts do not move the beginning."""
    assert stage(wait(1), claim("a"), fail("a"), wait(2), claim("a")).started_at == at(1)


def test_a_suspension_forgets_the_error_before_it() -> None:
    """An attempt that suspends has no error."""
    failed = (claim("a"), fail("a"), wait(2), claim("a"))
    assert stage(*failed).error == BROKEN
    assert stage(*failed, suspend("a")).error is None


def test_a_stage_that_has_ended_holds_nothing() -> None:
    """No claim, no wait and no due time is left, and the end has a version and a time."""
    for last in (complete("a"), fail("a", final=True), cancel()):
        ended = stage(claim("a"), suspend("a"), wait(30), claim("a"), last)
        assert (ended.claim, ended.suspension, ended.resumption, ended.due_at) == (None,) * 4
        assert (ended.ended, ended.ended_at, ended.alive) == (7, at(30), False)


def test_a_failed_stage_keeps_its_last_error() -> None:
    """The error of the attempt that ended it is the stage's."""
    last = ErrorInfo("builtins.OSError", "last")
    ended = stage(claim("a"), fail("a"), wait(2), claim("a"), fail("a", last, final=True))
    assert (ended.status, ended.attempt, ended.error) == (Status.FAILED, 2, last)


def test_what_a_stage_was_resumed_with_is_used_up() -> None:
    """It is gone once the stage has suspended again, or ended."""
    resumed = (claim("a"), suspend("a"), wait(30), claim("a"), reenter("a"), claim("a"))
    assert stage(*resumed).resumption == Resumption("batch-7", None)
    assert stage(*resumed, suspend("a")).resumption is None
    assert stage(*resumed, complete("a")).resumption is None


def test_a_resumption_forgets_the_error_of_a_check() -> None:
    """A stage that is executed again after a failed check has no error."""
    failed = (claim("a"), suspend("a"), wait(30), claim("a"), fail_check("a"), wait(2), claim("a"))
    assert stage(*failed).error == BROKEN
    assert stage(*failed, reenter("a")).error is None


def test_a_check_that_gave_an_answer_makes_the_failures_before_forgotten() -> None:
    """The next claim follows one that nothing has ended: the check between said "not yet"."""
    failed = (claim("a"), suspend("a"), wait(30), claim("a"), fail_check("a"), wait(2), claim("a"))
    waits = stage(*failed).suspension
    assert waits is not None
    assert waits.failures == 1
    answered = stage(*failed, wait(30), claim("a", leased=False)).suspension
    assert answered is not None
    assert answered.failures == 0


def test_lost_checks_are_counted() -> None:
    """Each check whose worker died is one more failure."""
    lost = (claim("a"), suspend("a"), wait(30), claim("a"), *(wait(61), claim("a")) * 2)
    waits = stage(*lost).suspension
    assert waits is not None
    assert waits.failures == 2
