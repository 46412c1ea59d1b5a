"""Bugs in the core: in the events that a command leads to, and in what a run is."""

from datetime import timedelta
from typing import Any

from attrs import evolve

from eventflow.core import commands as c
from eventflow.core import events as e
from eventflow.core.stage import Resumption
from eventflow.core.values import JobKind, Status
from tests.simulation.planting import always, mutant

AN_HOUR = timedelta(hours=1)


class _Without:
    """A draft that does nothing when it is asked for one thing."""

    def __init__(self, work: Any, name: str) -> None:
        self._work = work
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return always(None) if name == self._name else getattr(self._work, name)


@mutant("eventflow.core.results:_is_current")
def unfenced_results(_: Any) -> Any:
    """A result counts whatever its token says."""
    return always(True)


@mutant("eventflow.core.decide:_to_be_had")
def double_claims(_: Any) -> Any:
    """A job is claimed whoever has it."""
    return lambda stage, command: stage.due_at is not None


@mutant("eventflow.core.decide:_expire")
def unlimited_takeovers(_: Any) -> Any:
    """A stage whose worker always dies is tried for ever."""

    def expire(work: Any, stage: Any, claim: Any) -> Any:
        work.end_claim(stage, claim, e.LEASE_TIMEOUT)
        return work.run.stages[stage.id]

    return expire


@mutant("eventflow.core.stage:_lease_expired")
def free_leases(sound: Any) -> Any:
    """A lease that expires uses no attempt up."""
    return lambda stage, event, fact: {**sound(stage, event, fact), "attempt": stage.attempt}


@mutant("eventflow.core.stage:_attempt_failed")
def lost_retries(sound: Any) -> Any:
    """A failed attempt is never due again."""
    return lambda stage, event: {**sound(stage, event), "due_at": None}


@mutant("eventflow.core.draft:Draft.policy")
def short_budgets(sound: Any) -> Any:
    """A stage is given up one attempt too early."""

    def policy(draft: Any, stage_id: str) -> Any:
        given = sound(draft, stage_id)
        return evolve(given, max_attempts=max(1, given.max_attempts - 1))

    return policy


@mutant("eventflow.core.draft:Draft.resume_by_signal")
def forgotten_signals(_: Any) -> Any:
    """A signal wakes nobody."""
    return always(None)


@mutant("eventflow.core.state:_used")
def signals_used_twice(_: Any) -> Any:
    """A signal that woke a stage wakes the next one too."""
    return lambda signals, version, used: signals


@mutant("eventflow.core.draft:Draft.advance")
def impatient_groups(sound: Any) -> Any:
    """The next group begins when one stage of a group is done."""

    def advance(draft: Any, group: int, rejection: Any = None) -> None:
        waiting = {s.id for s in draft.run.stages.values() if s.alive and s.group == group}
        if not waiting or draft.plan.is_last(group):
            sound(draft, group, rejection)
        elif all(s.group <= group for s in draft.run.stages.values()):
            draft.schedule(group + 1)

    return advance


@mutant("eventflow.core.state:_rewound")
def stale_stages(sound: Any) -> Any:
    """A rewind keeps the stages that it should run again."""

    def rewound(state: Any, event: Any) -> Any:
        after = sound(state, event)
        return {**after, "stages": {**state.stages, **after["stages"]}}

    return rewound


@mutant("eventflow.core.state:_rewound")
def old_generations(sound: Any) -> Any:
    """A rewind stays in the old generation."""
    return lambda state, event: {**sound(state, event), "generation": state.generation}


@mutant("eventflow.core.state:_cancelled")
def living_stages(sound: Any) -> Any:
    """A cancelled run keeps its stages alive."""
    return lambda state, event, fact: {**sound(state, event, fact), "stages": state.stages}


@mutant("eventflow.core.results:_is_current")
def unfenced_steps(sound: Any) -> Any:
    """A step is recorded whatever its token says."""
    return lambda claim, command: isinstance(command, c.CompleteSteps) or sound(claim, command)


@mutant("eventflow.core.results:_suspend")
def unheard_signals(sound: Any) -> Any:
    """A signal that came before its stage waits for it is not looked up."""
    return lambda work, stage, command: sound(_Without(work, "resume_by_signal"), stage, command)


@mutant("eventflow.core.decide:_receive_signal")
def dropped_signals(sound: Any) -> Any:
    """A signal that nobody waits for yet is dropped."""

    def receive(work: Any, command: Any) -> None:
        if any(stage.suspension is not None for stage in work.run.stages.values()):
            sound(work, command)

    return receive


@mutant("eventflow.core.draft:Draft.resume_by_signal")
def youngest_signals_first(_: Any) -> Any:
    """A stage is woken by the last signal that came."""

    def resume(draft: Any, stage: Any) -> None:
        awaited = stage.suspension.signal if stage.suspension is not None else None
        fitting = [each for each in draft.run.signals if each.name == awaited and not each.used]
        if fitting:
            draft.resume(stage, "signal", fitting[-1].version)

    return resume


@mutant("eventflow.core.results:_suspend")
def longer_waits(sound: Any) -> Any:
    """A stage waits ten times as long as it wants to."""
    return lambda work, stage, command: sound(
        work, stage, evolve(command, max_wait=10 * command.max_wait)
    )


