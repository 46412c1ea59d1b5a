"""A recorded run as a value: its events, what they fold to, and what each stage was given and gave.

It only reads what was recorded, and needs neither a store nor the code that the run executed.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Self, overload

import msgspec
from attrs import evolve as evolved

from eventflow.core import events as e
from eventflow.core.artifacts import Artifact, fold_artifacts
from eventflow.core.plan import Plan
from eventflow.core.references import VALUES, references, references_in
from eventflow.core.stage import StageState
from eventflow.core.state import RunState, effective, evolve, replay
from eventflow.core.values import JSON, ArtifactKind
from eventflow.engine.histories import read_histories
from eventflow.errors import BlobNotFound, StageNotFound
from eventflow.runtime.run import Run
from eventflow.runtime.values import placed
from eventflow.store.contract import StoredEvent
from eventflow.store.envelope import Envelope, open_envelope
from eventflow.testing.keeping import Shelf, shelves
from eventflow.testing.stage_history import Attempt, StageHistory


class History(Sequence[Envelope]):
    """The events of one run, in order, and what can be read out of them.

    It is a sequence of envelopes. `History.of` makes one of events, `History.of_run` of a run. In
    its events and states, large values are references; `load` gives what they stand for.

    Args:
        events: The events of one run, from `run.created` on.
        blobs: What references stand for, by key. What is not there stays a reference.

    Raises:
        ValueError: There are no events, they are not those of one run, or the first is missing.
    """

    def __init__(
        self, events: Iterable[Envelope], blobs: Mapping[str, bytes] | None = None
    ) -> None:
        self.events = tuple(events)
        self.blobs: Mapping[str, bytes] = blobs or {}
        _refuse_what_is_no_history(self.events)

    @classmethod
    def of(
        cls, events: Iterable[Envelope | StoredEvent], blobs: Mapping[str, bytes] | None = None
    ) -> Self:
        """Make a history of events as a run or a store gives them, in any order.

        Raises:
            HistoryAltered: The data of an event cannot be read.
            ValueError: The events are not those of one run, from its first on.
        """
        opened = (
            each if isinstance(each, Envelope) else open_envelope(each)
            for each in sorted(events, key=lambda event: event.version)
        )
        return cls(opened, blobs)

    @classmethod
    async def of_run(cls, run: Run) -> Self:
        """Read the whole history of a run, and the blobs that it refers to.

        Raises:
            BlobAltered, BlobNotFound: What an event refers to is not what was stored.
            RunNotFound: The store has no such run.
        """
        events = await run.history()
        if not any(references(each.event) for each in events):
            return cls(events)
        file = io.BytesIO()
        await run.export(file)
        file.seek(0)
        (exported,) = read_histories(file)
        return cls(events, exported.blobs)

    def __repr__(self) -> str:
        state = self.state()
        again = f", generation {state.generation}" if state.generation else ""
        return (
            f"<History of run {self.run_id} ({self.workflow_id}): {len(self)} events, "
            f"{state.status}{again}>"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self.events == other.events

    def __hash__(self) -> int:
        return hash((self.run_id, self.events[-1].hash))

    def __len__(self) -> int:
        return len(self.events)

    @overload
    def __getitem__(self, index: int) -> Envelope: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Envelope]: ...
    def __getitem__(self, index: int | slice) -> Envelope | Sequence[Envelope]:
        return self.events[index]

    @property
    def run_id(self) -> str:
        """The run."""
        return self.events[0].run_id

    @property
    def workflow_id(self) -> str:
        """The workflow of the run."""
        return self._created.workflow_id

    @property
    def version(self) -> int:
        """The version of the last event."""
        return self.events[-1].version

    @property
    def plan(self) -> Plan:
        """The plan that counts now."""
        return self.state().plan

    def state(self, at: int | None = None) -> RunState:
        """Give what the run is, or what it was as of a version.

        Raises:
            ValueError: The run has no such version.
        """
        return self._now if at is None else replay(self.at(at))

    def at(self, version: int) -> "History":
        """Give the history as it was when it had this version.

        Raises:
            ValueError: The run has no such version.
        """
        if not 1 <= version <= self.version:
            raise ValueError(
                f"run {self.run_id} has the versions 1 to {self.version}, not {version}"
            )
        return History((each for each in self.events if each.version <= version), self.blobs)

    def load(self, value: JSON | Artifact) -> Any:  # noqa: ANN401 - bytes, or plain data
        """Give the content of an artifact, or a value of an event or a state as a whole.

        Raises:
            BlobNotFound: The history has no such blob.
        """
        return (
            self._content(value) if isinstance(value, Artifact) else placed(value, self._contents)
        )

    def artifacts(self, *, effective: bool = True) -> list[Artifact]:
        """List what stages have saved by name, as `run.artifacts()` does.

        Args:
            effective: Leave out what was replaced, deleted, cut by a rewind, or saved too late.
        """
        saved = fold_artifacts(self.events).all()
        return [each for each in saved if each.effective or not effective]

    def opened(self, event: e.Event) -> e.Event:
        """Give an event with everything large in its place."""
        names = VALUES.get(type(event), ()) if self._contents else ()
        values = {name: self.load(getattr(event, name)) for name in names}
        return evolved(event, **values) if values else event

    def effective(self) -> "History":
        """Leave out what rewinds have cut."""
        return History(effective(self.events), self.blobs)

    def stages(self) -> tuple[StageHistory, ...]:
        """Give every stage that was scheduled, or carried over by a fork, in execution order."""
        there = self._now.stages
        planned = [stage_id for stage_id in self._now.plan.stage_ids() if stage_id in there]
        return tuple(self.stage(stage_id) for stage_id in planned)

    def stage(self, stage_id: str) -> StageHistory:
        """Give what is recorded of a stage, as far as it counts.

        Raises:
            StageNotFound: The run never came to such a stage; the message names the others.
        """
        state = self._now.stages.get(stage_id)
        if state is None:
            there = ", ".join(f'"{each}"' for each in self._now.stages)
            raise StageNotFound(
                f'Run {self.run_id} never came to a stage "{stage_id}"; it came to {there}'
            )
        return StageHistory(
            id=stage_id,
            state=state,
            run=next(run for fact, run in self.moments if fact.version >= state.scheduled),
            events=tuple(self._events_of(state)),
            claims=tuple(each for each in self.attempts if each.stage == stage_id),
            kept={each.name: each for each in self._artifacts if each.stage == stage_id},
            load=self.load,
        )

    @cached_property
    def moments(self) -> tuple[tuple[Envelope, RunState], ...]:
        """Every event of the effective history, with the run right behind it."""
        return tuple(_folded(effective(self.events)))

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every claim of the effective history, with what it led to, in order."""
        outcomes, steps = _outcomes(self.moments), _steps(self.moments)
        kept, nothing = shelves(self.events), Shelf()
        return tuple(
            Attempt(
                run=run,
                state=run.stages[event.stage],
                claim=fact,
                claimed=event,
                outcome=outcomes.get(fact.version),
                steps=steps.get(fact.version, {}),
                found=kept.get(fact.version, nothing).found,
                left=kept.get(fact.version, nothing).left,
            )
            for fact, run in self.moments
            if isinstance(event := fact.event, e.JobClaimed)
        )

    @cached_property
    def _contents(self) -> dict[str, JSON]:
        """What the large values are, by the keys of their blobs."""
        if not self.blobs:
            return {}
        keys = {
            found.key
            for envelope in self.events
            for name in VALUES.get(type(envelope.event), ())
            for found in references_in(getattr(envelope.event, name))
        }
        return {key: msgspec.json.decode(self.blobs[key]) for key in keys & self.blobs.keys()}

    @cached_property
    def _artifacts(self) -> list[Artifact]:
        return self.artifacts()

    def _content(self, artifact: Artifact) -> Any:  # noqa: ANN401 - as `load`
        if artifact.blob not in self.blobs:
            raise BlobNotFound(artifact.blob, f"the history of run {self.run_id}")
        data = self.blobs[artifact.blob]
        return data if artifact.kind is ArtifactKind.BYTES else msgspec.json.decode(data)

    @cached_property
    def _now(self) -> RunState:
        return replay(self.events)

    @property
    def _created(self) -> e.RunCreated:
        event = self.events[0].event
        if not isinstance(event, e.RunCreated):
            raise TypeError("the first event is run.created")
        return event

    def _events_of(self, stage: StageState) -> Iterator[Envelope]:
        for fact, _ in self.moments:
            speaks_of_it = getattr(fact.event, "stage", None) == stage.id
            if speaks_of_it and fact.version >= stage.scheduled and _is_of_stage(fact.event):
                yield fact


