"""Calls the code of one stage on a run as it was claimed, as a worker does, without a store.

What it leads to is decided by the core on the same run. Nothing is appended anywhere.
"""

import asyncio
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from attrs import evolve, field, frozen

from eventflow.core import events as e
from eventflow.core.ai_stats import AIStats, Tally, stage_topic
from eventflow.core.artifacts import Artifact, ArtifactFold
from eventflow.core.decide import draft
from eventflow.core.stage import StageState
from eventflow.core.state import RunState
from eventflow.core.values import JSON
from eventflow.definition.ai import AIHelper
from eventflow.definition.workflow import AnyStage, Workflow
from eventflow.runtime.ai import AI, AISource, default_source, recorded_source
from eventflow.runtime.ai_calls import Keep
from eventflow.runtime.clock import Clock, Timer
from eventflow.runtime.execution import Execution, Postpone
from eventflow.runtime.job import Job
from eventflow.runtime.storage import Shelves, content_of
from eventflow.runtime.values import Values
from eventflow.store.blobs import BlobStore
from eventflow.store.memory_blobs import MemoryBlobs
from eventflow.testing.clock import ManualClock
from eventflow.testing.keeping import Kept, kept_behind


class Moment:
    """A clock that stands still at one time; whoever sleeps on it waits in real time."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return after so many real seconds."""
        await asyncio.sleep(seconds)

    def call_later(
        self,
        seconds: float,
        callback: Callable[[], None],
        ending: asyncio.Future[Any] | None = None,
    ) -> Timer:
        """Call back after so many real seconds."""
        del ending
        return asyncio.get_running_loop().call_later(seconds, callback)

    def align(self, store_time: datetime) -> None:
        """Do nothing: no store knows this time better."""


@frozen
class Performed:
    """What came of a claim.

    Attributes:
        event: What would be recorded of it, with everything large in its place; None if a check is
            not ready yet.
        recorded_at: When.
        next_check: When the next check would be due, if it is not ready yet.
        run: The run behind the event.
        notes: What the code said meanwhile: logs, progress, annotations.
        steps: The outputs of the durable steps whose functions were called, by name.
        kept: What the stage keeps by name behind it.
    """

    event: e.Event | None
    recorded_at: datetime
    next_check: datetime | None
    run: RunState
    notes: tuple[e.Note, ...]
    steps: Mapping[str, JSON]
    kept: Kept


class _Said:
    """Takes down what the code says, where a worker would append it."""

    def __init__(self, run: RunState, state: StageState, artifacts: Sequence[Artifact]) -> None:
        self.noted: list[e.Note] = []
        self._run = run
        self._state = state
        self._artifacts = artifacts
        self._steps: dict[str, JSON] = {}

    async def note(self, _: str, note: e.Note) -> None:
        self.noted.append(note)

    async def saved(self, _: str, note: e.Note) -> RunState:
        self.noted.append(note)
        return self._run

    async def read(self, run_id: str, after: int) -> list[e.Recorded]:
        begin = self._run.version
        facts = [
            e.Recorded(run_id, version, self._run.recorded_at, note)
            for version, note in enumerate(self.noted, start=begin + 1)
        ]
        return facts[after - begin :]

    async def steps(self, _: Job, completed: Sequence[tuple[str, JSON]]) -> None:
        self._steps.update(completed)

    def performed(
        self,
        event: e.Event | None,
        recorded_at: datetime,
        run: RunState,
        next_check: datetime | None = None,
    ) -> Performed:
        notes = tuple(self.noted)
        kept = kept_behind(self._run, self._state, self._artifacts, notes)
        return Performed(event, recorded_at, next_check, run, notes, self._steps, kept)


@frozen
class _Attempt:
    """Takes down the calls of models of one attempt."""

    said: _Said
    place: Mapping[str, Any]

    async def ready(self) -> None:
        """Do nothing: there is always a place."""

    async def record(self, call: e.AICalled, *, with_result: bool = False) -> None:
        """Take down a call; nothing is appended here, so all of them count alike."""
        del with_result
        await self.said.note("", evolve(call, **self.place))


