"""Which events a command leads to: a pure choice, made again whenever an append lost a race.

The laws of the choice:

1. No event is what a command that came too late gets, unless it is a result: a result with a
   token that is no longer the current one is recorded as discarded.
2. An error of `eventflow.errors` is what a command gets that the caller must hear of.
3. Whatever follows from an event (the next group, the end of the run) is decided with it.
"""

from eventflow.core import commands as c
from eventflow.core import events as e
from eventflow.core.draft import Draft
from eventflow.core.results import decide_result
from eventflow.core.rewind import earlier_outputs, refuse_unless_ended
from eventflow.core.stage import LEASE_LOST, Claim, StageState
from eventflow.core.state import RunState
from eventflow.errors import RunEnded, SchemaTooNew


def decide(state: RunState | None, command: c.Command) -> tuple[e.Event, ...]:
    """Decide which events to append behind a state; none if there is nothing to do.

    Raises:
        CannotRerun: A rewind to a group whose earlier groups have no outputs, or of a run that is
            alive.
        RunEnded: A signal to a run that has ended.
        SchemaTooNew: The history holds events that this release does not know.
        StageNotFound: A rewind to a stage that the plan does not have.
        ValueError: The run exists already, or does not exist.
    """
    return tuple(draft(state, command).events)


def draft(state: RunState | None, command: c.Command, run_id: str = "") -> Draft:
    """Decide like `decide`, and keep the state that the events lead to.

    `run_id` names a run that does not exist yet.
    """
    work = Draft(state, command.now, run_id)
    extend(work, command)
    return work


def extend(work: Draft, command: c.Command) -> None:
    """Decide one more command on what was decided already, to be appended with it."""
    match command:
        case c.CreateRun():
            _create(work, command)
        case c.ClaimJob():
            _claim(_decidable(work), command)
        case c.ReceiveSignal():
            _receive_signal(_decidable(work), command)
        case c.CancelRun():
            _cancel(_decidable(work), command)
        case c.RewindRun():
            _rewind(_decidable(work), command)
        case _:
            decide_result(_decidable(work), command)


def _decidable(work: Draft) -> Draft:
    if work.state is None:
        raise ValueError("a run that does not exist can only be created")
    if work.state.unknown:
        version, kind = work.state.unknown[0]
        raise SchemaTooNew(
            f"Run {work.run.run_id} has events that this release of eventflow does not know, "
            f'first "{kind}" at version {version}: a newer release wrote them; '
            "upgrade this process"
        )
    return work


def _create(work: Draft, command: c.CreateRun) -> None:
    if work.state is not None:
        raise ValueError(f"run {work.run.run_id} exists already")
    work.add(
        e.RunCreated(
            workflow_id=command.plan.workflow_id,
            plan=command.plan,
            input=command.input,
            config=dict(command.config),
            priority=command.priority,
            metadata=dict(command.metadata),
            idempotency_key=command.idempotency_key,
            request_hash=command.request_hash,
            forked_from=command.forked_from,
            carried=dict(command.carried),
            artifacts=command.artifacts,
        )
    )
    work.schedule(command.group)


def _cancel(work: Draft, command: c.CancelRun) -> None:
    if not work.run.status.ended:
        work.add(e.RunCancelled(command.reason))


def _claim(work: Draft, command: c.ClaimJob) -> None:
    """Take the job, after ending a claim that has expired; nothing if it is no longer to be had."""
    stage = work.run.stages.get(command.stage)
    if stage is None or not _to_be_had(stage, command):
        return
    if stage.claim is not None and command.seen_leased:
        stage = _expire(work, stage, stage.claim)
    if stage.alive:
        if not work.run.started:
            work.add(e.RunStarted())
        work.add(
            e.JobClaimed(
                stage=stage.id,
                generation=stage.generation,
                attempt=stage.attempt,
                worker=command.worker,
                lease=command.lease,
                kind=stage.job,
            )
        )


def _to_be_had(stage: StageState, command: c.ClaimJob) -> bool:
    """Tell whether the job's row, as it was seen, still describes the job, and its time has come.

    Renewals move the end of a lease, but never before the time that the claim was made for.
    """
    if stage.due_at is None:
        return False
    if stage.claim is None:
        return command.seen_token == 0 and stage.due_at <= command.now
    if command.seen_leased and command.now < stage.claim.lease_until:
        return False
    return command.seen_token == stage.claim.token


def _expire(work: Draft, stage: StageState, claim: Claim) -> StageState:
    """End a claim that its worker stopped renewing; the last attempt takes the stage with it."""
    work.end_claim(stage, claim, e.LEASE_TIMEOUT)
    used = stage.attempt if stage.suspension is None else stage.suspension.failures + 1
    if used >= work.policy(stage.id).max_attempts:
        work.fail_stage(stage, claim.token, LEASE_LOST)
    return work.run.stages[stage.id]


def _receive_signal(work: Draft, command: c.ReceiveSignal) -> None:
    if work.run.status.ended:
        raise RunEnded(
            f'Run {work.run.run_id} is {work.run.status}, so nothing waits for "{command.name}"; '
            "rerun it from the stage that waits, then send the signal"
        )
    work.add(e.SignalReceived(command.name, command.payload))
    for stage in work.run.stages.values():
        if stage.suspension is not None and stage.suspension.signal == command.name:
            work.resume_by_signal(stage)
            return


def _rewind(work: Draft, command: c.RewindRun) -> None:
    run = work.run
    ending = refuse_unless_ended(run, command.stage)
    group, _ = earlier_outputs(run, command.plan, command.stage)
    later = [s.scheduled for s in run.stages.values() if s.group >= group and s.scheduled]
    work.add(
        e.RunRewound(
            stage=command.stage,
            group=group,
            cut=min([*later, ending.version]) - 1,
            generation=run.generation + 1,
            plan=command.plan,
            config=dict(command.config),
            input=command.input,
            reason=command.reason,
            idempotency_key=command.idempotency_key,
            request_hash=command.request_hash,
            spent=run.ai.spent if run.ai.spent.total.calls else None,
        )
    )
    work.schedule(group)
