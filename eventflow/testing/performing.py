"""Calls the code of one stage on a run as it was claimed, as a worker does, without a store.

What it leads to is decided by the core on the same run. Nothing is appended anywhere.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from attrs import field, frozen

from eventflow.core import events as e
from eventflow.core.decide import draft
from eventflow.core.stage import StageState
from eventflow.core.state import RunState
from eventflow.core.values import JSON
from eventflow.definition.workflow import AnyStage, Workflow
from eventflow.runtime.clock import Clock, Timer
from eventflow.runtime.execution import Execution, Postpone
from eventflow.runtime.job import Job
from eventflow.runtime.values import Values
from eventflow.store.blobs import BlobStore
from eventflow.store.memory_blobs import MemoryBlobs
from eventflow.testing.clock import ManualClock


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

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back after so many real seconds."""
        return asyncio.get_running_loop().call_later(seconds, callback)

    def align(self, store_time: datetime) -> None:
        """Do nothing: no store knows this time better."""


@frozen
class Performed:
    """What came of a claim.

    Attributes:
        event: What would be recorded of it; None if a check is not ready yet.
        recorded_at: When.
        next_check: When the next check would be due, if it is not ready yet.
        run: The run behind the event.
        notes: What the code said meanwhile: logs, progress, annotations.
        steps: The outputs of the durable steps whose functions were called, by name.
    """

    event: e.Event | None
    recorded_at: datetime
    next_check: datetime | None
    run: RunState
    notes: tuple[e.Note, ...]
    steps: Mapping[str, JSON]


class _Said:
    """Takes down what the code says, where a worker would append it."""

    def __init__(self) -> None:
        self.noted: list[e.Note] = []
        self._steps: dict[str, JSON] = {}

    async def note(self, _: str, note: e.Note) -> None:
        self.noted.append(note)

    async def steps(self, _: Job, completed: Sequence[tuple[str, JSON]]) -> None:
        self._steps.update(completed)

    def performed(
        self,
        event: e.Event | None,
        recorded_at: datetime,
        run: RunState,
        next_check: datetime | None = None,
    ) -> Performed:
        return Performed(event, recorded_at, next_check, run, tuple(self.noted), self._steps)


@frozen
class Performer:
    """How stages are called.

    Attributes:
        threads: Where plain functions run.
        clock: The time; None lets it stand still at that of each claim.
        blobs: Where the large values of the run are.
    """

    threads: ThreadPoolExecutor
    clock: ManualClock | None = None
    blobs: BlobStore = field(factory=MemoryBlobs)

    async def perform(
        self,
        run: RunState,
        state: StageState,
        stage: AnyStage,
        workflow: Workflow[Any, Any],
        random: float = 0.5,
    ) -> Performed:
        """Do what the current claim of a stage is for.

        Args:
            run: The run right behind the claim.
            state: The stage there.
            stage: The code of the stage.
            workflow: The code of the stages before it.
            random: The number that jitters a retry.

        Raises:
            ValueError: The stage is not claimed.
        """
        if state.claim is None:
            raise ValueError(f'stage "{state.id}" is not claimed')
        said = _Said()
        clock: Clock = self.clock or Moment(run.recorded_at)
        execution = Execution(
            clock=clock,
            threads=self.threads,
            record=said.note,
            record_steps=said.steps,
            random=lambda: random,
            values=Values(self.blobs),
        )
        job = Job(run, state, state.claim.token, workflow)
        job.stage = stage
        work = execution.perform(job)
        report = await (work if self.clock is None else self.clock.run_until(work))
        if isinstance(report, Postpone):
            return said.performed(None, clock.now(), run, report.due_at)
        decided = draft(run, report)
        notes = [event for event in decided.events if isinstance(event, e.Note)]
        said.noted += notes
        return said.performed(decided.events[len(notes)], decided.now, decided.run)


@contextmanager
def performer(clock: ManualClock | None = None) -> Generator[Performer, None, None]:
    """Give what calls stages; at the end its threads are not waited for."""
    threads = ThreadPoolExecutor(thread_name_prefix="eventflow-testing")
    try:
        yield Performer(threads, clock)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
