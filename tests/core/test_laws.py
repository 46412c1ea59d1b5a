"""The two tables of the laws: each step in them happens, and no other does."""

import re
from collections.abc import Iterable

import pytest

from eventflow.core import events as e
from eventflow.core import laws
from eventflow.core.laws import RUN_STEPS, STAGE_STEPS, run_step, stage_step
from eventflow.core.retry import Retry
from eventflow.core.state import replay
from eventflow.core.values import JobKind, Status
from tests.core.spec import (
    BROKEN,
    Step,
    World,
    cancel,
    claim,
    complete,
    create,
    done,
    expire_wait,
    fail,
    fail_check,
    given,
    plan,
    reenter,
    release,
    rewind,
    step,
    suspend,
    wait,
)

EXECUTING = (create(plan("a")), claim("a"))
SUSPENDED = (*EXECUTING, suspend("a"), wait(30))
CHECKING = (*SUSPENDED, claim("a"))

STORIES: dict[str, tuple[Step, ...]] = {
    "completes": (*EXECUTING, complete("a")),
    "completes a step": (*EXECUTING, step("a", "fetch"), complete("a")),
    "completes a step in a check": (*CHECKING, step("a", "fetch"), complete("a")),
    "fails": (*EXECUTING, fail("a", final=True)),
    "is tried again": (*EXECUTING, fail("a")),
    "is given back": (*EXECUTING, release("a")),
    "dies on its last attempt": (
        create(plan("a", retry=Retry(max_attempts=1))),
        claim("a"),
        wait(61),
        claim("a"),
    ),
    "is ready": (*CHECKING, complete("a")),
    "waits too long": (*CHECKING, expire_wait("a")),
    "cannot tell": (*CHECKING, fail_check("a")),
    "dies in a check": (*CHECKING, wait(61), claim("a")),
    "reenters": (*CHECKING, reenter("a")),
    "is tried again after a check": (*CHECKING, fail("a")),
    "is cancelled and rerun": (*EXECUTING, cancel(), rewind("a")),
    "completes and is rerun": (*EXECUTING, complete("a"), rewind("a"), *done("a")),
    "fails and is rerun": (*EXECUTING, fail("a", final=True), rewind("a")),
    "is cancelled before its claim": (create(plan("a")), cancel()),
    "is cancelled while it waits": (*SUSPENDED, cancel()),
}


def stories() -> Iterable[World]:
    """Tell all of the stories."""
    return (given(*steps).world for steps in STORIES.values())


def states(world: World) -> Iterable[tuple[e.Event, World]]:
    """Give each event of a history with the run before it."""
    for number, fact in enumerate(world.history[1:], start=1):
        yield fact.event, World(world.history[:number], replay(world.history[:number]))


def stage_steps() -> set[laws.Step]:
    """List the steps that the stages of all stories take."""
    return {
        (before.stage(event.stage).status, type(event), getattr(event, "kind", None))
        for world in stories()
        for event, before in states(world)
        if isinstance(
            event,
            e.JobClaimed
            | e.StageCompleted
            | e.StepCompleted
            | e.StageAttemptFailed
            | e.StageFailed
            | e.StageSuspended
            | e.StageResumed
            | e.LeaseExpired,
        )
    }


def test_every_step_of_a_stage_in_the_table_happens() -> None:
    """The table of stages holds no dead law, and no step that it does not hold happens."""
    assert stage_steps() == {*STAGE_STEPS}


def test_every_step_of_a_run_in_the_table_happens() -> None:
    """The table of runs holds no dead law, and no step that it does not hold happens."""
    happened = {
        (before.run.status, type(event))
        for world in stories()
        for event, before in states(world)
        if type(event) in RUN_STEPS
    }
    assert happened == {
        (source, kind) for kind, step in RUN_STEPS.items() for source in step.sources
    }


def test_a_stage_that_has_ended_takes_no_step() -> None:
    """No step leads out of completed, failed or cancelled."""
    assert not {status for status, _, _ in STAGE_STEPS} & laws.ENDED


def test_only_a_rewind_leads_out_of_the_end_of_a_run() -> None:
    """No other event of a run has an ended status as its source."""
    assert [kind for kind, step in RUN_STEPS.items() if step.sources & laws.ENDED] == [e.RunRewound]


def test_every_status_is_alive_or_ended() -> None:
    """The two sets of statuses are all of them, and agree with the status itself."""
    assert {*Status} == laws.ALIVE | laws.ENDED
    assert {status for status in Status if status.ended} == laws.ENDED


@pytest.mark.parametrize(
    ("event", "kind", "reason"),
    [
        (
            e.JobClaimed("a", 0, 1, "w", 60, JobKind.CHECK),
            JobKind.CHECK,
            "JobClaimed (check) cannot happen to a pending stage",
        ),
        (
            e.StageCompleted("a", 0, 1, 4, 1),
            None,
            "StageCompleted cannot happen to a pending stage",
        ),
    ],
    ids=["with a kind", "without one"],
)
def test_a_step_that_is_not_in_the_table_is_refused(
    event: object, kind: JobKind | None, reason: str
) -> None:
    """The error names the event, its kind of job and the status."""
    with pytest.raises(ValueError, match=re.escape(reason)):
        stage_step(Status.PENDING, event, kind)


def test_a_step_of_a_run_is_looked_up() -> None:
    """The table gives the target, or None where the stages decide, or refuses."""
    assert run_step(Status.RUNNING, e.RunFailed(BROKEN)) is Status.FAILED
    assert run_step(Status.PENDING, e.RunStarted()) is None
    with pytest.raises(ValueError, match="RunStarted cannot happen to a running run"):
        run_step(Status.RUNNING, e.RunStarted())
