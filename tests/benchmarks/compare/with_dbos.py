"""DBOS: three trivial steps in a workflow, called directly, or through its queue."""

import asyncio
import sys
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from dbos import DBOS

from tests.benchmarks.compare.contender import WARM_UP, Task, main, rate, seconds_each

QUEUED = "--queue"
QUEUE = "bench"
POLL = 0.02
"""Seconds between two looks into the queue; the library's default is one second."""


@DBOS.step()
async def add_one(value: int) -> int:
    """Add one."""
    return value + 1


@DBOS.workflow()
async def three(value: int) -> int:
    """Add three, in steps of one."""
    value = await add_one(value)
    value = await add_one(value)
    return await add_one(value)


async def direct() -> None:
    """Call the workflow."""
    assert await three(1) == 4


async def queued() -> None:
    """Put the workflow on the queue, and wait for its result."""
    handle: Any = await DBOS.enqueue_workflow_async(QUEUE, three, 1)
    assert await handle.get_result(polling_interval_sec=POLL) == 4


async def contend(task: Task) -> list[float]:
    """Do what the task says."""
    DBOS.launch()
    await DBOS.register_queue_async(QUEUE, polling_interval_sec=POLL)
    one = queued if QUEUED in sys.argv else direct
    await rate(one, WARM_UP, 1)
    if task.measure == "rest":
        found = await seconds_each(one, task.count)
    else:
        found = [await rate(one, task.count, task.in_flight)]
    DBOS.destroy()
    return found


def for_sqlalchemy(url: str) -> str:
    """Name the socket of a server as SQLAlchemy reads it: as a parameter."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    host, _, port = place.rpartition(":")
    if not host.startswith("%2F"):
        return url
    parameters = urlencode({"host": unquote(host), "port": port})
    return urlunsplit(parts._replace(netloc=f"{user}{at}", query=parameters))


def measured(task: Task) -> list[float]:
    """Configure the library for the database of the task, and do it."""
    DBOS(
        config={
            "name": "bench",
            "system_database_url": for_sqlalchemy(task.url),
            "log_level": "ERROR",
            "run_admin_server": False,
            "enable_otlp": False,
        }
    )
    return asyncio.run(contend(task))


if __name__ == "__main__":
    main(measured)
