"""Runs that wait for a stage which no worker here has: reported once, and listed."""

from typing import Any

import pytest
from structlog.testing import capture_logs

import eventflow as ef
from eventflow.runtime.unclaimable import UnclaimableRun
from eventflow.testing.clock import ManualClock
from tests.runtime.conftest import Open


def workflow(id: str, *stages: str) -> ef.Workflow[Any, Any]:
    """Build a workflow of stages that give their input back."""

    async def work(ctx: ef.StageContext[int]) -> int:
        return ctx.input

    builder: Any = ef.define_workflow(id, input=int)
    for stage in stages:
        builder = builder.pipe(ef.stage(id=stage)(work))
    built: ef.Workflow[Any, Any] = builder.build()
    return built


OLD, NEW, OTHER = workflow("w", "old"), workflow("w", "new"), workflow("other", "one")


async def test_each_is_reported_once(open_runtime: Open, clock: ManualClock) -> None:
    """With the run, the stage and both plans, however often the worker looks."""
    creator = await open_runtime(OLD, OTHER)
    first = await creator.create_run("w", 1)
    with capture_logs() as logs:
        worker = await open_runtime(NEW, poll_interval=10.0)
        await worker.start()
        await clock.advance(100)
        second = await creator.create_run("other", 1)
        await clock.advance(100)
        await worker.stop()
    reports = [line for line in logs if line["event"] == "run.unclaimable"]
    assert reports == [
        {
            "event": "run.unclaimable",
            "log_level": "warning",
            "run_id": first.id,
            "workflow_id": "w",
            "stage": "old",
            "fingerprint": OLD.plan.fingerprint,
            "registered_fingerprint": NEW.plan.fingerprint,
        },
        {
            "event": "run.unclaimable",
            "log_level": "warning",
            "run_id": second.id,
            "workflow_id": "other",
            "stage": "one",
            "fingerprint": OTHER.plan.fingerprint,
            "registered_fingerprint": None,
        },
    ]


async def test_they_can_be_listed_without_a_worker(open_runtime: Open) -> None:
    """Only runs whose job is due and whose stage is missing here."""
    creator = await open_runtime(OLD, OTHER)
    missing = await creator.create_run("w", 1)
    await creator.create_run("other", 1)
    reader = await open_runtime(NEW, OTHER)
    assert await creator.unclaimable_runs() == []
    assert await reader.unclaimable_runs() == [
        UnclaimableRun(missing.id, "w", "old", OLD.plan.fingerprint, NEW.plan.fingerprint)
    ]


@pytest.mark.parametrize("way_out", ["cancel", "rerun on the new plan", "a worker that has it"])
async def test_there_is_a_way_out(open_runtime: Open, clock: ManualClock, way_out: str) -> None:
    """Such a run is cancelled, goes on by the new plan, or waits for a worker with the stage."""
    creator = await open_runtime(OLD)
    run = await creator.create_run("w", 1)
    worker = await open_runtime(NEW)
    await worker.start()
    await clock.advance(60)
    mine = worker.run(run.id)
    if way_out == "a worker that has it":
        await creator.start()
    else:
        assert await mine.cancel()
    if way_out == "rerun on the new plan":
        await mine.rerun_from("new")
    if way_out == "cancel":
        with pytest.raises(ef.RunCancelled):
            await mine.result()
    else:
        assert await clock.run_until(mine.result()) == 1
    assert await worker.unclaimable_runs() == []


async def test_a_stage_that_is_still_there_goes_on_by_the_old_plan(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A changed workflow is no obstacle while it has the stages that the run needs."""
    creator = await open_runtime(workflow("w", "a", "b"))
    run = await creator.create_run("w", 1)
    worker = await open_runtime(workflow("w", "b", "a", "c"))
    await worker.start()
    assert await clock.run_until(run.result()) == 1
    assert set((await run.state()).stages) == {"a", "b"}
