"""The context: what a stage sees of its run, and how it speaks."""

import asyncio
from typing import Any

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.errors import OutputNotFound
from eventflow.runtime.identifiers import seeded_random
from eventflow.testing.clock import ManualClock
from tests.runtime.conftest import Open


@frozen
class Text:
    """An output with a class."""

    words: list[str]


@ef.stage
async def split(ctx: ef.StageContext[str]) -> Text:
    """Split a text."""
    return Text(ctx.input.split())


async def test_the_key_is_that_of_stage_and_generation(
    open_runtime: Open, clock: ManualClock
) -> None:
    """It stays over attempts, and changes with the run, the stage and each rewind."""
    keys: list[tuple[str, int, int, str]] = []

    async def note(ctx: ef.StageContext[int]) -> int:
        keys.append((ctx.stage_id, ctx.generation, ctx.attempt, ctx.idempotency_key))
        if ctx.attempt == 1:
            raise OSError("again")
        return ctx.input

    stages = [ef.stage(id=name)(note) for name in ("one", "two")]
    workflow = ef.define_workflow("w", input=int).pipe(stages[0]).pipe(stages[1]).build()
    runtime = await open_runtime(workflow)
    await runtime.start()
    for _ in range(2):
        run = await runtime.create_run("w", 1)
        await clock.run_until(run.result())
    await run.rerun_from("one")
    await clock.run_until(run.result())
    by_key: dict[str, set[tuple[str, int]]] = {}
    for stage, generation, _, key in keys:
        by_key.setdefault(key, set()).add((stage, generation))
    assert len(keys) == 12
    assert len(by_key) == 6
    assert all(len(of) == 1 for of in by_key.values())


async def test_a_stage_knows_where_it_is(open_runtime: Open, clock: ManualClock) -> None:
    """Ids, name, number in the order of the plan, attempt, generation and token."""
    seen: dict[str, tuple[object, ...]] = {}

    async def look(ctx: ef.StageContext[int]) -> int:
        assert (ctx.run_id, ctx.workflow_id) == (run.id, "w")
        seen[ctx.stage_id] = (ctx.stage_number, ctx.stage_name, ctx.attempt, ctx.generation)
        assert ctx.token > 0
        return 1

    async def total(ctx: ef.StageContext[dict[str, int]]) -> int:
        seen[ctx.stage_id] = (ctx.stage_number, ctx.stage_name, ctx.attempt, ctx.generation)
        return 1

    workflow = (
        ef.define_workflow("w", input=int)
        .pipe(ef.stage(id="a", name="The first")(look))
        .parallel(ef.stage(id="b")(look), ef.stage(id="c")(look))
        .pipe(ef.stage(id="d")(total))
        .build()
    )
    runtime = await open_runtime(workflow)
    run = await runtime.create_run("w", 1)
    await runtime.start()
    await clock.run_until(run.result())
    assert {stage: number for stage, (number, *_) in seen.items()} == {
        "a": 1,
        "b": 2,
        "c": 3,
        "d": 4,
    }
    assert seen["a"] == (1, "The first", 1, 0)


async def test_metadata_can_be_read_only(execute: Open) -> None:
    """It is what the run was created with; a stage cannot put anything in its place."""
    seen: list[object] = []

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int:
        seen.append(ctx.metadata["tags"])
        with pytest.raises(TypeError):
            ctx.metadata["tags"] = "mine"  # type: ignore[index]
        return 1

    run = await execute(work, metadata={"tags": ["a"]})
    assert seen == [["a"]]
    assert (await run.state()).status is ef.Status.COMPLETED


async def test_outputs_are_typed_when_they_are_looked_at(
    open_runtime: Open, clock: ManualClock
) -> None:
    """An earlier output is parsed once, and one that nobody looks at is not parsed at all."""
    seen: list[Any] = []

    @ef.stage
    async def middle(ctx: ef.StageContext[Text]) -> int:
        return 1

    @ef.stage
    async def last(ctx: ef.StageContext[int]) -> int:
        outputs = ctx.outputs
        seen.extend((outputs["split"], outputs["split"] is ctx.require(split)))
        seen.append((list(outputs), len(outputs), outputs._parsed.keys()))  # type: ignore[attr-defined]
        return 1

    workflow = ef.define_workflow("w", input=str).pipe(split).pipe(middle).pipe(last).build()
    runtime = await open_runtime(workflow)
    await runtime.start()
    run = await runtime.create_run("w", "to be")
    await clock.run_until(run.result())
    assert seen == [Text(["to", "be"]), True, (["split", "middle"], 2, {"split"})]


