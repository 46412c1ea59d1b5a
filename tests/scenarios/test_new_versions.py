"""Two versions of a workflow side by side: runs keep the plan with which they were created."""

import pytest

import eventflow as ef
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import add_ten, double, triple, types

OLD = ef.define_workflow("calc", input=int).pipe(double).pipe(add_ten).build()
LONGER = ef.define_workflow("calc", input=int).pipe(double).pipe(add_ten).pipe(triple).build()
WITHOUT = ef.define_workflow("calc", input=int).pipe(double).pipe(triple).build()


async def test_a_run_is_finished_by_its_own_plan(open_runtime: Open, clock: ManualClock) -> None:
    """Scenario 21: where its stages still exist, the new code executes them."""
    run = await (await open_runtime(OLD)).create_run("calc", 5)
    worker = await open_runtime(LONGER)
    await worker.start()
    assert await clock.run_until(worker.run(run.id).result()) == 20
    assert (await types(run)).count("stage.completed") == 2


async def test_a_run_whose_stage_is_gone_waits_and_is_listed(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 21: it is unclaimable here, goes on with the new plan, or where the stage is."""
    old = await open_runtime(OLD)
    first, second = [await old.create_run("calc", n) for n in (5, 6)]
    new = await open_runtime(WITHOUT)
    await new.start()
    await clock.advance(120)
    listed = await new.unclaimable_runs()
    assert {(each.run_id, each.stage) for each in listed} == {
        (first.id, "add-ten"),
        (second.id, "add-ten"),
    }
    assert listed[0].fingerprint == OLD.plan.fingerprint
    assert listed[0].registered_fingerprint == WITHOUT.plan.fingerprint
    assert await new.run(first.id).cancel()
    assert await new.run(first.id).rerun_from("triple") == 1
    assert await clock.run_until(new.run(first.id).result()) == 30
    await old.start()
    assert await clock.run_until(second.result()) == 22


async def test_a_rerun_is_refused_when_earlier_groups_differ(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The new plan is taken only as long as the earlier groups' stages still match."""
    old = await open_runtime(OLD)
    await old.start()
    run = await old.create_run("calc", 5)
    await clock.run_until(run.result())
    changed = ef.define_workflow("calc", input=int).pipe(add_ten).pipe(triple).build()
    new = await open_runtime(changed)
    with pytest.raises(ef.CannotRerun, match="group 1"):
        await new.run(run.id).rerun_from("triple")


async def test_a_run_can_be_read_and_ended_without_its_workflow(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Folding needs no code: state, history, cancel and rerun work on the run's own plan."""
    owner = await open_runtime(OLD)
    run = await owner.create_run("calc", 5)
    stranger = await open_runtime()
    await stranger.start()
    await clock.advance(10)
    known = stranger.run(run.id)
    assert (await known.state()).plan == OLD.plan
    assert await known.cancel()
    assert await known.rerun_from("double") == 1
    await owner.start()
    assert await clock.run_until(known.result()) == 20
