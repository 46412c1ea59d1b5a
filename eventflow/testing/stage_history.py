"""What is recorded of one stage of a run: what it was given, what was tried, and what it gave."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen

from eventflow.core import events as e
from eventflow.core.artifacts import Artifact
from eventflow.core.stage import StageState
from eventflow.core.state import RunState
from eventflow.core.values import JSON, ErrorInfo, JobKind, Status
from eventflow.store.envelope import Envelope
from eventflow.testing.keeping import Kept

Load = Callable[[Any], Any]
"""Gives a value with everything large in its place, or the content of an artifact."""


@frozen
class Attempt:
    """One claim of a stage's job: to execute the stage, or to check whether it may go on.

    Attributes:
        run: The run right behind the claim.
        state: The stage right behind the claim.
        claim: The event of the claim, as it is kept.
        claimed: What that event says.
        outcome: The event that the claim led to; None if there is none: a check that was not ready
            yet, a run that was cancelled meanwhile, or a job that is still under way.
        steps: The outputs of the durable steps that were completed under the claim, by name.
        found: What its code could read by name: of its own stage, and of those of earlier groups.
        left: What its stage kept by name when it ended.
    """

    run: RunState = field(repr=False)
    state: StageState = field(repr=False)
    claim: Envelope = field(repr=False)
    claimed: e.JobClaimed
    outcome: Envelope | None = field(repr=False)
    steps: Mapping[str, JSON] = field(factory=dict, repr=False)
    found: Sequence[Artifact] = field(default=(), repr=False)
    left: Kept = field(factory=dict, repr=False)

    @property
    def stage(self) -> str:
        """The stage."""
        return self.claimed.stage

    @property
    def number(self) -> int:
        """Which attempt of its generation it is, from 1."""
        return self.claimed.attempt

    @property
    def kind(self) -> JobKind:
        """Whether the stage is executed or checked."""
        return self.claimed.kind

    @property
    def worker(self) -> str:
        """Who claimed it."""
        return self.claimed.worker

    @property
    def token(self) -> int:
        """The version of the claim."""
        return self.claim.version

    @property
    def claimed_at(self) -> datetime:
        """When it began."""
        return self.claim.recorded_at

    @property
    def ended_at(self) -> datetime | None:
        """When its outcome was recorded."""
        return None if self.outcome is None else self.outcome.recorded_at

    @property
    def error(self) -> ErrorInfo | None:
        """Why it failed, if it did."""
        return getattr(self.outcome.event, "error", None) if self.outcome is not None else None


@frozen
class StageHistory:
    """What is recorded of one stage, as far as it counts: what it was given, did and gave.

    Attributes:
        id: The stage.
        state: The stage as of the last event.
        run: The run as the stage found it.
        events: Every event that speaks of the stage, in its last generation.
        claims: Every claim of it, executions and checks, in order.
        kept: What it keeps in its storage, by name, as `run.artifacts()` lists it.
    """

    id: str
    state: StageState
    run: RunState = field(repr=False)
    events: tuple[Envelope, ...] = field(repr=False)
    claims: tuple[Attempt, ...] = field(repr=False)
    kept: Kept = field(repr=False)
    _load: Load = field(repr=False, eq=False, alias="load")

    def __repr__(self) -> str:
        attempts = "1 attempt" if len(self.attempts) == 1 else f"{len(self.attempts)} attempts"
        return f'<StageHistory "{self.id}": {self.status}, {attempts}>'

    @property
    def status(self) -> Status:
        """What it is now."""
        return self.state.status

    @property
    def input(self) -> JSON:
        """What it was given: the output of the group before, or the run's input."""
        return self._load(self.run.input_of(self.state.group))

    @property
    def config(self) -> JSON:
        """The config under which it was executed; None if it takes none."""
        return self.run.config.get(self.id)

    @property
    def outputs(self) -> dict[str, JSON]:
        """The outputs of the groups before, by stage id."""
        before = self.run.outputs_before(self.state.group)
        return {stage_id: self._load(output) for stage_id, output in before.items()}

    @property
    def output(self) -> JSON:
        """What it gave; None while it has not completed."""
        return self._load(self.state.output)

    @property
    def metrics(self) -> Mapping[str, JSON]:
        """What it measured."""
        return self.state.metrics

    @property
    def artifacts(self) -> Mapping[str, JSON]:
        """The `artifacts` of its `ef.Completed`; what it saved in its storage is in `saved`."""
        return self.state.artifacts

    @property
    def saved(self) -> Mapping[str, Any]:
        """What it keeps in its storage, by name: bytes, or plain data.

        Raises:
            BlobNotFound: The history has no blobs.
        """
        return {name: self._load(artifact) for name, artifact in self.kept.items()}

    @property
    def steps(self) -> Mapping[str, JSON]:
        """The outputs of its durable steps, by name."""
        return {name: self._load(output) for name, output in self.state.steps.items()}

    @property
    def error(self) -> ErrorInfo | None:
        """The last error, also of an attempt that was made again."""
        return self.state.error

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Its executions, in order."""
        return tuple(each for each in self.claims if each.kind is JobKind.EXECUTE)

    @property
    def checks(self) -> tuple[Attempt, ...]:
        """The checks that were made while it was suspended, in order."""
        return tuple(each for each in self.claims if each.kind is JobKind.CHECK)

    @property
    def logs(self) -> tuple[e.StageLogged, ...]:
        """The lines that it wrote."""
        found = (envelope.event for envelope in self.events)
        return tuple(event for event in found if isinstance(event, e.StageLogged))

    @property
    def annotations(self) -> tuple[e.RunAnnotated, ...]:
        """The facts that it attached to the run."""
        found = (envelope.event for envelope in self.events)
        return tuple(event for event in found if isinstance(event, e.RunAnnotated))