async def test_outputs_of_stages_that_are_gone_are_plain_data(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A newer version of the workflow without an old stage still sees what it gave."""
    seen: list[object] = []

    @ef.stage(id="last", retry=ef.Retry(max_attempts=2))
    async def last(ctx: ef.StageContext[Text]) -> int:
        seen.append(ctx.outputs["split"])
        return 1

    @ef.stage(id="last", retry=ef.Retry(max_attempts=2))
    async def first(ctx: ef.StageContext[dict[str, list[str]]]) -> int:
        seen.append(ctx.outputs["split"])
        return 1

    old = await open_runtime(ef.define_workflow("w", input=str).pipe(split).pipe(last).build())
    run = await old.create_run("w", "to be")
    stays = ef.define_workflow("w", input=str).pipe(split).build()
    half = await open_runtime(stays)
    await half.start()
    await clock.advance(5)
    await half.stop()
    new = await open_runtime(
        ef.define_workflow("w", input=dict[str, list[str]]).pipe(first).build()
    )
    await new.start()
    assert await clock.run_until(run.result()) == 1
    assert seen == [{"words": ["to", "be"]}]


@pytest.mark.parametrize("asked", ["split", split], ids=["by id", "by stage"])
async def test_what_a_stage_requires_and_what_it_may_do_without(
    open_runtime: Open,
    clock: ManualClock,
    asked: Any,  # noqa: ANN401
) -> None:
    """`require` gives an output or names those there are; `optional` gives it or None."""
    seen: list[object] = []

    @ef.stage
    async def last(ctx: ef.StageContext[Text]) -> int:
        seen.extend((ctx.require(asked), ctx.optional(asked), ctx.optional("last")))
        with pytest.raises(OutputNotFound, match=r'requires the output of "last".*"split"'):
            ctx.require("last")
        return 1

    runtime = await open_runtime(ef.define_workflow("w", input=str).pipe(split).pipe(last).build())
    await runtime.start()
    run = await runtime.create_run("w", "to")
    await clock.run_until(run.result())
    assert seen == [Text(["to"]), Text(["to"]), None]


async def test_a_stage_that_is_entered_again_has_its_state_typed(
    open_runtime: Open, clock: ManualClock
) -> None:
    """`resume_state` is None at first, and then what the stage suspended with, as its class."""
    states: list[object] = []

    @ef.stage(signal="go", state=Text)
    async def work(ctx: ef.StageContext[int]) -> int | ef.Suspended[Text]:
        states.append(ctx.resume_state)
        if ctx.resume_state is None:
            return ef.Suspended(Text(["half"]), signal="go")
        payload: Any = ctx.signal
        payload["tags"].append("mine")
        if ctx.attempt == 1:
            raise OSError("again")
        return 1

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(work).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(1)
    await run.signal("go", {"tags": []})
    await clock.run_until(run.result())
    assert states == [None, Text(["half"]), Text(["half"])]
    signals = (await run.state()).signals
    assert [signal.payload for signal in signals] == [{"tags": []}]


async def test_plain_functions_write_into_the_history_without_await(
    execute: Open, clock: ManualClock
) -> None:
    """In a thread the calls return when the note is durable, and may be made in any order."""
    clock._patience = 0.05

    @ef.stage
    def work(ctx: ef.StageContext[int]) -> int:
        ctx.log("hello", level="debug", part=1)
        ctx.progress(0.5, "half")
        ctx.annotate("quality", 0.9)
        return 1

    run = await execute(work)
    kinds = [envelope.type for envelope in await run.history()]
    notes = ["stage.logged", "stage.progressed", "run.annotated"]
    assert [kind for kind in kinds if kind in notes] == notes
    assert kinds.index("run.annotated") < kinds.index("stage.completed")


async def test_what_plain_functions_get_may_be_awaited_by_a_helper(
    execute: Open, clock: ManualClock
) -> None:
    """A note from a thread is an awaitable that is done, so helpers of both kinds share code."""
    clock._patience = 0.05

    @ef.stage
    def work(ctx: ef.StageContext[int]) -> int:
        async def helper() -> None:
            await ctx.log("hello")

        asyncio.run(helper())
        return 1

    run = await execute(work)
    assert "stage.logged" in [envelope.type for envelope in await run.history()]


@pytest.mark.parametrize("value", [float("nan"), object()], ids=["nan", "object"])
async def test_a_note_that_is_not_json_is_refused(execute: Open, value: object) -> None:
    """The stage hears of it where it wrote it."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int:
        with pytest.raises(ef.EventflowError, match="JSON"):
            await ctx.log("hello", value=value)
        return 1

    assert (await (await execute(work)).state()).status is ef.Status.COMPLETED


async def test_a_cancelled_stage_can_see_it(open_runtime: Open, clock: ManualClock) -> None:
    """`ctx.cancelled` turns true when the claim is lost, also in a thread that nobody can stop."""
    seen: list[bool] = []

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int:
        seen.append(ctx.cancelled)
        try:
            await clock.sleep(100)
        finally:
            seen.append(ctx.cancelled)
        return 1

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(work).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(1)
    await run.cancel()
    await clock.settle()
    assert seen == [False, True]


async def test_an_attempt_knows_when_it_began(open_runtime: Open, clock: ManualClock) -> None:
    """It is the recorded time of the claim, of each attempt its own, and moves no further."""
    seen = []

    @ef.stage(retry=ef.Retry(max_attempts=2, initial=60))
    async def work(ctx: ef.StageContext[int]) -> None:
        await clock.sleep(5)
        seen.append(ctx.claimed_at)
        if ctx.attempt == 1:
            raise ConnectionError

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(work).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.run_until(run.result())
    history = await run.history()
    assert seen == [each.recorded_at for each in history if each.type == "job.claimed"]
    assert len(set(seen)) == 2


async def test_chance_is_that_of_the_attempt(open_runtime: Open, clock: ManualClock) -> None:
    """Every attempt has random numbers of its own, and whoever knows the claim can draw them."""
    drawn = []

    @ef.stage(retry=ef.Retry(max_attempts=2))
    async def work(ctx: ef.StageContext[int]) -> None:
        drawn.append((ctx.random.random(), ctx.random.randrange(1000)))
        again = seeded_random(f"{ctx.run_id}:work:0:{ctx.token}")
        assert drawn[-1] == (again.random(), again.randrange(1000))
        if ctx.attempt == 1:
            raise ConnectionError

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(work).build())
    await runtime.start()
    await clock.run_until((await runtime.create_run("w", 0)).result())
    assert len(set(drawn)) == 2
