"""Crashes while a stage waits or fans out: what was recorded is not done again, and waits go on."""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import eventflow as ef
from eventflow.core import events as e
from eventflow.store.envelope import Envelope
from eventflow.testing.checker import LogReport
from tests.simulation.effects import Effect, Effects
from tests.simulation.harness import BEAT, Driver, driver
from tests.simulation.workflows import Items, mapping, patience, telling


async def dying_fan_out(url: str, folder: Path, items: int, appends: int) -> LogReport:
    """Let each worker die at its n-th append, before or behind the commit, until all is done.

    At each death at most the items that were in flight are done again, and none whose event was
    acknowledged.
    """
    async with driver(url, folder, lease=0.3) as crash:
        given = Items(str(folder), items)
        run = await crash.runtime.create_run(mapping.id, given)
        deaths = 0
        while not await crash.all_ended():
            committed = deaths % 2 == 1
            worker = crash.start("worker", dies_at=appends, committed=committed)
            while (code := worker.ended()) is None and not await crash.all_ended():  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(BEAT)
            if code is None:
                await worker.end(signal.SIGKILL)
            else:
                assert code == -signal.SIGKILL
                deaths += 1
        assert deaths > 1
        await _assert_done(run, folder, given, deaths)
        return await crash.check()


async def killed_fan_out(url: str, folder: Path, items: int, kills: int, seed: int) -> LogReport:
    """Kill each worker at a random moment of the fan-out, and let the last one finish."""
    chance = Random(seed)  # noqa: S311 - nothing secret
    async with driver(url, folder, lease=0.3) as crash:
        given = Items(str(folder), items)
        run = await crash.runtime.create_run(mapping.id, given)
        for _ in range(kills):
            worker = crash.start("worker")
            await _until_steps(run, chance.randrange(20, items // (2 * kills)))
            assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
        survivor = crash.start("worker")
        await crash.until_all_ended()
        assert await survivor.end(signal.SIGTERM) == 0
        await _assert_done(run, folder, given, kills)
        return await crash.check()


async def _until_steps(run: ef.Run, more: int) -> None:
    """Wait until so many more steps are recorded."""
    wanted = await _steps(run) + more
    async with asyncio.timeout(60):
        while await _steps(run) < wanted:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.01)


async def _steps(run: ef.Run) -> int:
    return len((await run.state()).stages["fan-out"].steps)


async def _assert_done(run: ef.Run, folder: Path, given: Items, deaths: int) -> None:
    """Compare what was done with what is recorded."""
    state = await run.state()
    assert (state.status, state.output) == (
        ef.Status.COMPLETED,
        sum(number * number for number in range(given.count)),
    )
    effects = Effects(folder).read()
    done = Counter(effect.number for effect in effects)
    assert set(done) == set(range(given.count))
    assert len(effects) <= given.count + deaths * given.concurrency
    assert _done_after_their_record(effects, await run.history()) == []


def _done_after_their_record(
    effects: Sequence[Effect], history: Sequence[Envelope]
) -> list[Effect]:
    """Find what was done by an attempt that was claimed after the step had been recorded."""
    recorded = {f"square[{effect.number}]": 0 for effect in effects} | {
        fact.event.name: fact.version for fact in history if isinstance(fact.event, e.StepCompleted)
    }
    return [each for each in effects if each.token > recorded[f"square[{each.number}]"] > 0]


async def killed_while_suspended(url: str, folder: Path) -> LogReport:
    """Kill every worker while a stage waits, for a check, a person and a time; others go on.

    The store is closed by everybody in between.
    """
    async with driver(url, folder, lease=0.5) as crash:
        run_id = (await crash.runtime.create_run(patience.id, str(folder))).id
        await _suspend_and_kill(crash, run_id, "asks-provider")
    async with driver(url, folder, lease=0.5) as crash:
        await asyncio.sleep(0.3)
        assert (await crash.runtime.run(run_id).state()).status is ef.Status.SUSPENDED
        (folder / "ready").touch()
        await _suspend_and_kill(crash, run_id, "asks-person")
    async with driver(url, folder, lease=0.5) as crash:
        await crash.runtime.run(run_id).signal("approval", "granted")
        await _suspend_and_kill(crash, run_id, "sleeps")
    async with driver(url, folder, lease=0.5) as crash:
        worker = crash.start("worker")
        run = crash.runtime.run(run_id)
        assert await run.result(timeout=30) == "the state: granted"
        assert await worker.end(signal.SIGTERM) == 0
        assert [effect.number for effect in Effects(folder).read()] == [1, 2]
        kinds = [fact.type for fact in await run.history()]
        assert kinds.count("stage.suspended") == 3
        return await crash.check()


async def _suspend_and_kill(crash: Driver, run_id: str, stage: str) -> None:
    """Let a worker go on until a stage waits, and kill it."""
    worker = crash.start("worker")
    run = crash.runtime.run(run_id)
    async with asyncio.timeout(30):
        while not await _waits(run, stage):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)
    assert await worker.end(signal.SIGKILL) == -signal.SIGKILL


async def _waits(run: ef.Run, stage_id: str) -> bool:
    stage = (await run.state()).stages.get(stage_id)
    return stage is not None and stage.suspension is not None


async def followed_progress(url: str, folder: Path) -> LogReport:
    """Follow a stage of another process, which goes on only once its progress was seen here."""
    async with driver(url, folder) as crash:
        worker = crash.start("worker")
        run = await crash.runtime.create_run(telling.id, str(folder))
        async with asyncio.timeout(30):
            async for fact in run.events():
                if isinstance(fact.event, e.StageProgressed):
                    (folder / f"seen {fact.event.message}").touch()
        assert (await run.state()).output == 4
        assert await worker.end(signal.SIGTERM) == 0
        return await crash.check()
