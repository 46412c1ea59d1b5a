"""A run put together by hand, as one claimed stage would find it; nothing of it is ever stored."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import field, fields, frozen

from eventflow.core import events as e
from eventflow.core.artifacts import Artifact
from eventflow.core.change import changed
from eventflow.core.retry import Retry
from eventflow.core.stage import StageState
from eventflow.core.state import RunState, replay
from eventflow.core.values import JSON, JobKind, Status
from eventflow.definition.config import checked_config
from eventflow.definition.data.records import is_record
from eventflow.definition.outcomes import DEFAULT_CHECK_AFTER, DEFAULT_MAX_WAIT
from eventflow.definition.schema import Schema, dump_json
from eventflow.definition.stage import Stage
from eventflow.definition.workflow import AnyStage, Workflow, make_plan
from eventflow.errors import InvalidData, InvalidInput, InvalidOutput
from eventflow.runtime.given import checked_metadata
from eventflow.runtime.storage import kept_as
from eventflow.store.blobs import key_of

RUN_ID = "run-1"
WORKER = "tester"
LEASE = 3600.0
CLAIMED = 4
"""The version of the first claim."""

Outputs = Mapping[AnyStage | str, object]
"""Earlier outputs by stage, or by stage id: instances of their schemas, or plain data."""


Artifacts = Mapping[AnyStage | str, Mapping[str, object]]
"""What stages have saved, by stage or stage id, by name: bytes, or what can be stored as JSON."""


@frozen(kw_only=True)
class Scene:
    """What a stage finds.

    Attributes:
        stage: The stage.
        workflow: Where it is.
        now: The time.
        input: What it is given.
        config: Its config.
        outputs: The outputs of the groups before.
        attempt: Which attempt it is.
        generation: How many times the run was rewound.
        metadata: What the run was created with.
        suspended: The state that it suspended with, in a list of one; empty if it did not.
        signal: The payload of the signal that woke it, likewise.
        steps: The outputs of the steps that it has completed, by name.
        artifacts: What stages have saved.
        blobs: The bytes of that.
    """

    stage: AnyStage
    workflow: Workflow[Any, Any]
    now: datetime
    input: JSON
    config: JSON
    outputs: Mapping[str, JSON]
    attempt: int = 1
    generation: int = 0
    metadata: Mapping[str, JSON]
    suspended: Sequence[JSON] = ()
    signal: Sequence[JSON] = ()
    steps: Mapping[str, JSON] = field(factory=dict)
    artifacts: Sequence[Artifact] = ()
    blobs: Sequence[bytes] = ()

    def claimed(self, kind: JobKind) -> RunState:
        """Give the run right behind the claim of the stage."""
        events = [self._created(), *self._begun(), *self._stepped()]
        if self.suspended:
            events.append(self._waited())
            if kind is JobKind.EXECUTE:
                events += self._woken(len(events))
            events.append(self._claim(kind))
        facts = (
            e.Recorded(RUN_ID, version, self.now, event)
            for version, event in enumerate(events, start=1)
        )
        return self._with_those_that_saved(_with_input(replay(facts), self.input))

    def _with_those_that_saved(self, run: RunState) -> RunState:
        """Let there be the stages of which only artifacts are given, without an output."""
        there = {
            each.stage: StageState(
                id=each.stage,
                group=self.workflow.group_of(each.stage),
                generation=0,
                scheduled=0,
                status=Status.PENDING,
                attempt=0,
                due_at=None,
            )
            for each in self.artifacts
            if each.stage not in run.stages
        }
        return changed(run, stages={**there, **run.stages}) if there else run

    def _created(self) -> e.Event:
        return e.RunCreated(
            workflow_id=self.workflow.id,
            plan=self.workflow.plan,
            input=self.input,
            config={self.stage.id: self.config},
            priority=5,
            metadata=dict(self.metadata),
            carried=dict(self.outputs),
        )

    def _begun(self) -> list[e.Event]:
        group = self.workflow.group_of(self.stage.id)
        at = self.stage.id, group, self.generation, self.attempt
        return [
            e.StageScheduled(*at, due_at=self.now),
            e.RunStarted(),
            self._claim(JobKind.EXECUTE),
        ]

    def _claim(self, kind: JobKind) -> e.Event:
        return e.JobClaimed(self.stage.id, self.generation, self.attempt, WORKER, LEASE, kind)

    def _stepped(self) -> list[e.Event]:
        at = self.stage.id, self.generation, self.attempt, CLAIMED
        return [e.StepCompleted(*at, name, output) for name, output in self.steps.items()]

    def _waited(self) -> e.Event:
        return e.StageSuspended(
            stage=self.stage.id,
            generation=self.generation,
            attempt=self.attempt,
            token=CLAIMED,
            state=self.suspended[0],
            check_at=self.now + timedelta(seconds=DEFAULT_CHECK_AFTER),
            deadline=self.now + timedelta(seconds=DEFAULT_MAX_WAIT),
            signal=self._awaited,
        )

    def _woken(self, version: int) -> list[e.Event]:
        at = self.stage.id, self.generation, self.attempt
        if not self.signal:
            return [e.StageResumed(*at, "reentered")]
        received = e.SignalReceived(self._awaited, self.signal[0])
        return [received, e.StageResumed(*at, "signal", version + 1)]

    @property
    def _awaited(self) -> str:
        return self.stage.signal or "signal"


@frozen(slots=False)
class _Given(RunState):
    """A run of which one stage is given this input, whatever the groups before gave."""

    given: JSON = None

    def input_of(self, group: int) -> JSON:  # noqa: ARG002 - whichever group it is in
        return self.given


def _with_input(run: RunState, given: JSON) -> RunState:
    return _Given(**{each.name: getattr(run, each.name) for each in fields(RunState)}, given=given)


def scene_of(
    stage: AnyStage,
    *,
    input: object,
    config: object,
    outputs: Outputs,
    attempt: int,
    generation: int,
    metadata: Mapping[str, object],
    suspended: Sequence[object],
    signal: Sequence[object],
    steps: Mapping[str, object],
    artifacts: Artifacts,
    workflow: Workflow[Any, Any] | None,
    now: datetime,
) -> Scene:
    """Check what a stage is to find, and put it together.

    Raises:
        InvalidConfig, InvalidInput, InvalidOutput: Something does not fit.
        StageNotFound: The workflow does not have the stage, or one that something is given of.
    """
    workflow = workflow or _alone(stage, outputs, artifacts)
    workflow.stage(stage.id)
    saved = list(_saved(workflow, artifacts, {stage.id: generation}, now))
    given = stored_value(stage.input_schema, input, InvalidInput) if stage.takes_input else None
    return Scene(
        stage=stage,
        workflow=workflow,
        now=now,
        input=given,
        config=checked_config(workflow.id, [stage], {stage.id: config}).get(stage.id),
        outputs=_stored_outputs(workflow, outputs),
        attempt=attempt,
        generation=generation,
        metadata=checked_metadata(metadata),
        suspended=[stored_value(stage.state_schema, each, InvalidOutput) for each in suspended],
        signal=[_stored_payload(stage, each) for each in signal],
        steps={
            name: dump_json(each, InvalidOutput, f'the output of step "{name}"')
            for name, each in steps.items()
        },
        artifacts=[artifact for artifact, _ in saved],
        blobs=[data for _, data in saved],
    )


def _saved(
    workflow: Workflow[Any, Any],
    artifacts: Artifacts,
    generations: Mapping[str, int],
    saved_at: datetime,
) -> Iterator[tuple[Artifact, bytes]]:
    """Give what stages have saved, each with its bytes; in generation 0 unless told otherwise.

    Raises:
        InvalidOutput: Something could not have been saved.
        StageNotFound: There is no such stage.
    """
    for key, named in artifacts.items():
        stage_id = workflow.stage(_id(key)).id
        for name, value in named.items():
            kind, data = kept_as(name, value)
            generation = generations.get(stage_id, 0)
            blob, size = key_of(data), len(data)
            yield Artifact(name, stage_id, generation, 1, blob, size, kind, 1, saved_at), data


def _stored_payload(stage: AnyStage, payload: object) -> JSON:
    """Give the payload of a signal as it would be stored when it is sent."""
    if stage.payload_schema is None:
        return dump_json(payload, InvalidInput, "the payload of the signal")
    return stored_value(stage.payload_schema, payload, InvalidInput)


def _id(key: AnyStage | str) -> str:
    return key if isinstance(key, str) else key.id


def _alone(stage: AnyStage, outputs: Outputs, artifacts: Artifacts) -> Workflow[Any, Any]:
    """Put a stage into a workflow of its own, behind stages of which something is given."""
    before = {
        _id(key): (key, value)
        for key, value in [*dict.fromkeys(artifacts).items(), *outputs.items()]
    }
    earlier = tuple(
        _named(key, value) if isinstance(key, str) else key
        for stage_id, (key, value) in before.items()
        if stage_id != stage.id
    )
    groups = (earlier, (stage,)) if earlier else ((stage,),)
    anything: Schema[Any] = Schema(object)
    return Workflow(
        id="tested",
        name="Tested",
        description="",
        groups=groups,
        plan=make_plan("tested", "Tested", groups, (anything,)),
        input_schema=anything,
        output_schema=None,
    )


def _stored_outputs(workflow: Workflow[Any, Any], outputs: Outputs) -> dict[str, JSON]:
    """Give earlier outputs as plain data, as they would be stored."""
    stored: dict[str, JSON] = {}
    for key, value in outputs.items():
        stage = workflow.stage(_id(key))
        stored[stage.id] = stored_value(stage.output_schema, value, InvalidOutput)
    return stored


def stored_value(schema: Schema[Any], value: object, error: type[InvalidData]) -> JSON:
    """Check a value and give it as plain data, with the defaults of its schema filled in.

    Raises:
        InvalidData: The given class of it, with every field that is wrong.
    """
    return schema.dump(schema.parse(value, error), error)


def _named(stage_id: str, output: object) -> AnyStage:
    """Stand in for a stage of which only the id and an output are known."""
    kind = type(output)
    anything: Schema[Any] = Schema(object)
    return Stage(
        id=stage_id,
        name=stage_id,
        description="",
        dependencies=(),
        retry=Retry(),
        timeout=None,
        signal=None,
        suspends=False,
        function=_is_never_called,
        input_schema=anything,
        config_schema=Schema(None),
        output_schema=Schema(kind) if is_record(kind) else anything,
        state_schema=anything,
    )


async def _is_never_called(_: object) -> None:
    raise AssertionError("a stage that was already executed is not executed")
