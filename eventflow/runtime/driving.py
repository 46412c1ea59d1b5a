"""For applications that drive the engine themselves, as from a cron job, instead of a worker."""

from collections.abc import Sequence

from eventflow.core.projection import Projection
from eventflow.core.values import JobKind
from eventflow.engine.journal import unknown_run
from eventflow.runtime.worker import Tools, Worker
from eventflow.store.contract import DueJob, RunQuery

MOST_AT_ONCE = 1_000


async def transition(tools: Tools, worker: Worker, run_id: str) -> int:
    """Do whatever is due of one run, and what follows from it; tell how many jobs were done.

    Raises:
        RunNotFound: The store has no such run.
    """

    async def find() -> Sequence[DueJob]:
        page = await tools.journal.store.runs(RunQuery(run_ids=[run_id]))
        if not page.items:
            raise unknown_run(run_id)
        return _due(tools, page.items[0])

    return await worker.drive(find)


async def poll(tools: Tools, worker: Worker) -> int:
    """Make every check of a suspended stage that is due; tell how many were made."""
    store = tools.journal.store

    async def find() -> Sequence[DueJob]:
        due = await store.due(tools.clock.now(), tools.catalog.claimable(), MOST_AT_ONCE)
        page = await store.runs(RunQuery(run_ids={job.run_id for job in due}, limit=MOST_AT_ONCE))
        checks = {
            (item.run.run_id, job.stage)
            for item in page.items
            for job in item.jobs
            if job.kind is JobKind.CHECK
        }
        return [job for job in due if (job.run_id, job.stage) in checks]

    return await worker.drive(find)


def _due(tools: Tools, rows: Projection) -> list[DueJob]:
    """List the jobs of one run that are due and that this process can execute."""
    run = rows.run
    mine = tools.catalog.claimable().get(run.workflow_id, ())
    now = tools.clock.now()
    return [
        DueJob(run.run_id, job.stage, run.version, job.token, job.leased)
        for job in rows.jobs
        if job.due_at <= now and job.stage in mine
    ]
