"""What other processes did to a run counts at once, also for one that has not looked since."""

import pytest

import eventflow as ef
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC


async def test_a_run_that_ended_elsewhere_can_be_rerun(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The process that created it and heard nothing since does not take it for alive."""
    creator, worker = await open_runtime(ARITHMETIC), await open_runtime(ARITHMETIC)
    run = await creator.create_run("arithmetic", 5)
    await worker.start()
    await clock.run_until(worker.run(run.id).result())
    assert await run.rerun_from("triple") == 1
    assert await clock.run_until(run.result()) == "Final: 60"


@pytest.mark.parametrize("asked", ["cancel", "signal"])
async def test_a_run_that_was_brought_back_elsewhere_is_alive(
    open_runtime: Open, asked: str
) -> None:
    """The process that saw it end cancels and signals it all the same."""
    here, there = await open_runtime(ARITHMETIC), await open_runtime(ARITHMETIC)
    run = await there.create_run("arithmetic", 5)
    await run.cancel()
    assert (await here.run(run.id).state()).status is ef.Status.CANCELLED
    await run.rerun_from("double")
    if asked == "cancel":
        assert await here.run(run.id).cancel()
        assert (await run.state()).status is ef.Status.CANCELLED
    else:
        await here.run(run.id).signal("go")
        assert [signal.name for signal in (await run.state()).signals] == ["go"]
