"""What a run is: a fold over its events, which never fails on a history that `decide` produced.

The laws of the fold:

1. The first event creates the run; each further one has a higher version.
2. A stage event speaks about one stage and never touches another.
3. Notes change nothing but the version; `ai.called` is counted as well, and changes no status.
4. `run.rewound` leaves exactly what folding the effective history would give.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar, assert_never

from attrs import field

from eventflow.core import events as e
from eventflow.core.change import Fields, changed
from eventflow.core.frozen import frozen
from eventflow.core.laws import run_step
from eventflow.core.plan import Plan
from eventflow.core.spending import NO_SPENDING, AISpending, called, rewound
from eventflow.core.stage import (
    StageEvent,
    StageState,
    carried_over,
    ended,
    evolve_stage,
    scheduled,
)
from eventflow.core.values import JSON, ErrorInfo, Status

FactT = TypeVar("FactT", bound=e.Fact)


@frozen(slots=False)
class Signal:
    """A payload that arrived; `used` is the version of the event that used it, or 0."""

    name: str
    payload: JSON
    version: int
    used: int = 0


@frozen
class Ending:
    """How a run ended, at which version and when."""

    version: int
    at: datetime
    output: JSON = None
    error: ErrorInfo | None = None
    stage: str | None = None
    reason: str | None = None


@frozen(slots=False)
class RunState:
    """One run as of one version.

    `plan`, `config` and `input` are those that count now; a rewind may have replaced them.

    Attributes:
        run_id: The run.
        version: The version of the last event that was folded.
        recorded_at: When that event was recorded.
        status: What the run is now.
        plan: The workflow as data.
        input: What group 1 gets.
        config: The parsed config of each stage.
        priority: Higher is claimed earlier.
        metadata: What the application attached when it created the run.
        created_at: When it was created.
        forked_from: The event of another run that this one continues.
        generation: How many times the run was rewound.
        stages: Every stage that was scheduled or carried over, by id.
        signals: What arrived, in order.
        started_at: When the first job was claimed.
        started: The version of that; 0 before it.
        ending: How it ended; None while it is alive.
        ai: What its calls of models came to.
        unknown: Versions and types of the events that this release cannot fold.
    """

    run_id: str
    version: int
    recorded_at: datetime
    status: Status
    plan: Plan
    input: JSON
    config: Mapping[str, JSON]
    priority: int
    metadata: Mapping[str, JSON]
    created_at: datetime
    forked_from: e.ForkedFrom | None = None
    generation: int = 0
    stages: Mapping[str, StageState] = field(factory=dict)
    signals: tuple[Signal, ...] = ()
    started_at: datetime | None = None
    started: int = 0
    ending: Ending | None = None
    ai: AISpending = NO_SPENDING
    unknown: tuple[tuple[int, str], ...] = ()

    @property
    def workflow_id(self) -> str:
        """The workflow that this is a run of."""
        return self.plan.workflow_id

    @property
    def output(self) -> JSON:
        """What the run came to; None while it has not completed."""
        return self.ending.output if self.ending else None

    def outputs_before(self, group: int) -> dict[str, JSON]:
        """Give the outputs of all completed stages of earlier groups, by stage id."""
        return {
            stage.id: stage.output
            for stage in self.stages.values()
            if stage.group < group and stage.status is Status.COMPLETED
        }

    def input_of(self, group: int) -> JSON:
        """Give what the stages of a group get: the run's input, or what the group before made."""
        return self.input if group == 1 else self.output_of(group - 1)

    def output_of(self, group: int) -> JSON:
        """Give a group's output: the one stage's own, or a mapping from stage id to output."""
        stages = self.plan.group(group)
        if len(stages) == 1:
            return self.stages[stages[0].id].output
        return {stage.id: self.stages[stage.id].output for stage in stages}


def evolve(state: RunState | None, fact: e.Fact) -> RunState:
    """Fold one more event into the state of a run.

    Behind an unknown event, what cannot happen is passed over: the unknown event may have made it
    possible.

    Raises:
        ValueError: The fact cannot follow this state: the history is not one of one run.
    """
    if state is None:
        return _created(fact)
    if fact.version <= state.version:
        raise ValueError(f"version {fact.version} cannot follow version {state.version}")
    try:
        fields = _fold(state, fact.event, fact)
    except ValueError:
        if not state.unknown:
            raise
        fields = {}
    return changed(state, version=fact.version, recorded_at=fact.recorded_at, **fields)


def replay(history: Iterable[e.Fact]) -> RunState:
    """Fold a history, whole or effective, from its first event on.

    Raises:
        ValueError: The history is empty, or does not begin with `run.created`.
    """
    state: RunState | None = None
    for fact in history:
        state = evolve(state, fact)
    if state is None:
        raise ValueError("an empty history is not a run")
    return state


def effective(history: Sequence[FactT]) -> list[FactT]:
    """Leave out what rewinds have cut; a rewind itself stays, unless a later one cut it."""
    kept: list[FactT] = []
    for fact in history:
        if isinstance(fact.event, e.RunRewound):
            while kept and kept[-1].version > fact.event.cut:
                kept.pop()
        kept.append(fact)
    return kept


RunEvent: TypeAlias = (
    e.RunCreated
    | e.RunStarted
    | e.SignalReceived
    | e.RunCompleted
    | e.RunFailed
    | e.RunCancelled
    | e.RunRewound
)