class _Calls:
    """Makes the helpers that call models."""

    def __init__(
        self,
        said: _Said,
        loop: asyncio.AbstractEventLoop,
        run: RunState,
        source: Callable[[], AISource],
    ) -> None:
        self._said = said
        self._source = source
        self._loop = loop
        self._run = run
        self._opened: AI | None = None

    def of_attempt(
        self, run_id: str, stage: str, generation: int, attempt: int, keep: Keep
    ) -> AIHelper:
        del keep
        if self._opened is None:
            self._opened = self._source().open(lambda: self._run.recorded_at, self._loop)
        place = {"stage": stage, "generation": generation, "attempt": attempt}
        recorder = _Attempt(self._said, place)
        return self._opened.helper(stage_topic(run_id, stage), recorder, self._stats)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def _stats(self, topic: str) -> AIStats:
        run, tally = self._run, Tally(topic)
        tally.add(
            [
                e.Recorded(run.run_id, run.version + place, run.recorded_at, note)
                for place, note in enumerate(self._said.noted, start=1)
            ]
        )
        return tally.stats()


@frozen
class Performer:
    """How stages are called.

    Attributes:
        threads: Where plain functions run.
        clock: The time; None lets it stand still at that of each claim.
        blobs: Where the large values of the run are.
        ai: How models are called.
        history: The run whose recorded calls are answered again, if `ai` is not given.
    """

    threads: ThreadPoolExecutor
    clock: ManualClock | None = None
    blobs: BlobStore = field(factory=MemoryBlobs)
    ai: AISource | None = None
    history: Sequence[e.Fact] | None = None

    async def perform(
        self,
        run: RunState,
        state: StageState,
        stage: AnyStage,
        workflow: Workflow[Any, Any],
        random: float = 0.5,
        *,
        artifacts: Sequence[Artifact] = (),
    ) -> Performed:
        """Do what the current claim of a stage is for.

        Args:
            run: The run right behind the claim.
            state: The stage there.
            stage: The code of the stage.
            workflow: The code of the stages before it.
            random: The number that jitters a retry.
            artifacts: What the code can read by name: of its stage, and of earlier groups.

        Raises:
            ValueError: The stage is not claimed.
        """
        if state.claim is None:
            raise ValueError(f'stage "{state.id}" is not claimed')
        said = _Said(run, state, artifacts)
        calls = _Calls(said, asyncio.get_running_loop(), run, partial(self._source, state))
        clock: Clock = self.clock or Moment(run.recorded_at)
        execution = Execution(
            clock=clock,
            threads=self.threads,
            record=said.note,
            record_steps=said.steps,
            random=lambda: random,
            values=Values(self.blobs),
            ai=calls.of_attempt,
            shelves=Shelves(
                self.blobs, said.saved, said.read, clock, lambda run: ArtifactFold(run, artifacts)
            ),
        )
        job = Job(run, state, state.claim.token, workflow)
        job.stage = stage
        work = execution.perform(job)
        try:
            report = await (work if self.clock is None else self.clock.run_until(work))
        finally:
            await calls.close()
        if isinstance(report, Postpone):
            return said.performed(None, clock.now(), run, report.due_at)
        decided = draft(run, report)
        notes = [event for event in decided.events if isinstance(event, e.Note)]
        said.noted += notes
        return said.performed(decided.events[len(notes)], decided.now, decided.run)

    async def store(self, value: JSON) -> JSON:
        """Give a value as it would stand in an event: itself, or a reference to a large one."""
        return await Values(self.blobs).stored(value)

    async def load(self, value: JSON) -> JSON:
        """Give a value of an event or a state with everything large in its place."""
        return await Values(self.blobs).loaded(value)

    async def contents(self, kept: Kept) -> dict[str, Any]:
        """Give what is kept, by name: bytes, or plain data."""
        return {name: await content_of(self.blobs, each) for name, each in kept.items()}

    def _source(self, state: StageState) -> AISource:
        """Choose what answers the calls of an attempt: by default, its own recorded calls."""
        if self.ai is not None:
            return self.ai
        if self.history is None:
            return default_source()
        place = state.id, state.generation, state.attempt
        calls = [
            fact
            for fact in self.history
            if isinstance(fact.event, e.AICalled)
            and (fact.event.stage, fact.event.generation, fact.event.attempt) == place
        ]
        return recorded_source(calls, Values(self.blobs).loaded)


async def blobs_of(contents: Iterable[bytes]) -> MemoryBlobs:
    """Put bytes where stages find them."""
    blobs = MemoryBlobs()
    for data in contents:
        await blobs.put(data)
    return blobs


@contextmanager
def performer(
    clock: ManualClock | None = None,
    ai: AISource | None = None,
    history: Sequence[e.Fact] | None = None,
    blobs: BlobStore | None = None,
) -> Generator[Performer, None, None]:
    """Give what calls stages; at the end its threads are not waited for."""
    threads = ThreadPoolExecutor(thread_name_prefix="eventflow-testing")
    try:
        yield Performer(threads, clock, blobs or MemoryBlobs(), ai, history)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