@mutant("eventflow.core.results:_fail_check")
def endless_checks(sound: Any) -> Any:
    """A check that fails behind the deadline is made again."""

    def fail_check(work: Any, stage: Any, command: Any) -> None:
        late = evolve(stage.suspension, deadline=stage.suspension.deadline + AN_HOUR)
        sound(work, evolve(stage, suspension=late), command)

    return fail_check


@mutant("eventflow.core.stage:_attempt_failed")
def uncounted_checks(sound: Any) -> Any:
    """A check that failed uses nothing up."""

    def attempt_failed(stage: Any, event: Any) -> Any:
        after = sound(stage, event)
        if event.kind is JobKind.CHECK:
            return {**after, "suspension": stage.suspension}
        return after

    return attempt_failed


@mutant("eventflow.core.results:_try_again")
def retries_at_once(sound: Any) -> Any:
    """A failed attempt is made again without a pause."""
    return lambda work, stage, command, delay, _: sound(work, stage, command, delay, work.now)


@mutant("eventflow.core.retry:Retry.delay")
def constant_pauses(sound: Any) -> Any:
    """Each pause is as long as the first one."""
    return lambda policy, attempt, random: sound(policy, 1, random)


@mutant("eventflow.core.stage:_lease_expired")
def costly_stops(sound: Any) -> Any:
    """A job that a worker gives back has used an attempt up."""
    return lambda stage, event, fact: {**sound(stage, event, fact), "attempt": event.attempt + 1}


@mutant("eventflow.core.draft:Draft.advance")
def hasty_failures(sound: Any) -> Any:
    """A group fails before its other stages have ended, and again with the next one."""

    def advance(draft: Any, group: int, rejection: Any = None) -> None:
        for stage in draft.run.stages.values():
            if stage.group == group and stage.status is Status.FAILED:
                draft.add(e.RunFailed(stage.error, stage.id))
                return
        sound(draft, group, rejection)

    return advance


@mutant("eventflow.core.draft:Draft.advance")
def forgiven_failures(sound: Any) -> Any:
    """The next group begins when a stage of a group has completed, whatever became of others."""

    def advance(draft: Any, group: int, rejection: Any = None) -> None:
        stages = [stage for stage in draft.run.stages.values() if stage.group == group]
        waiting = any(stage.alive for stage in stages) or draft.plan.is_last(group)
        if not waiting and any(stage.status is Status.COMPLETED for stage in stages):
            draft.schedule(group + 1)
        else:
            sound(draft, group, rejection)

    return advance


@mutant("eventflow.core.draft:Draft.advance")
def wrong_blame(sound: Any) -> Any:
    """A run fails with the error of the stage that failed last."""

    def advance(draft: Any, group: int, rejection: Any = None) -> None:
        stages = [stage for stage in draft.run.stages.values() if stage.group == group]
        failed = [stage for stage in stages if stage.status is Status.FAILED]
        if failed and not any(stage.alive for stage in stages):
            last = max(failed, key=lambda stage: stage.ended)
            draft.add(e.RunFailed(last.error, last.id))
        else:
            sound(draft, group, rejection)

    return advance


@mutant("eventflow.core.draft:Draft.__init__")
def times_that_go_back(sound: Any) -> Any:
    """An event is recorded at the time of its process, whatever was recorded before."""

    def init(draft: Any, state: Any, now: Any, run_id: str = "") -> None:
        sound(draft, state, now, run_id)
        draft.now = now

    return init


@mutant("eventflow.core.results:_add_notes")
def notes_left_behind(_: Any) -> Any:
    """What is to be recorded together with a result is not."""
    return always(None)


@mutant("eventflow.core.state:RunState.input_of")
def inputs_of_others(_: Any) -> Any:
    """Each stage is given what the run was given."""
    return lambda run, group: run.input


@mutant("eventflow.core.state:RunState.output_of")
def outputs_of_one(_: Any) -> Any:
    """The output of a group is that of its first stage."""
    return lambda run, group: run.stages[run.plan.group(group)[0].id].output


@mutant("eventflow.core.stage:_resumed")
def lost_states(sound: Any) -> Any:
    """What a stage has suspended with is not what it is executed again with."""
    return lambda stage, event, fact: {
        **sound(stage, event, fact),
        "resumption": Resumption({"number": 0}, event.signal),
    }


@mutant("eventflow.core.state:_rewound")
def signals_of_the_past(sound: Any) -> Any:
    """A rewind keeps the signals that came behind its cut."""
    return lambda state, event: {**sound(state, event), "signals": state.signals}


@mutant("eventflow.core.rewind:earlier_outputs")
def forks_that_carry_too_much(sound: Any) -> Any:
    """A fork carries the outputs of the stages that it is to execute again."""

    def earlier(state: Any, plan: Any, stage_id: str) -> Any:
        group, _ = sound(state, plan, stage_id)
        return group, state.outputs_before(group + 1)

    return earlier


@mutant("eventflow.core.decide:_cancel")
def late_cancellations(sound: Any) -> Any:
    """A run that nobody has begun cannot be cancelled."""
    return lambda work, command: sound(work, command) if work.run.started else None
