"""What every contender is: a process that is told what to do, and prints what it took."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from attrs import asdict, frozen

from eventflow.runtime.tuning import tune_process

WARM_UP = 5


@frozen
class Task:
    """What a contender does.

    Attributes:
        url: The database: `sqlite:////...` or `postgresql://...`, of nobody else.
        measure: `throughput`, `rest`, `jobs` or `appends`.
        count: How many workflows, jobs or streams.
        in_flight: How many of them are under way at once.
    """

    url: str
    measure: str
    count: int
    in_flight: int = 1

    def written(self) -> str:
        """Give the task as an argument of a command line."""
        return json.dumps(asdict(self))


Contender: TypeAlias = Callable[[Task], list[float]]
"""Does a task, and gives the values that were measured: rates, or the seconds of each run."""


def main(contend: Contender) -> None:
    """Do the task of the command line, and print the values as JSON."""
    task = Task(**json.loads(sys.argv[1]))
    tune_process()
    print(json.dumps(contend(task)))


async def rate(one: Callable[[], Awaitable[Any]], count: int, in_flight: int) -> float:
    """Do one thing again and again, so many at once; tell how many a second."""
    left = iter(range(count))

    async def lane() -> None:
        for _ in left:
            await one()

    started = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    return count / (time.perf_counter() - started)


async def seconds_each(one: Callable[[], Awaitable[Any]], count: int) -> list[float]:
    """Do one thing again and again, alone; the seconds of each."""
    found = []
    for _ in range(count):
        await asyncio.sleep(0.005)
        started = time.perf_counter()
        await one()
        found.append(time.perf_counter() - started)
    return found