def _refuse_what_is_no_history(events: Sequence[Envelope]) -> None:
    if not events:
        raise ValueError("a history has at least one event")
    first = events[0]
    if not isinstance(first.event, e.RunCreated):
        raise ValueError(  # noqa: TRY004 - the history is wrong, not a type
            f"a history begins with run.created, not with {first.type} of version {first.version}"
        )
    others = {each.run_id for each in events} - {first.run_id}
    if others:
        raise ValueError(
            f"a history is that of one run, but there are events of {first.run_id} and of "
            + ", ".join(sorted(others))
        )


def _folded(events: Iterable[Envelope]) -> Iterator[tuple[Envelope, RunState]]:
    state: RunState | None = None
    for envelope in events:
        state = evolve(state, envelope)
        yield envelope, state


def _outcomes(moments: Iterable[tuple[Envelope, RunState]]) -> dict[int, Envelope]:
    """Find the event that each claim led to, by token."""
    found: dict[int, Envelope] = {}
    open_claims: dict[str, int] = {}
    for fact, _ in moments:
        match fact.event:
            case e.JobClaimed(stage=stage):
                open_claims[stage] = fact.version
            case (
                e.StageCompleted()
                | e.StageAttemptFailed()
                | e.StageFailed()
                | e.StageSuspended()
                | e.LeaseExpired() as result
            ):
                found.setdefault(result.token, fact)
            case e.StageResumed(stage=stage, signal=None) if stage in open_claims:
                found.setdefault(open_claims[stage], fact)
            case _:
                pass
    return found


def _steps(moments: Iterable[tuple[Envelope, RunState]]) -> dict[int, dict[str, JSON]]:
    """Find the outputs of the durable steps of each claim, by token."""
    found: dict[int, dict[str, JSON]] = {}
    for fact, _ in moments:
        if isinstance(event := fact.event, e.StepCompleted):
            found.setdefault(event.token, {})[event.name] = event.output
    return found


def _is_of_stage(event: e.Event) -> bool:
    """Tell the events of a stage from those that only name one, such as how the run ended."""
    return not isinstance(event, e.RunFailed | e.RunRewound | e.ResultDiscarded)
