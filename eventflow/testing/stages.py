"""One stage alone: executes it, or its check, without any store, and says what came of it.

Input, config, output and state are checked by the same schemas as in production.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from attrs import field, frozen

from eventflow.core import events as e
from eventflow.core.values import JSON, ErrorInfo, JobKind, Status
from eventflow.definition.stage import Stage
from eventflow.definition.workflow import AnyStage, Workflow
from eventflow.errors import InvalidOutput
from eventflow.runtime.ai import AISource
from eventflow.testing.clock import START, ManualClock
from eventflow.testing.performing import Performed, blobs_of, performer
from eventflow.testing.scene import Artifacts, Outputs, Scene, scene_of
from eventflow.testing.variants import without_input

In = TypeVar("In")
Out = TypeVar("Out")
Recorded = TypeVar("Recorded")


class NotGiven:
    """The default of an argument that may also be None."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()


async def run_stage(
    stage: Stage[In, Out],
    input: object = None,
    config: object = None,
    *,
    outputs: Outputs | None = None,
    attempt: int = 1,
    generation: int = 0,
    metadata: Mapping[str, object] | None = None,
    resume_state: object = NOT_GIVEN,
    signal: object = NOT_GIVEN,
    steps: Mapping[str, object] | None = None,
    artifacts: Artifacts | None = None,
    workflow: Workflow[Any, Any] | None = None,
    clock: ManualClock | None = None,
    ai: AISource | None = None,
) -> "StageOutcome[Out]":
    """Execute one stage, once, and say what came of it; nothing is stored anywhere.

    Args:
        stage: The stage.
        input: What it is given: an instance of its input schema, or plain data.
        config: The fields of its config that differ from the defaults, or an instance.
        outputs: The outputs of earlier groups, by stage or by stage id.
        attempt: Which attempt it is.
        generation: How many times the run was rewound.
        metadata: What the run was created with.
        resume_state: The state that it suspended with before, to execute it again.
        signal: The payload of the signal that woke it.
        steps: The outputs of durable steps that completed in an earlier attempt, by name; their
            functions are not called.
        artifacts: What earlier stages have saved, by stage or stage id, and then by name, as it
            was given to `ctx.storage.save`; of the stage itself, what earlier attempts have.
        workflow: Where the stage is; by default a workflow of its own.
        clock: The time, which then moves as far as it must. By default it stands still, and
            timeouts are real.
        ai: How models are called, such as an `AISettings` with scripted models, or
            `eventflow.ai.replaying(history)`.

    Raises:
        InvalidConfig, InvalidInput, InvalidOutput: What is given here does not fit.
        StageNotFound: The workflow does not have the stage, or one that something is given of.
        TypeError: It is no stage.
    """
    _refuse_what_is_no_stage(stage)
    suspended = () if resume_state is NOT_GIVEN else (resume_state,)
    if signal is not NOT_GIVEN:
        suspended = suspended or (None,)
    scene = scene_of(
        stage,
        input=input,
        config=config,
        outputs=outputs or {},
        attempt=attempt,
        generation=generation,
        metadata=metadata or {},
        suspended=suspended,
        signal=() if signal is NOT_GIVEN else (signal,),
        steps=steps or {},
        artifacts=artifacts or {},
        workflow=workflow,
        now=START if clock is None else clock.now(),
    )
    return await _outcome(scene, JobKind.EXECUTE, clock, ai)


def _refuse_what_is_no_stage(given: object) -> None:
    if not isinstance(given, Stage):
        name = getattr(given, "__name__", type(given).__name__)
        raise TypeError(f"{name} is no stage; write @ef.stage above the function")


async def run_check(
    stage: Stage[In, Out],
    state: object,
    *,
    input: object = NOT_GIVEN,
    config: object = None,
    outputs: Outputs | None = None,
    attempt: int = 1,
    generation: int = 0,
    metadata: Mapping[str, object] | None = None,
    steps: Mapping[str, object] | None = None,
    artifacts: Artifacts | None = None,
    workflow: Workflow[Any, Any] | None = None,
    clock: ManualClock | None = None,
    ai: AISource | None = None,
) -> "StageOutcome[Out]":
    """Ask the check of a suspended stage, once, and say what came of it.

    Args:
        stage: The stage.
        state: What it suspended with: an instance of its state schema, or plain data.
        input: What the stage was given; if it is left out, `ctx.input` is None.
        config: As in `run_stage`.
        outputs: Likewise.
        attempt: Likewise.
        generation: Likewise.
        metadata: Likewise.
        steps: Likewise.
        artifacts: Likewise.
        workflow: Likewise.
        clock: Likewise.
        ai: Likewise.

    Raises:
        InvalidConfig, InvalidInput, InvalidOutput: What is given here does not fit.
        StageNotFound: The workflow does not have the stage, or one that something is given of.
        TypeError: It is no stage.
        ValueError: The stage has no check.
    """
    _refuse_what_is_no_stage(stage)
    if stage.check_function is None:
        raise ValueError(f'stage "{stage.id}" has no check; give it one with @{stage.id}.check')
    scene = scene_of(
        without_input(stage) if input is NOT_GIVEN else stage,
        input=None if input is NOT_GIVEN else input,
        config=config,
        outputs=outputs or {},
        attempt=attempt,
        generation=generation,
        metadata=metadata or {},
        suspended=(state,),
        signal=(),
        steps=steps or {},
        artifacts=artifacts or {},
        workflow=workflow,
        now=START if clock is None else clock.now(),
    )
    return await _outcome(scene, JobKind.CHECK, clock, ai)


