"""Counts what a store holds, page by page, so that it costs no memory."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from attrs import define, evolve, field

from eventflow.core.values import Status
from eventflow.engine.walking import newest_position
from eventflow.store.contract import RunQuery, Store

_PAGE = 500


@define
class Counts:
    """What was counted.

    Attributes:
        events: All events of the log.
        runs: Runs by workflow and status.
        jobs: Jobs of runs that are alive: those that are due, and those whose time is to come.
        oldest: When the oldest run was created.
        newest: When the newest run was created.
    """

    events: int = 0
    runs: Counter[tuple[str, Status]] = field(factory=Counter)
    jobs: Counter[str] = field(factory=Counter)
    oldest: datetime | None = None
    newest: datetime | None = None

    @property
    def total(self) -> int:
        """How many runs there are."""
        return sum(self.runs.values())

    def by_workflow(self) -> dict[str, dict[str, int]]:
        """Give the runs of each workflow, by status."""
        workflows = sorted({workflow for workflow, _ in self.runs})
        return {
            workflow: {status: self.runs[workflow, status] for status in Status}
            for workflow in workflows
        }


async def counted(store: Store, now: datetime, tell: Callable[[int], object]) -> Counts:
    """Count all runs, and their jobs."""
    counts = Counts(events=await newest_position(store))
    query: RunQuery | None = RunQuery(limit=_PAGE)
    while query is not None:
        page = await store.runs(query)
        for item in page.items:
            counts.runs[item.run.workflow_id, item.run.status] += 1
            counts.newest = counts.newest or item.run.created_at
            counts.oldest = item.run.created_at
            for job in item.jobs:
                counts.jobs[_kind(leased=job.leased, due=job.due_at <= now)] += 1
        tell(counts.total)
        query = evolve(query, after=page.next) if page.next is not None else None
    return counts


def _kind(*, leased: bool, due: bool) -> str:
    if leased:
        return "lost" if due else "claimed"
    return "due" if due else "waiting"
