"""What becomes of a worker's result: recorded, or discarded when its token is no longer current."""

from datetime import datetime, timedelta
from typing import assert_never

from eventflow.core import commands as c
from eventflow.core import events as e
from eventflow.core.draft import Draft
from eventflow.core.stage import Claim, StageState, Suspension
from eventflow.core.values import JSON, ErrorInfo, JobKind

WAIT_EXPIRED = "eventflow.WaitExpired"
"""The type of the error of a stage that waited until its deadline in vain."""


def decide_result(work: Draft, command: c.StageResult) -> None:
    """Decide what a result leads to."""
    stage = work.run.stages.get(command.stage)
    if stage is None or stage.claim is None or not _is_current(stage.claim, command):
        _discard(work, command)
    elif isinstance(command, c.CompleteSteps):
        _complete_steps(work, stage, command)
    else:
        _add_notes(work, command)
        _record(work, stage, stage.claim, command)


def _is_current(claim: Claim, command: c.StageResult) -> bool:
    """Tell whether the claim behind a result still holds, and is for the job that it speaks of."""
    if claim.token != command.token:
        return False
    if isinstance(command, c.SuspendStage):
        return claim.kind is JobKind.EXECUTE
    if isinstance(command, c.FailCheck | c.ReenterStage | c.ExpireWait):
        return claim.kind is JobKind.CHECK
    return True


def _add_notes(work: Draft, command: c.EndOfClaim) -> None:
    """Record what came with a result before it, so that no later rewind of what follows cuts it."""
    if not isinstance(command, c.ExpireWait | c.ReleaseJob):
        for note in command.notes:
            work.add(note)


def _record(work: Draft, stage: StageState, claim: Claim, command: c.EndOfClaim) -> None:
    match command:
        case c.CompleteStage():
            _complete(work, stage, command)
        case c.SuspendStage():
            _suspend(work, stage, command)
        case c.FailAttempt():
            _fail_attempt(work, stage, command)
        case c.FailCheck():
            _fail_check(work, stage, command)
        case c.ReenterStage():
            work.resume(stage, "reentered")
        case c.ExpireWait():
            error = _waited_too_long(stage.suspension, work.now)
            work.fail_stage(stage, command.token, error)
        case c.ReleaseJob():
            work.end_claim(stage, claim, e.LEASE_RELEASED)
        case _:
            assert_never(command)


def _discard(work: Draft, command: c.StageResult) -> None:
    if isinstance(command, c.CompleteSteps):
        for name, output in command.steps:
            held = {"name": name, "output": output}
            work.add(e.ResultDiscarded(command.stage, command.token, "step completed", held))
        return
    outcome, result = _refused(command)
    if outcome is not None:
        work.add(e.ResultDiscarded(command.stage, command.token, outcome, result))


def _refused(command: c.EndOfClaim) -> tuple[str | None, JSON]:
    """Name a refused result, with what it held; giving up a claim that is gone needs no record."""
    match command:
        case c.CompleteStage():
            return "completed", command.output
        case c.SuspendStage():
            return "suspended", command.state
        case c.FailAttempt():
            return "failed", command.error.message
        case c.FailCheck():
            return "check failed", command.error.message
        case c.ReenterStage():
            return "reentered", None
        case c.ExpireWait() | c.ReleaseJob():
            return None, None
        case _:
            assert_never(command)


def _complete(work: Draft, stage: StageState, command: c.CompleteStage) -> None:
    work.add(
        e.StageCompleted(
            stage=stage.id,
            generation=stage.generation,
            attempt=stage.attempt,
            token=command.token,
            output=command.output,
            metrics=dict(command.metrics),
            artifacts=dict(command.artifacts),
        )
    )
    work.advance(stage.group, command.rejection)


def _complete_steps(work: Draft, stage: StageState, command: c.CompleteSteps) -> None:
    """Record each step once: one that has completed before keeps its first output."""
    for name, output in command.steps:
        if name not in work.run.stages[stage.id].steps:
            work.add(
                e.StepCompleted(
                    stage=stage.id,
                    generation=stage.generation,
                    attempt=stage.attempt,
                    token=command.token,
                    name=name,
                    output=output,
                )
            )


def _suspend(work: Draft, stage: StageState, command: c.SuspendStage) -> None:
    """Let the stage wait; a signal that came before is used at once."""
    deadline = command.deadline or work.now + timedelta(seconds=command.max_wait)
    check_at = None
    if command.check_after is not None:
        check_at = min(work.now + timedelta(seconds=command.check_after), deadline)
    work.add(
        e.StageSuspended(
            stage=stage.id,
            generation=stage.generation,
            attempt=stage.attempt,
            token=command.token,
            state=command.state,
            check_at=check_at,
            deadline=deadline,
            signal=command.signal,
            then=command.then,
            output=command.output,
        )
    )
    if command.signal is not None:
        work.resume_by_signal(work.run.stages[stage.id])


def _fail_attempt(work: Draft, stage: StageState, command: c.FailAttempt) -> None:
    policy = work.policy(stage.id)
    covered = command.names is None or policy.covers(command.names)
    if command.final or not covered or stage.attempt >= policy.max_attempts:
        work.fail_stage(stage, command.token, command.error)
        return
    delay = policy.delay(stage.attempt, command.random)
    _try_again(work, stage, command, delay, work.now + delay)


def _fail_check(work: Draft, stage: StageState, command: c.FailCheck) -> None:
    """Check again after a while; fail when the budget is spent, or at the last check."""
    policy = work.policy(stage.id)
    waiting = stage.suspension
    if (
        waiting is None
        or work.now >= waiting.deadline
        or waiting.failures + 1 >= policy.max_attempts
    ):
        work.fail_stage(stage, command.token, command.error)
        return
    delay = policy.delay(waiting.failures + 1, command.random)
    retry_at = min(work.now + delay, waiting.deadline)
    _try_again(work, stage, command, delay, retry_at)


def _try_again(
    work: Draft,
    stage: StageState,
    command: c.FailAttempt | c.FailCheck,
    delay: timedelta,
    retry_at: datetime,
) -> None:
    work.add(
        e.StageAttemptFailed(
            stage=stage.id,
            generation=stage.generation,
            attempt=stage.attempt,
            token=command.token,
            error=command.error,
            retry_at=retry_at,
            delay=delay.total_seconds(),
            random=command.random,
            kind=JobKind.CHECK if isinstance(command, c.FailCheck) else JobKind.EXECUTE,
        )
    )


def _waited_too_long(waiting: Suspension | None, now: datetime) -> ErrorInfo:
    waited = now - waiting.since if waiting is not None else timedelta()
    return ErrorInfo(WAIT_EXPIRED, f"still pending after waiting for {waited}")