async def _outcome(
    scene: Scene, kind: JobKind, clock: ManualClock | None, ai: AISource | None
) -> "StageOutcome[Any]":
    run = scene.claimed(kind)
    with performer(clock, ai=ai, blobs=await blobs_of(scene.blobs)) as calls:
        performed = await calls.perform(
            run,
            run.stages[scene.stage.id],
            scene.stage,
            scene.workflow,
            artifacts=scene.artifacts,
        )
        saved = await calls.contents(performed.kept)
    return StageOutcome(scene.stage, performed, saved)


@frozen
class StageOutcome(Generic[Out]):
    """What came of executing or checking a stage.

    Attributes:
        stage: The stage.
        saved: What the stage keeps in its storage behind it, by name: bytes, or plain data.
    """

    stage: AnyStage = field(repr=False)
    _performed: Performed = field(repr=False)
    saved: Mapping[str, Any] = field(repr=False)

    def __repr__(self) -> str:
        return f"<StageOutcome: {self._said()}>"

    @property
    def status(self) -> Status:
        """What the stage is now.

        It is `completed`, `failed`, `suspended`, or `pending` if it is to be executed again, after
        a failed attempt or because its check says so.
        """
        return self._performed.run.stages[self.stage.id].status

    @property
    def event(self) -> e.Event | None:
        """What would be recorded; None if a check is not ready yet."""
        return self._performed.event

    @property
    def notes(self) -> tuple[e.Note, ...]:
        """What the code said meanwhile, in order."""
        return self._performed.notes

    @property
    def output(self) -> Out:
        """What the stage gave, as its type.

        Raises:
            AssertionError: The stage did not complete; the message says what it did instead.
        """
        event = self._the(e.StageCompleted)
        value: Out = self.stage.output_schema.parse(event.output, InvalidOutput)
        return value

    @property
    def metrics(self) -> Mapping[str, JSON]:
        """What it measured.

        Raises:
            AssertionError: The stage did not complete.
        """
        return self._the(e.StageCompleted).metrics

    @property
    def artifacts(self) -> Mapping[str, JSON]:
        """The `artifacts` of its `ef.Completed`; what it saved in its storage is in `saved`.

        Raises:
            AssertionError: The stage did not complete.
        """
        return self._the(e.StageCompleted).artifacts

    @property
    def state(self) -> Any:  # noqa: ANN401 - as typed as the stage's state schema
        """The state that it suspended with, as its type.

        Raises:
            AssertionError: The stage did not suspend.
        """
        event = self._the(e.StageSuspended)
        return self.stage.state_schema.parse(event.state, InvalidOutput)

    @property
    def signal(self) -> str | None:
        """The signal that it waits for.

        Raises:
            AssertionError: The stage did not suspend.
        """
        return self._the(e.StageSuspended).signal

    @property
    def check_after(self) -> float | None:
        """Seconds until the next check; None if there will be none."""
        due = self._performed.next_check
        if isinstance(self.event, e.StageSuspended):
            due = self.event.check_at
        return None if due is None else (due - self._performed.recorded_at).total_seconds()

    @property
    def error(self) -> ErrorInfo | None:
        """Why the attempt, or the check, failed; None if it did not."""
        match self.event:
            case e.StageAttemptFailed() | e.StageFailed():
                return self.event.error
            case _:
                return None

    @property
    def retry_after(self) -> float | None:
        """Seconds until it is tried again; None if it is not."""
        return self.event.delay if isinstance(self.event, e.StageAttemptFailed) else None

    @property
    def steps(self) -> Mapping[str, JSON]:
        """The outputs of the durable steps whose functions were called, by name."""
        return self._performed.steps

    @property
    def logs(self) -> tuple[e.StageLogged, ...]:
        """The lines that it wrote."""
        return tuple(note for note in self.notes if isinstance(note, e.StageLogged))

    @property
    def progress(self) -> tuple[e.StageProgressed, ...]:
        """How far it said that it was, each time."""
        return tuple(note for note in self.notes if isinstance(note, e.StageProgressed))

    @property
    def annotations(self) -> tuple[e.RunAnnotated, ...]:
        """The facts that it attached to the run."""
        return tuple(note for note in self.notes if isinstance(note, e.RunAnnotated))

    def _the(self, kind: type[Recorded]) -> Recorded:
        event = self.event
        if isinstance(event, kind):
            return event
        traceback = self.error.traceback if self.error is not None else None
        raise AssertionError(self._said() + (f"\n\n{traceback}" if traceback else ""))

    def _said(self) -> str:
        said = f'stage "{self.stage.id}" is {self.status}'
        if self.error is None:
            return said
        return f"{said}: {self.error.type}: {self.error.message}"