def _created(fact: e.Fact) -> RunState:
    event = fact.event
    if not isinstance(event, e.RunCreated):
        found = type(event).__name__
        raise ValueError(f"a history begins with run.created, not with {found}")  # noqa: TRY004 - the history is wrong, not a type
    return RunState(
        run_id=fact.run_id,
        version=fact.version,
        recorded_at=fact.recorded_at,
        status=Status.PENDING,
        plan=event.plan,
        input=event.input,
        config=event.config,
        priority=event.priority,
        metadata=event.metadata,
        created_at=fact.recorded_at,
        forked_from=event.forked_from,
        stages={
            stage.id: carried_over(stage.id, number, event.carried[stage.id], fact)
            for number, group in enumerate(event.plan.groups, start=1)
            for stage in group
            if stage.id in event.carried
        },
    )


def _fold(state: RunState, event: e.Event, fact: e.Fact) -> Fields:
    """Choose the fold of an event by its class; each class has exactly one."""
    match event:
        case e.StageScheduled():
            return _with_stage(state, scheduled(event, fact), event)
        case (
            e.JobClaimed()
            | e.StageCompleted()
            | e.StepCompleted()
            | e.StageAttemptFailed()
            | e.StageFailed()
            | e.StageSuspended()
            | e.StageResumed()
            | e.LeaseExpired()
        ):
            return _fold_stage_event(state, event, fact)
        case (
            e.StageLogged()
            | e.StageProgressed()
            | e.RunAnnotated()
            | e.ArtifactSaved()
            | e.ArtifactDeleted()
            | e.ResultDiscarded()
        ):
            return {}
        case e.AICalled():
            return {"ai": called(state.ai, event, _boundary(state))}
        case e.UnknownEvent():
            return {"unknown": (*state.unknown, (fact.version, event.type))}
        case _:
            return _fold_run_event(state, event, fact)


def _boundary(state: RunState) -> int:
    """Give the last version so far that a rewind may cut off, as `decide` chooses its cut."""
    scheduled = max((stage.scheduled for stage in state.stages.values()), default=0)
    return max(scheduled, state.ending.version if state.ending is not None else 0)


def _fold_run_event(state: RunState, event: RunEvent, fact: e.Fact) -> Fields:
    match event:
        case e.RunCreated():
            raise ValueError("a run cannot be created twice")
        case e.RunStarted():
            run_step(state.status, event)
            status = _status(fact.version, state.stages)
            return {"started_at": fact.recorded_at, "started": fact.version, "status": status}
        case e.SignalReceived():
            signal = Signal(event.name, event.payload, fact.version)
            return {"signals": (*state.signals, signal)}
        case e.RunCompleted():
            return _ended(state, event, Ending(fact.version, fact.recorded_at, output=event.output))
        case e.RunFailed():
            ending = Ending(fact.version, fact.recorded_at, error=event.error, stage=event.stage)
            return _ended(state, event, ending)
        case e.RunCancelled():
            return _cancelled(state, event, fact)
        case e.RunRewound():
            return _rewound(state, event)
        case _:
            assert_never(event)


def _ended(state: RunState, event: RunEvent, ending: Ending) -> Fields:
    return {"status": run_step(state.status, event) or state.status, "ending": ending}


def _cancelled(state: RunState, event: e.RunCancelled, fact: e.Fact) -> Fields:
    ending = Ending(fact.version, fact.recorded_at, reason=event.reason)
    stages = {
        stage.id: changed(stage, **ended(Status.CANCELLED, fact)) if stage.alive else stage
        for stage in state.stages.values()
    }
    return {**_ended(state, event, ending), "stages": stages}


def _rewound(state: RunState, event: e.RunRewound) -> Fields:
    """Take back everything beyond the cut, as if it had never been folded.

    In an effective history there is nothing beyond the cut, so the run has not ended there.
    """
    if state.version > event.cut:
        run_step(state.status, event)
    started = state.started if state.started <= event.cut else 0
    # Earlier groups had completed before the group was scheduled, and so before the cut.
    stages = {stage.id: stage for stage in state.stages.values() if stage.group < event.group}
    return {
        "plan": event.plan,
        "config": event.config,
        "input": event.input,
        "generation": event.generation,
        "stages": stages,
        "signals": tuple(
            signal if signal.used <= event.cut else changed(signal, used=0)
            for signal in state.signals
            if signal.version <= event.cut
        ),
        "started": started,
        "started_at": state.started_at if started else None,
        "status": _status(started, stages),
        "ending": None,
        "ai": rewound(state.ai, event),
        "unknown": tuple(each for each in state.unknown if each[0] <= event.cut),
    }


def _fold_stage_event(state: RunState, event: StageEvent, fact: e.Fact) -> Fields:
    stage = state.stages.get(event.stage)
    if stage is None:
        raise ValueError(f'stage "{event.stage}" was never scheduled')
    fields = _with_stage(state, evolve_stage(stage, event, fact), event)
    if isinstance(event, e.StageResumed) and event.signal is not None:
        fields["signals"] = _used(state.signals, event.signal, fact.version)
    return fields


def _with_stage(state: RunState, stage: StageState, event: StageEvent | e.StageScheduled) -> Fields:
    """Put a stage into a run, which its stages can neither end nor bring back."""
    if state.ending is not None:
        raise ValueError(f"{type(event).__name__} cannot happen to a {state.status} run")
    stages = {**state.stages, stage.id: stage}
    return {"stages": stages, "status": _status(state.started, stages)}


def _used(signals: tuple[Signal, ...], version: int, used: int) -> tuple[Signal, ...]:
    return tuple(
        changed(signal, used=used) if signal.version == version else signal for signal in signals
    )


def _status(started: int, stages: Mapping[str, StageState]) -> Status:
    """Derive the status of a run that has not ended from its stages."""
    if not started:
        return Status.PENDING
    waiting = False
    for stage in stages.values():
        if stage.alive:
            if stage.suspension is None:
                return Status.RUNNING
            waiting = True
    return Status.SUSPENDED if waiting else Status.RUNNING
