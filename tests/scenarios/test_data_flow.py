"""What stages get and give: in sequence, side by side, and after a rewind."""

import asyncio
from typing import Any

import pytest

import eventflow as ef
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC, add_ten, double, stages_of, types


async def test_a_sequence_feeds_each_stage_with_the_output_before(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 1: 5 becomes 10, 20, 60 and "Final: 60", in the order of the stages."""
    runtime = await open_runtime(ARITHMETIC)
    await runtime.start()
    run = await runtime.create_run("arithmetic", 5)
    assert await clock.run_until(run.result()) == "Final: 60"
    completed = [e.event for e in await run.history() if e.type == "stage.completed"]
    assert [(event.stage, event.output) for event in completed] == [
        ("double", 10),
        ("add-ten", 20),
        ("triple", 60),
        ("format", "Final: 60"),
    ]
    assert (await run.state()).status is ef.Status.COMPLETED


async def test_a_rerun_executes_only_the_stage_and_what_follows(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 2: from the third stage on, with the stored 20; earlier events stay."""
    runtime = await open_runtime(ARITHMETIC)
    await runtime.start()
    run = await runtime.create_run("arithmetic", 5)
    await clock.run_until(run.result())
    before = await run.history()
    assert await run.rerun_from("triple", reason="try again", actor="ada") == 1
    assert await clock.run_until(run.result()) == "Final: 60"
    history = await run.history()
    assert history[: len(before)] == before
    rerun = [e.event for e in history[len(before) :] if e.type == "stage.completed"]
    assert [(event.stage, event.generation, event.output) for event in rerun] == [
        ("triple", 1, 60),
        ("format", 1, "Final: 60"),
    ]
    rewound = history[len(before)]
    assert (rewound.type, rewound.actor, rewound.event.reason) == (
        "run.rewound",
        "ada",
        "try again",
    )
    assert await run.rerun_from("double") == 2


async def test_a_rerun_sees_only_the_outputs_of_earlier_groups(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 3: the third stage sees the outputs of the first two, and not its own."""
    seen: list[dict[str, Any]] = []

    @ef.stage
    async def look(ctx: ef.StageContext[int]) -> int:
        seen.append(dict(ctx.outputs))
        return ctx.require(double) + ctx.require(add_ten)

    workflow = ef.define_workflow("looking", input=int).pipe(double).pipe(add_ten).pipe(look)
    runtime = await open_runtime(workflow.build())
    await runtime.start()
    run = await runtime.create_run("looking", 5)
    assert await clock.run_until(run.result()) == 30
    await run.rerun_from("look")
    assert await clock.run_until(run.result()) == 30
    assert seen == [{"double": 10, "add-ten": 20}] * 2


async def test_a_rerun_is_refused_without_a_trace(open_runtime: Open, clock: ManualClock) -> None:
    """Scenario 4: an unknown stage, a run that is alive, or groups that never completed."""

    @ef.stage
    async def breaks(ctx: ef.StageContext[int]) -> int:
        raise ValueError("no")

    broken = ef.define_workflow("broken", input=int).pipe(double).pipe(breaks).pipe(add_ten).build()
    runtime = await open_runtime(broken)
    run = await runtime.create_run("broken", 1)
    with pytest.raises(ef.CannotRerun, match="still pending"):
        await run.rerun_from("double")
    await runtime.start()
    with pytest.raises(ef.RunFailed, match="no"):
        await clock.run_until(run.result())
    before = await types(run)
    with pytest.raises(ef.StageNotFound) as unknown:
        await run.rerun_from("non-existent")
    assert 'Stage "non-existent" not found in workflow "broken"' in str(unknown.value)
    with pytest.raises(ef.CannotRerun) as refused:
        await run.rerun_from("add-ten")
    assert (
        'Cannot rerun from stage "add-ten": no completed stages found before execution group 3'
        in str(refused.value)
    )
    assert await types(run) == before


async def test_parallel_stages_share_their_input_and_overlap(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 5: all three are under way at once, and the next stage gets a mapping."""
    under_way = 0
    most = 0

    async def meet() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await clock.sleep(1)
        under_way -= 1

    @ef.stage
    async def a(ctx: ef.StageContext[int]) -> int:
        await meet()
        return ctx.input + 1

    @ef.stage
    async def b(ctx: ef.StageContext[int]) -> int:
        await meet()
        return ctx.input + 2

    @ef.stage
    async def c(ctx: ef.StageContext[int]) -> int:
        await meet()
        return ctx.input + 3

    @ef.stage
    async def final(ctx: ef.StageContext[dict[str, int]]) -> dict[str, int]:
        return ctx.input

    runtime = await open_runtime(
        ef.define_workflow("fan", input=int).parallel(a, b, c).pipe(final).build(),
        ef.define_workflow("ends-wide", input=int).parallel(a, b, c).build(),
    )
    await runtime.start()
    run = await runtime.create_run("fan", 0)
    assert await clock.run_until(run.result()) == {"a": 1, "b": 2, "c": 3}
    assert most == 3
    wide = await runtime.create_run("ends-wide", 0)
    assert await clock.run_until(wide.result()) == {"a": 1, "b": 2, "c": 3}
    scheduled = await stages_of(run, "stage.scheduled")
    assert scheduled == ["a", "b", "c", "final"]


async def test_falsy_outputs_are_outputs(open_runtime: Open, clock: ManualClock) -> None:
    """Zero, the empty string, False, None and an empty list are values like any other."""

    @ef.stage
    async def zero(ctx: ef.StageContext[int]) -> int:
        return 0

    @ef.stage
    async def empty(ctx: ef.StageContext[int]) -> str:
        return ""

    @ef.stage
    async def nothing(ctx: ef.StageContext[int]) -> None:
        return None

    @ef.stage
    async def collect(ctx: ef.StageContext[None]) -> list[object]:
        return [ctx.require(zero), ctx.require(empty), ctx.require(nothing)]

    workflow = ef.define_workflow("falsy", input=int).parallel(zero, empty, nothing).pipe(collect)
    runtime = await open_runtime(workflow.build())
    await runtime.start()
    run = await runtime.create_run("falsy", 1)
    assert await clock.run_until(run.result()) == [0, "", None]


async def test_a_missing_output_is_an_error_that_names_what_there_is(
    open_runtime: Open, clock: ManualClock
) -> None:
    """`require` raises and `optional` gives None for a stage without an output."""

    @ef.stage
    async def needs(ctx: ef.StageContext[int]) -> int:
        assert ctx.optional("nowhere") is None
        return int(ctx.require("nowhere"))

    workflow = ef.define_workflow("needy", input=int).pipe(double)
    runtime = await open_runtime(workflow.pipe(needs).build())
    await runtime.start()
    run = await runtime.create_run("needy", 1)
    with pytest.raises(ef.RunFailed, match=r'requires the output of "nowhere".*"double"'):
        await clock.run_until(run.result())


async def test_a_plain_function_runs_in_a_thread_and_may_log(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A `def` stage does not block the loop, and its notes are durable when the call returns."""
    loop_thread = asyncio.get_running_loop()

    @ef.stage
    def plain(ctx: ef.StageContext[int]) -> int:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        ctx.log("half way", step=1)
        ctx.progress(0.5)
        return ctx.input + 1

    runtime = await open_runtime(ef.define_workflow("plain", input=int).pipe(plain).build())
    await runtime.start()
    run = await runtime.create_run("plain", 1)
    assert await run.result(timeout=None) == 2
    assert asyncio.get_running_loop() is loop_thread
    kinds = await types(run)
    assert (
        kinds.index("stage.logged")
        < kinds.index("stage.progressed")
        < kinds.index("stage.completed")
    )
