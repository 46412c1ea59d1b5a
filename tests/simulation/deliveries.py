"""Kills the process that delivers, again and again, while the log grows under it."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import eventflow as ef
from eventflow.store.contract import Store
from eventflow.store.registry import open_store
from eventflow.testing.checker import assert_sound
from tests.simulation.harness import ROOT
from tests.simulation.workflows import WORKFLOWS, mixture

LEASE = 0.5
PATIENCE = 60.0


async def killed_deliverers(url: str, folder: Path, *, kills: int, runs: int) -> Counter[int]:
    """Kill deliverers; tell how often each event was delivered in the end, all of them in order.

    Two processes subscribe at all times, so that one takes over from the other.
    """
    file = folder / "delivered.txt"
    file.touch()
    async with (
        _opened(url) as store,
        ef.Runtime(store, WORKFLOWS) as runtime,
        _crew(url, file) as crew,
    ):
        creating = asyncio.create_task(_create(runtime, runs, seconds=1.5 * kills))
        await _kill(crew, file, kills)
        expected = await creating
        async with asyncio.timeout(PATIENCE):
            while _deliveries(file)[-1:] != [expected[-1]]:  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.05)
        await crew.kill_all()
        await assert_sound(store, finished=False)
    delivered = _deliveries(file)
    assert list(dict.fromkeys(delivered)) == expected
    return Counter(delivered)


class Crew:
    """Processes that subscribe."""

    def __init__(self, url: str, file: Path) -> None:
        self.processes: list[Process] = []
        self._arguments = (url, str(file), str(LEASE))

    async def enlist(self) -> None:
        """Start one more."""
        command = (sys.executable, "-m", "tests.simulation.subscriber", *self._arguments)
        self.processes.append(
            await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
            )
        )

    async def kill(self, process: Process) -> None:
        """Kill one with a signal that it cannot handle."""
        self.processes.remove(process)
        process.kill()
        await process.wait()

    async def kill_all(self) -> None:
        """Kill those that are left."""
        for each in list(self.processes):
            await self.kill(each)


@asynccontextmanager
async def _crew(url: str, file: Path) -> AsyncIterator[Crew]:
    """Start two; none of them outlives the test."""
    crew = Crew(url, file)
    try:
        for _ in range(2):
            await crew.enlist()
        yield crew
    finally:
        await crew.kill_all()


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Store]:
    store = await open_store(url)
    try:
        yield store
    finally:
        await store.close()


async def _kill(crew: Crew, file: Path, kills: int) -> None:
    """Kill whoever has delivered last, and start another one, so many times."""
    chance = Random(kills)  # noqa: S311 - nothing secret
    while kills:
        await asyncio.sleep(chance.uniform(0.1, 1.0))
        last = _last_deliverer(file)
        for each in list(crew.processes):
            if each.pid == last:
                await crew.kill(each)
                await crew.enlist()
                kills -= 1


async def _create(runtime: ef.Runtime, runs: int, seconds: float) -> list[int]:
    """Create runs that nobody executes; give the positions of their events."""
    positions: list[int] = []
    for number in range(runs):
        run = await runtime.create_run(mixture.id, number)
        positions += [envelope.position for envelope in await run.history()]
        await asyncio.sleep(seconds / runs)
    return positions


def _last_deliverer(file: Path) -> int:
    lines = file.read_text().splitlines()
    return int(lines[-1].split()[0]) if lines else 0


def _deliveries(file: Path) -> list[int]:
    """List what was delivered, in the order of the file; a line may be half written."""
    lines = file.read_text().split("\n")[:-1]
    return [int(line.split()[1]) for line in lines]
