"""Hosts whose clocks differ: leases and times are the store's, whatever a host believes."""

import asyncio
import signal
from datetime import datetime, timedelta
from pathlib import Path

import eventflow as ef
from eventflow.core.projection import JobRow
from eventflow.store.contract import RunQuery
from eventflow.testing.checker import LogReport
from tests.simulation.harness import Driver, driver
from tests.simulation.workflows import holding, mixture, outcome

SLACK = timedelta(seconds=1)
"""How far an aligned clock may be from the store's on a busy machine."""


async def skewed_hosts(
    url: str, folder: Path, *, holder: float, others: list[float], leases: float
) -> LogReport:
    """Let a worker hold a job for several leases while others, by other clocks, look for work.

    Nothing is taken from it as long as it renews, and once it is killed another one takes over
    when its lease is over, not when some clock says so.
    """
    async with driver(url, folder, lease=2.0) as crash:
        begun = await crash.store.now()
        owner = crash.start("worker", skew=holder)
        run = await crash.runtime.create_run(holding.id, str(folder))
        await crash.until_marked("begun-1")
        heirs = [crash.start("worker", skew=skew) for skew in others]
        await _execute_some(crash, 0)
        await _watch_leases(crash, run, leases * crash.lease)
        await owner.end(signal.SIGKILL)
        killed = await crash.store.now()
        await crash.until_marked("begun-2", seconds=20)
        (folder / "over-2").touch()
        assert await run.result(timeout=30) == 2
        await _execute_some(crash, 10)
        for heir in heirs:
            assert await heir.end(signal.SIGTERM) == 0
        await _check_times(crash, begun, killed)
        return await crash.check()


async def _execute_some(crash: Driver, first: int) -> None:
    """Execute a few runs, which all workers share."""
    numbers = range(first, first + 5)
    runs = [await crash.runtime.create_run(mixture.id, number) for number in numbers]
    for number, run in zip(numbers, runs, strict=True):
        assert await run.result(timeout=60) == outcome(number)


async def _watch_leases(crash: Driver, run: ef.Run, seconds: float) -> None:
    """See for a while that the one job in hand is leased by the store's time, and stays so."""
    until = await crash.store.now() + timedelta(seconds=seconds)
    renewed = set()
    while (now := await crash.store.now()) < until:
        job = await _leased(crash)
        assert now < job.due_at <= now + timedelta(seconds=crash.lease) + SLACK
        renewed.add(job.due_at)
        await asyncio.sleep(0.05)
    assert len(renewed) > 2, "nobody renewed the lease"
    assert "lease.expired" not in [envelope.type for envelope in await run.history()]


async def _leased(crash: Driver) -> JobRow:
    page = await crash.store.runs(RunQuery(statuses=[ef.Status.RUNNING]))
    (job,) = [job for rows in page.items for job in rows.jobs if job.leased]
    return job


async def _check_times(crash: Driver, begun: datetime, killed: datetime) -> None:
    """See that all that was recorded was recorded by the store's time, and the expiry on time."""
    log = await crash.store.read_all(0, 100_000)
    ended = await crash.store.now()
    assert all(begun - SLACK < event.recorded_at < ended + SLACK for event in log)
    expired = [event for event in log if event.type == "lease.expired"]
    assert len(expired) == 1
    assert killed < expired[0].recorded_at < killed + timedelta(seconds=crash.lease) + 5 * SLACK
