"""Crashes on a store of any URL that must change nothing: what may die, dies; the log is sound."""

import asyncio
import signal
from collections.abc import Sequence
from itertools import cycle, product
from pathlib import Path
from random import Random

from attrs import frozen

import eventflow as ef
from eventflow.testing.checker import LogReport
from tests.simulation.harness import Child, Driver, driver
from tests.simulation.workflows import holding, mixture, outcome, suicide


@frozen
class Storm:
    """How many runs are created while how many workers are killed how often."""

    seed: int
    runs: int
    rounds: int
    workers: int = 3
    pauses: bool = False


async def killed_workers(url: str, folder: Path, storm: Storm) -> LogReport:
    """Kill workers at random moments while runs come in: every run ends as if nothing was."""
    chance = Random(storm.seed)  # noqa: S311 - nothing secret
    async with driver(url, folder) as crash:
        crew = [crash.start("worker") for _ in range(storm.workers)]
        creating = asyncio.create_task(_create(crash, chance.random(), storm))
        for _ in range(storm.rounds):
            await asyncio.sleep(chance.uniform(0.02, 0.5))
            await _strike(crash, crew, chance, storm)
        runs = await creating
        await crash.until_all_ended()
        for worker in crew:
            assert (await worker.end(signal.SIGTERM), worker.name) == (0, worker.name)
        for number, run in runs:
            state = await run.state()
            if state.status is not ef.Status.CANCELLED:
                assert (state.status, state.output) == (ef.Status.COMPLETED, outcome(number))
        return await crash.check()


async def _strike(crash: Driver, crew: list[Child], chance: Random, storm: Storm) -> None:
    """Kill a worker and start another, or let one sleep longer than its leases hold."""
    victim = crew.pop(chance.randrange(len(crew)))
    if storm.pauses and chance.random() < 0.2:
        victim.send(signal.SIGSTOP)
        await asyncio.sleep(crash.lease * 1.5)
        victim.send(signal.SIGCONT)
        crew.append(victim)
        return
    assert await victim.end(signal.SIGKILL) == -signal.SIGKILL
    crew.append(crash.start("worker"))


async def _create(crash: Driver, seed: float, storm: Storm) -> Sequence[tuple[int, ef.Run]]:
    """Create runs; cancel some, and let some that have ended run again."""
    chance = Random(seed)  # noqa: S311 - nothing secret
    runs: list[tuple[int, ef.Run]] = []
    for number in range(storm.runs):
        run = await crash.runtime.create_run(mixture.id, number, metadata={"number": number})
        runs.append((number, run))
        await asyncio.sleep(chance.expovariate(storm.runs / (0.3 * storm.rounds)))
        older = chance.choice(runs[-10:])[1]
        if chance.random() < 0.1:
            await older.cancel("no longer needed")
        elif chance.random() < 0.5 and (await older.state()).status.ended:
            await _rerun(older, chance)
    return runs


async def _rerun(run: ef.Run, chance: Random) -> None:
    completed = (await run.state()).status is ef.Status.COMPLETED
    await run.rerun_from(chance.choice(["double", "slow", "format"]) if completed else "double")


async def paused_worker(url: str, folder: Path) -> LogReport:
    """Stop a worker until another has its job, and let it go on: its result comes too late."""
    async with driver(url, folder, lease=0.5) as crash:
        sleeper = crash.start("worker")
        run = await crash.runtime.create_run(holding.id, str(folder))
        await crash.until_marked("begun-1")
        sleeper.send(signal.SIGSTOP)
        (folder / "over-1").touch()
        heir = crash.start("worker")
        await crash.until_marked("begun-2")
        sleeper.send(signal.SIGCONT)
        await _until_refused(run, folder)
        (folder / "over-2").touch()
        assert await run.result(timeout=30) == 2
        assert await heir.end(signal.SIGTERM) == 0
        again = await crash.runtime.create_run(mixture.id, 7)
        assert await again.result(timeout=30) == outcome(7)
        assert await sleeper.end(signal.SIGTERM) == 0
        kinds = [envelope.type for envelope in await run.history()]
        assert kinds.count("stage.completed") == kinds.count("lease.expired") == 1
        return await crash.check()


async def _until_refused(run: ef.Run, folder: Path) -> None:
    """Wait until the late result was discarded, or the task that was to bring it cancelled."""
    async with asyncio.timeout(30):
        while not (folder / "cancelled-1").exists():
            kinds = [envelope.type for envelope in await run.history()]
            assert "stage.completed" not in kinds, "the late result was taken"
            if "result.discarded" in kinds:
                return
            await asyncio.sleep(0.05)


async def dying_workers(url: str, folder: Path, runs: int) -> LogReport:
    """Let each worker die around one of its first appends, until the runs have ended all the same.

    It dies once right before the commit, and once between the commit and the answer.
    """
    async with driver(url, folder, lease=0.3) as crash:
        created = [await crash.runtime.create_run(mixture.id, number) for number in range(runs)]
        deaths = cycle(product([True, False], range(1, 5 + runs // 2)))
        while not await crash.all_ended():
            committed, dies_at = next(deaths)
            await _live_and_die(crash, crash.start("worker", dies_at=dies_at, committed=committed))
        for number, run in enumerate(created):
            state = await run.state()
            assert (state.ending, state.output) == (state.ending, outcome(number))
        return await crash.check()


async def _live_and_die(crash: Driver, worker: Child) -> None:
    """Wait until a worker has killed itself, or there is nothing left that it could do."""
    while (code := worker.ended()) is None:
        if await crash.all_ended():
            code = await worker.end(signal.SIGKILL)
            break
        await asyncio.sleep(0.05)
    assert code == -signal.SIGKILL


async def dying_creators(url: str, folder: Path, deaths: int, runs: int) -> LogReport:
    """Let processes that create runs die around each of their appends: a key has one run."""
    async with driver(url, folder) as crash:
        for death in range(deaths):
            committed = death % 2 == 1
            creator = crash.start("creator", runs=runs, dies_at=death // 2 + 1, committed=committed)
            assert await creator.wait() == -signal.SIGKILL
        assert await crash.start("creator", runs=runs).wait() == 0
        crew = [crash.start("worker") for _ in range(2)]
        await crash.until_all_ended()
        for worker in crew:
            assert await worker.end(signal.SIGTERM) == 0
        for number in range(runs):
            (row,) = (await crash.runtime.runs(metadata={"key": f"key-{number}"})).items
            assert (await crash.runtime.run(row.run_id).state()).output == outcome(number)
        return await crash.check()


async def deadly_stage(url: str, folder: Path) -> LogReport:
    """Let a stage kill each process that executes it: its run fails after its attempts."""
    async with driver(url, folder, lease=0.5) as crash:
        run = await crash.runtime.create_run(suicide.id)
        for _ in range(3):
            assert await crash.start("worker").wait() == -signal.SIGKILL
        survivor = crash.start("worker")
        try:
            await run.result(timeout=30)
        except ef.RunFailed as error:
            assert "stopped renewing its lease" in str(error)  # noqa: PT017 - not a test function
        kinds = [envelope.type for envelope in await run.history()]
        assert kinds.count("job.claimed") == kinds.count("lease.expired") == 3
        assert kinds[-2:] == ["stage.failed", "run.failed"]
        assert await survivor.end(signal.SIGTERM) == 0
        return await crash.check()
