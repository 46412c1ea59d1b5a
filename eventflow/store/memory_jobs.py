"""The jobs of the memory store, kept in the order in which they are claimed; it reads no clock."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from heapq import merge
from typing import TypeAlias, TypeVar

from attrs import define

from eventflow.core.projection import JobRow

Age: TypeAlias = tuple[int, int, str, str]
"""The place among the ready: priority downwards, position; run and stage tell equals apart."""

Wait: TypeAlias = tuple[datetime, str, str]
"""The place among the waiting: due time; run and stage tell equals apart."""

PlaceT = TypeVar("PlaceT", Age, Wait)


@define
class Job:
    """A job row with what its order depends on.

    Attributes:
        row: The row.
        run_id: The run.
        workflow_id: The run's workflow.
        priority: The run's priority.
        position: The position of the event that scheduled the stage.
        ready: Whether it stands among the ready, and no longer among the waiting.
    """

    row: JobRow
    run_id: str
    workflow_id: str
    priority: int
    position: int
    ready: bool = False

    @property
    def age(self) -> Age:
        """Its place among the ready."""
        return -self.priority, self.position, self.run_id, self.row.stage

    @property
    def wait(self) -> Wait:
        """Its place among the waiting."""
        return self.row.due_at, self.run_id, self.row.stage


class Jobs:
    """Sorted lists, so that neither a backlog nor what waits is ever scanned."""

    def __init__(self) -> None:
        self._runs: defaultdict[str, dict[str, Job]] = defaultdict(dict)
        self._waiting: list[Wait] = []
        self._ready: defaultdict[tuple[str, str], list[Age]] = defaultdict(list)

    def of(self, run_id: str) -> Mapping[str, Job]:
        """Give the jobs of a run, by stage."""
        return self._runs.get(run_id, {})

    def put(self, job: Job) -> None:
        """Insert a job in place of the one that its stage may have."""
        self.drop(job.run_id, job.row.stage)
        self._runs[job.run_id][job.row.stage] = job
        insort(self._waiting, job.wait)

    def drop(self, run_id: str, stage: str) -> None:
        """Take the job of a stage away, if it has one."""
        job = self._runs[run_id].pop(stage, None)
        if job is not None and job.ready:
            _remove(self._ready[job.workflow_id, stage], job.age)
        elif job is not None:
            _remove(self._waiting, job.wait)
        if not self._runs[run_id]:
            del self._runs[run_id]

    def due(self, now: datetime, workflows: Mapping[str, Collection[str]] | None) -> Iterator[Job]:
        """Yield the jobs whose time has come, in the order in which they are claimed."""
        self._promote(now)
        wanted = self._ready if workflows is None else _pairs(workflows)
        for _, _, run_id, stage in merge(*(self._ready.get(pair, ()) for pair in wanted)):
            job = self._runs[run_id][stage]
            if job.row.due_at <= now:
                yield job

    def _promote(self, now: datetime) -> None:
        """Move what is due from the waiting to the ready, from where only a change takes it."""
        count = bisect_right(self._waiting, now, key=lambda wait: wait[0])
        for _, run_id, stage in self._waiting[:count]:
            job = self._runs[run_id][stage]
            job.ready = True
            insort(self._ready[job.workflow_id, stage], job.age)
        del self._waiting[:count]


def _pairs(workflows: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
    return ((workflow, stage) for workflow in workflows for stage in set(workflows[workflow]))


def _remove(places: list[PlaceT], place: PlaceT) -> None:
    del places[bisect_left(places, place)]
