"""For applications that drive the engine themselves, as from a cron job, instead of a worker."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from eventflow.core.projection import Projection
from eventflow.core.values import JobKind
from eventflow.engine.journal import unknown_run
from eventflow.errors import StoreUnavailable
from eventflow.runtime.backoff import Outage
from eventflow.runtime.clock import wait_for
from eventflow.runtime.logs import logger
from eventflow.runtime.run import Run
from eventflow.runtime.worker import Tools, Worker
from eventflow.store.contract import DueJob, RunQuery
from eventflow.store.telling import first_of

MOST_AT_ONCE = 1_000


async def transition(tools: Tools, worker: Worker, run_id: str) -> int:
    """Do whatever is due of one run, and what follows from it; tell how many jobs were done.

    Raises:
        RunNotFound: The store has no such run.
    """

    async def find() -> Sequence[DueJob]:
        return _due(tools, await _rows(tools, run_id))

    return await worker.drive(find)


async def finish(
    tools: Tools, new_worker: Callable[[], Worker], run: Run, timeout: float | None
) -> Any:  # noqa: ANN401 - the workflow's output
    """Do everything of one run as it becomes due, whoever else works on it; give its output.

    Raises:
        As `Run.result`.
    """
    result = asyncio.ensure_future(run.result(timeout))
    driving = asyncio.ensure_future(_drive_to_the_end(tools, new_worker, run.id))
    try:
        await first_of(result, driving)
        if driving.done():
            driving.result()  # it has ended the run, or raises what kept it from it
        return await result
    finally:
        result.cancel()
        driving.cancel()
        await asyncio.gather(result, driving, return_exceptions=True)


async def _drive_to_the_end(tools: Tools, new_worker: Callable[[], Worker], run_id: str) -> None:
    """Begin what is due whenever something of the run is, beside what is under way already."""
    outage = Outage(f"run {run_id}", tools.clock)
    under_way: set[asyncio.Task[int]] = set()
    try:
        with tools.waker.follow(run_id) as follower:
            while True:
                follower.changed.clear()
                try:
                    rows = await _rows(tools, run_id)
                except StoreUnavailable as error:
                    await outage.wait(error)
                    continue
                outage.over()
                if rows.run.status.ended:
                    return
                if _due(tools, rows):
                    work = asyncio.create_task(transition(tools, new_worker(), run_id))
                    under_way.add(work)
                    work.add_done_callback(lambda done: _note_end(done, under_way, run_id))
                await wait_for(follower.changed, tools.clock, _pause(tools, rows))
    finally:
        for work in under_way:
            work.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _note_end(work: asyncio.Task[int], under_way: set[asyncio.Task[int]], run_id: str) -> None:
    under_way.discard(work)
    if not work.cancelled() and (error := work.exception()) is not None:
        logger().warning("run.not_driven", run_id=run_id, error=str(error))


async def _rows(tools: Tools, run_id: str) -> Projection:
    page = await tools.journal.store.runs(RunQuery(run_ids=[run_id]))
    if not page.items:
        raise unknown_run(run_id)
    return page.items[0]


def _pause(tools: Tools, rows: Projection) -> float:
    """Say for how many seconds nothing more can become due, unless something is appended."""
    settings = tools.settings
    waits = [(job.due_at - tools.clock.now()).total_seconds() for job in rows.jobs]
    soonest = min(waits, default=settings.poll_interval)
    return min(soonest, settings.poll_interval) if soonest > 0 else settings.job_poll_interval


async def poll(tools: Tools, worker: Worker) -> int:
    """Make every check of a suspended stage that is due; tell how many were made."""

    async def find() -> Sequence[DueJob]:
        """Look as far as needed: what is to be executed may stand before the checks."""
        most = MOST_AT_ONCE
        while True:
            due = await tools.journal.store.due(tools.clock.now(), tools.catalog.claimable(), most)
            checks = await _checks_among(tools, due)
            if checks or len(due) < most:
                return checks
            most *= 10

    return await worker.drive(find)


async def _checks_among(tools: Tools, due: Sequence[DueJob]) -> list[DueJob]:
    run_ids = {job.run_id for job in due}
    page = await tools.journal.store.runs(RunQuery(run_ids=run_ids, limit=len(run_ids)))
    checks = {
        (item.run.run_id, job.stage)
        for item in page.items
        for job in item.jobs
        if job.kind is JobKind.CHECK
    }
    return [job for job in due if (job.run_id, job.stage) in checks]


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
