"""Finds the runs that wait for a stage which this process does not have, and reports each once."""

from eventflow.core.frozen import frozen
from eventflow.engine.journal import Journal
from eventflow.engine.own_runs import INTERNAL
from eventflow.runtime.catalog import Catalog
from eventflow.runtime.clock import Clock
from eventflow.runtime.logs import logger
from eventflow.store.contract import DueJob, RunQuery

MOST_AT_ONCE = 1_000


@frozen
class UnclaimableRun:
    """A run with a job that is due and that this process cannot execute.

    Attributes:
        run_id: The run.
        workflow_id: Its workflow.
        stage: The stage that is missing here.
        fingerprint: Of the plan that the run has.
        registered_fingerprint: Of the workflow as registered here, if it is.
    """

    run_id: str
    workflow_id: str
    stage: str
    fingerprint: str
    registered_fingerprint: str | None


class Unclaimable:
    """Looks for such runs, and remembers which ones were reported."""

    def __init__(self, journal: Journal, catalog: Catalog, clock: Clock) -> None:
        self._journal = journal
        self._catalog = catalog
        self._clock = clock
        self._reported: set[tuple[str, str]] = set()

    async def report(self) -> None:
        """Log the ones that were not there before."""
        found = await self.list()
        for each in found:
            if (each.run_id, each.stage) not in self._reported:
                logger().warning(
                    "run.unclaimable",
                    run_id=each.run_id,
                    workflow_id=each.workflow_id,
                    stage=each.stage,
                    fingerprint=each.fingerprint,
                    registered_fingerprint=each.registered_fingerprint,
                )
        self._reported = {(each.run_id, each.stage) for each in found}

    async def list(self) -> list[UnclaimableRun]:
        """Give the runs whose due jobs this process cannot execute."""
        store = self._journal.store
        due = await store.due(self._clock.now(), None, MOST_AT_ONCE)
        if not due:
            return []
        query = RunQuery(run_ids={job.run_id for job in due}, limit=MOST_AT_ONCE)
        rows = {item.run.run_id: item.run for item in (await store.runs(query)).items}
        found = [
            self._missing(job, rows[job.run_id].workflow_id, rows[job.run_id].fingerprint)
            for job in due
            if job.run_id in rows
        ]
        return [each for each in found if each is not None]

    def _missing(self, job: DueJob, workflow_id: str, fingerprint: str) -> UnclaimableRun | None:
        if workflow_id.startswith(INTERNAL):
            return None
        workflow = self._catalog.find(workflow_id)
        if workflow is not None and workflow.find(job.stage) is not None:
            return None
        registered = workflow.plan.fingerprint if workflow is not None else None
        return UnclaimableRun(job.run_id, workflow_id, job.stage, fingerprint, registered)
