"""Would the code of today accept a recorded run? It compares and parses, and executes nothing."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from attrs import frozen

from eventflow.core import events as e
from eventflow.core.plan import Plan
from eventflow.core.state import RunState
from eventflow.core.values import JSON
from eventflow.definition.data.problems import join
from eventflow.definition.schema import Schema
from eventflow.definition.workflow import AnyStage, Workflow
from eventflow.errors import InvalidData, Problem
from eventflow.testing.history import History


class Part(StrEnum):
    """What of a recorded run does not fit."""

    WORKFLOW = "workflow"
    PLAN = "plan"
    STAGE = "stage"
    INPUT = "input"
    CONFIG = "config"
    OUTPUT = "output"
    STATE = "state"
    SIGNAL = "signal"
    EVENT = "event"


@frozen
class Mismatch:
    """One thing in a recorded run that the code of today does not accept.

    Attributes:
        part: What it is: a part of the definition, or a value.
        stage: The stage that it is about; None for the run as a whole.
        path: The place within the value, such as `words[3]`; empty for the value as a whole. That
            of a signal begins with its name.
        reason: What is wrong there.
        version: The event that holds the value; 0 if it is about the definition.
    """

    part: Part
    stage: str | None
    path: str
    reason: str
    version: int = 0

    def __str__(self) -> str:
        """Say it in one line."""
        where = f"{self.part}"
        if self.stage is not None:
            name = f'stage "{self.stage}"'
            where = name if self.part is Part.STAGE else f"{self.part} of {name}"
        place = f" (version {self.version})" if self.version else ""
        path = f", {self.path}" if self.path else ""
        return f"{where}{path}: {self.reason}{place}"


@frozen
class CheckReport:
    """The verdict on one recorded run.

    Attributes:
        run_id: The run.
        workflow_id: The workflow of today.
        mismatches: Everything that does not fit: first the definition, then the values by version.
    """

    run_id: str
    workflow_id: str
    mismatches: tuple[Mismatch, ...]

    @property
    def ok(self) -> bool:
        """Whether everything fits."""
        return not self.mismatches

    def __str__(self) -> str:
        """Say everything, one mismatch a line."""
        if self.ok:
            return f'workflow "{self.workflow_id}" accepts run {self.run_id}'
        head = f'workflow "{self.workflow_id}" does not accept run {self.run_id}:'
        return "\n".join([head, *(f"  {each}" for each in self.mismatches)])

    def assert_ok(self) -> None:
        """Fail the test unless everything fits.

        Raises:
            AssertionError: With everything that does not.
        """
        __tracebackhide__ = True
        if not self.ok:
            raise AssertionError(str(self))


def check(history: History, workflow: Workflow[Any, Any]) -> CheckReport:
    """Find out whether the workflow of today would accept a run as it was recorded.

    It lists stages that went missing, were added or moved; inputs, configs, outputs and suspended
    states that no longer parse; and dependencies on what the run never had. What a rewind has cut
    does not count. No code of a stage is executed.
    """
    state = history.state()
    found = [*_definition(state, workflow), *_values(history, workflow)]
    return CheckReport(history.run_id, workflow.id, tuple(found))


def _definition(state: RunState, workflow: Workflow[Any, Any]) -> Iterator[Mismatch]:
    if state.workflow_id != workflow.id:
        reason = f'the run is one of workflow "{state.workflow_id}", not of "{workflow.id}"'
        yield Mismatch(Part.WORKFLOW, None, "", reason)
    if state.plan.fingerprint != workflow.plan.fingerprint:
        yield from _plan(state.plan, workflow)
    yield from _endless_waits(state, workflow)
    for version, kind in state.unknown:
        yield Mismatch(Part.EVENT, None, "", f"this release does not know {kind}", version)


def _plan(recorded: Plan, workflow: Workflow[Any, Any]) -> Iterator[Mismatch]:
    """Compare the plan that the run has with that of today."""
    then, now = recorded.stage_ids(), workflow.plan.stage_ids()
    for stage_id in then:
        if stage_id not in now:
            reason = f"the workflow has no such stage any more; it has {', '.join(now)}"
            yield Mismatch(Part.STAGE, stage_id, "", reason)
    for stage_id in now:
        if stage_id not in then:
            reason = f"it is new in execution group {workflow.group_of(stage_id)}"
            yield Mismatch(Part.STAGE, stage_id, "", reason)
    common = set(then) & set(now)
    old, new = _order(recorded, common), _order(workflow.plan, common)
    if old != new:
        yield Mismatch(Part.PLAN, None, "", f"the order was {old}, and is now {new}")
    for stage in workflow.stages:
        if stage.id in common:
            yield from _dependencies(recorded, stage)


def _order(plan: Plan, stages: set[str]) -> str:
    """Write the execution groups, as far as they have these stages."""
    groups = (sorted(stage.id for stage in group if stage.id in stages) for group in plan.groups)
    return " > ".join(", ".join(group) for group in groups if group)


def _dependencies(recorded: Plan, stage: AnyStage) -> Iterator[Mismatch]:
    found = recorded.find(stage.id)
    for needed in stage.dependencies:
        there = recorded.find(needed)
        if found is not None and (there is None or there[0] >= found[0]):
            reason = f'it depends on "{needed}", which the run does not execute before it'
            yield Mismatch(Part.PLAN, stage.id, "", reason)


def _endless_waits(state: RunState, workflow: Workflow[Any, Any]) -> Iterator[Mismatch]:
    """Find stages that wait for a check which they have no more."""
    for waiting in state.stages.values():
        stage = workflow.find(waiting.id)
        suspension = waiting.suspension
        if stage is None or suspension is None or stage.check_function is not None:
            continue
        if suspension.signal is None and suspension.check_at is not None:
            reason = "it waits for a check, and the stage has none any more"
            yield Mismatch(Part.STAGE, stage.id, "", reason)


@frozen
class _Value:
    """A recorded value and what tells which schema of today it has to fit."""

    part: Part
    stage: str | None
    value: JSON
    signal: str | None = None


def _values(history: History, workflow: Workflow[Any, Any]) -> Iterator[Mismatch]:
    """Parse everything that was recorded with the schemas of today, event by event."""
    for fact, run in history.moments:
        for each in _within(fact.event, run):
            schema = _schema(each, workflow)
            if schema is not None:
                yield from _misfits(each, history.load(each.value), schema, fact.version)


def _within(event: e.Event, run: RunState) -> Iterator[_Value]:
    """Yield the values that an event brings into the run behind it."""
    match event:
        case e.RunCreated() | e.RunRewound():
            yield _Value(Part.INPUT, None, event.input)
            carried = event.carried if isinstance(event, e.RunCreated) else {}
            for stage, output in carried.items():
                yield _Value(Part.OUTPUT, stage, output)
        case e.StageScheduled(stage=stage, group=group):
            yield _Value(Part.INPUT, stage, run.input_of(group))
            yield _Value(Part.CONFIG, stage, run.config.get(stage))
        case e.StageCompleted(stage=stage, output=output):
            yield _Value(Part.OUTPUT, stage, output)
        case e.StageSuspended(stage=stage, state=state):
            yield _Value(Part.STATE, stage, state)
        case e.SignalReceived(name=name, payload=payload):
            yield _Value(Part.SIGNAL, None, payload, name)
        case e.RunCompleted(output=output):
            yield _Value(Part.OUTPUT, None, output)
        case _:
            pass


def _schema(value: _Value, workflow: Workflow[Any, Any]) -> Schema[Any] | None:
    """Give the schema of today for a value; None if nothing reads it."""
    if value.signal is not None:
        return workflow.signals.get(value.signal)
    if value.stage is None:
        return workflow.input_schema if value.part is Part.INPUT else workflow.output_schema
    stage = workflow.find(value.stage)
    if stage is None:
        return None
    schemas = {
        Part.INPUT: stage.input_schema if stage.takes_input else None,
        Part.CONFIG: stage.config_schema,
        Part.OUTPUT: stage.output_schema,
        Part.STATE: stage.state_schema,
    }
    return schemas[value.part]


def _misfits(found: _Value, value: JSON, schema: Schema[Any], version: int) -> Iterator[Mismatch]:
    try:
        schema.parse(value)
    except InvalidData as error:
        for each in error.problems or (Problem("", str(error)),):
            path = each.path if found.signal is None else join(found.signal, each.path)
            yield Mismatch(found.part, found.stage, path, each.reason, version)
