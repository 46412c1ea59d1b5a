"""Bad weather for whole workers: the store is struck while runs come in; the log must be sound.

What strikes is handed in: a server that crashes, connections that are cut, a standby that takes
over. Nothing here knows which store it is.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import TypeAlias, TypeVar

from attrs import frozen

import eventflow as ef
from eventflow.errors import StoreUnavailable
from eventflow.testing.checker import LogReport
from tests.simulation.harness import Child, Driver, driver
from tests.simulation.workflows import mixture, outcome

T = TypeVar("T")
Strike: TypeAlias = Callable[[Random], Awaitable[None]]


@frozen
class Weather:
    """How often the store is struck, and what goes on meanwhile.

    Attributes:
        seed: What all chance comes from.
        strikes: How often.
        pause: Seconds between two strikes, if enough runs come in meanwhile.
        between: How many runs must come in between two strikes, however long that takes.
        workers: How many processes execute.
        rate: Runs a second that are created while it lasts, about.
        kills: How likely a worker is killed after a strike, and another one started.
        lease: Seconds that a claim holds.
    """

    seed: int
    strikes: int
    pause: float = 0.6
    between: int = 3
    workers: int = 3
    rate: float = 15.0
    kills: float = 0.0
    lease: float = 1.5


async def outlive(url: str, folder: Path, weather: Weather, strike: Strike) -> LogReport:
    """Strike again and again while runs come in: every run ends as if nothing was."""
    chance = Random(weather.seed)  # noqa: S311 - nothing secret
    async with driver(url, folder, weather.lease) as crash:
        crew = [crash.start("worker") for _ in range(weather.workers)]
        await _until_open(crash, crew)
        over = asyncio.Event()
        runs: list[ef.Run] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(_create(crash, runs, chance.random(), weather.rate, over))
            for _ in range(weather.strikes):
                enough = len(runs) + weather.between
                await asyncio.sleep(chance.uniform(0.05, weather.pause))
                await _until_there_are(runs, enough)
                await strike(chance)
                if chance.random() < weather.kills:
                    await _replace(crash, crew, chance)
            over.set()
        await crash.until_all_ended(120)
        for worker in crew:
            assert (await worker.end(signal.SIGTERM), worker.name) == (0, worker.name)
        await _check_outcomes(crash, runs)
        return await crash.check()


async def _until_open(crash: Driver, crew: list[Child]) -> None:
    """Wait until all have a store: one that is struck while it is opened ends its process."""
    for worker in crew:
        await crash.until_marked(f"{worker.name}.acks")
    await asyncio.sleep(0.2)


async def _until_there_are(runs: list[ef.Run], count: int) -> None:
    """Wait for runs to come in, so that also on a busy machine a strike hits something."""
    while len(runs) < count:  # noqa: ASYNC110 - a list tells nobody that it grows
        await asyncio.sleep(0.02)


async def _replace(crash: Driver, crew: list[Child], chance: Random) -> None:
    victim = crew.pop(chance.randrange(len(crew)))
    assert await victim.end(signal.SIGKILL) == -signal.SIGKILL
    crew.append(crash.start("worker"))


async def _create(
    crash: Driver, runs: list[ef.Run], seed: float, rate: float, over: asyncio.Event
) -> None:
    """Create runs until it is over; cancel some, and let some that have ended run again."""
    chance = Random(seed)  # noqa: S311 - nothing secret
    for number in count():
        request = partial(
            crash.runtime.create_run,
            mixture.id,
            number,
            metadata={"number": number},
            idempotency_key=f"number-{number}",
        )
        runs.append(await insist(request))
        await _disturb(chance.choice(runs[-10:]), chance, f"again-{number}")
        await asyncio.sleep(chance.expovariate(rate))
        if over.is_set():
            break


async def _disturb(run: ef.Run, chance: Random, key: str) -> None:
    if chance.random() < 0.1:
        await insist(partial(run.cancel, "no longer needed"))
    status = (await insist(run.state)).status
    if status.ended and chance.random() < 0.5:
        completed = status is ef.Status.COMPLETED
        stage = chance.choice(["double", "slow", "format"]) if completed else "double"
        await insist(partial(run.rerun_from, stage, idempotency_key=key))


async def insist(request: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the store is away, as an application does that wants its answer."""
    while True:
        try:
            return await request()
        except StoreUnavailable:
            await asyncio.sleep(0.05)


async def _check_outcomes(crash: Driver, runs: list[ef.Run]) -> None:
    """See that each request has one run, and that it came to what it should."""
    for number, run in enumerate(runs):
        (row,) = (await crash.runtime.runs(metadata={"number": number})).items
        state = await run.state()
        assert row.run_id == run.id
        if state.status is not ef.Status.CANCELLED:
            assert (state.status, state.output) == (ef.Status.COMPLETED, outcome(number))
