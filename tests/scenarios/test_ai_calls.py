"""Calls of models are part of the history: what they cost is kept, whatever becomes of the run."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

import eventflow as ef
from eventflow.ai import AISettings, CallNotRecorded, Price, replaying
from eventflow.ai.testing import Answer, ScriptedEmbeddings, ScriptedModel
from eventflow.core import events as e
from eventflow.core.ai import Tokens
from eventflow.errors import RuntimeNotOpen
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open

MODEL = "example:small"
PRICE = Price(input="1.00", output="2.00", version="2026-01")
COST = Decimal("0.00002")  # of 10 tokens in and 5 out


def settings(*answers: Any, **options: Any) -> AISettings:  # noqa: ANN401 - those of AISettings
    """Let a scripted model answer, whose price is known."""
    models = {MODEL: ScriptedModel(*answers, name=MODEL), "vectors": ScriptedEmbeddings()}
    return AISettings(models=models, prices={MODEL: PRICE}, **options)


async def calls(run: ef.Run) -> list[e.AICalled]:
    """Give the recorded calls of a run."""
    return [each.event for each in await run.history() if isinstance(each.event, e.AICalled)]


@ef.stage
async def summarise(ctx: ef.StageContext[str]) -> str:
    """Ask for a text."""
    return await ctx.ai.generate_text(MODEL, f"Summarise: {ctx.input}")


SUMMARY = ef.define_workflow("summary", input=str).pipe(summarise).build()


async def test_a_call_is_an_event_of_the_run(open_runtime: Open, clock: ManualClock) -> None:
    """It says who asked what, who answered what, and what it cost."""
    runtime = await open_runtime(SUMMARY, ai=settings("Short."))
    await runtime.start()
    run = await runtime.create_run("summary", "a long text")
    assert await clock.run_until(run.result()) == "Short."
    (call,) = await calls(run)
    assert call.topic == f"workflow.{run.id}.stage.summarise"
    assert (call.stage, call.generation, call.attempt) == ("summarise", 0, 1)
    assert (call.kind, call.requested_model, call.model) == ("text", MODEL, "small")
    assert (call.provider, call.finish_reason, call.error) == ("example", "stop", None)
    assert (call.cost, call.price_version) == (COST, "2026-01")
    assert "a long text" in str(call.prompt)
    assert "Short." in str(call.response)


async def test_totals_are_in_the_state_and_on_the_row(
    open_runtime: Open, clock: ManualClock
) -> None:
    """State, row, statistics and a fold of the history all say the same, and it is proven."""
    runtime = await open_runtime(SUMMARY, ai=settings("Short."))
    await runtime.start()
    run = await runtime.create_run("summary", "a long text")
    await clock.run_until(run.result())
    spent = (await run.state()).ai.spent
    (row,) = (await runtime.runs()).items
    assert spent.total.cost == row.ai.spent.cost == COST
    assert spent.stages["summarise"] == spent.total
    assert (await runtime.ai_stats(run=run.id)).spent == spent.total
    await run.verify()


async def test_a_failed_stage_keeps_what_its_calls_cost(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Every attempt is paid, also if none of them comes to anything."""

    @ef.stage(retry=ef.Retry(max_attempts=3))
    async def ask_and_fail(ctx: ef.StageContext[str]) -> str:
        await ctx.ai.generate_text(MODEL, ctx.input)
        raise ValueError("of no use")

    workflow = ef.define_workflow("fails", input=str).pipe(ask_and_fail).build()
    runtime = await open_runtime(workflow, ai=settings())
    await runtime.start()
    run = await runtime.create_run("fails", "a question")
    with pytest.raises(ef.RunFailed):
        await clock.run_until(run.result())
    assert (await run.state()).ai.spent.total.cost == 3 * COST
    assert [call.attempt for call in await calls(run)] == [1, 2, 3]


async def test_a_rerun_tells_what_was_spent_from_what_counts(
    open_runtime: Open, clock: ManualClock
) -> None:
    """What the first generation has cost is kept, and is no longer effective."""
    runtime = await open_runtime(SUMMARY, ai=settings())
    await runtime.start()
    run = await runtime.create_run("summary", "a long text")
    await clock.run_until(run.result())
    await run.rerun_from("summarise")
    await clock.run_until(run.result())
    ai = (await run.state()).ai
    assert (ai.spent.total.cost, ai.effective.total.cost) == (2 * COST, COST)
    assert [call.generation for call in await calls(run)] == [0, 1]
    stats = await runtime.ai_stats(stage="summarise")
    assert (stats.spent.calls, stats.effective.calls) == (2, 1)
    await run.verify()


async def test_statistics_are_told_by_topic_across_runs(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A topic counts what lies below it, in whatever run, and nothing that only begins alike."""
    runtime = await open_runtime(SUMMARY, ai=settings())
    await runtime.start()
    runs = [await runtime.create_run("summary", text) for text in ("one", "two")]
    for run in runs:
        await clock.run_until(run.result())
    assert (await runtime.ai_stats()).calls == 2
    assert (await runtime.ai_stats(topic="workflow")).calls == 2
    assert (await runtime.ai_stats(topic=f"workflow.{runs[0].id}")).calls == 1
    assert (await runtime.ai_stats(topic=f"workflow.{runs[0].id[:-1]}")).calls == 0
    assert set((await runtime.ai_stats()).models) == {MODEL}


async def test_calls_outside_of_runs_are_kept_in_runs_of_their_own(open_runtime: Open) -> None:
    """They are durable and counted, and nobody waits for such a run or claims it."""
    runtime = await open_runtime(SUMMARY, ai=settings())
    helper = runtime.create_ai_helper("billing.reports")
    await asyncio.gather(*(helper.generate_text(MODEL, "x") for _ in range(5)))
    await helper.child("letter", 7).embed("vectors", "x")
    other = await open_runtime(SUMMARY)
    stats = await other.ai_stats(topic="billing")
    assert (stats.calls, stats.cost, stats.spent.unpriced) == (6, 5 * COST, 1)
    assert set(stats.topics) == {"billing.reports", "billing.reports.letter.7"}
    (row,) = (await other.runs(workflow="eventflow.ai")).items
    assert row.status is ef.Status.COMPLETED
    assert await other.unclaimable_runs() == []
    await other.run(row.run_id).verify()


async def test_a_log_context_places_calls_in_a_run(open_runtime: Open, clock: ManualClock) -> None:
    """Code outside of stages calls in the name of a run, or of a stage as it is now."""
    runtime = await open_runtime(SUMMARY, ai=settings())
    await runtime.start()
    run = await runtime.create_run("summary", "a long text")
    await clock.run_until(run.result())
    of_stage = runtime.create_log_context(run.id, "summarise")
    of_run = runtime.create_log_context(run.id)
    await runtime.create_ai_helper("review", of_stage).generate_text(MODEL, "Is it good?")
    await runtime.create_ai_helper("review", of_run).generate_text(MODEL, "Is it good?")
    await of_stage.log("reviewed", by="somebody")
    _, second, third = await calls(run)
    assert (second.topic, second.stage, second.attempt) == ("review", "summarise", 1)
    assert (third.topic, third.stage, third.attempt) == ("review", None, None)
    assert (await run.state()).ai.spent.stages["summarise"].calls == 2
    assert (await run.history())[-1].type == "stage.logged"


@pytest.mark.parametrize(
    ("run_id", "stage", "error"),
    [("unknown", None, ef.RunNotFound), (None, "unknown", ef.StageNotFound)],
)
async def test_nothing_is_paid_for_a_place_that_is_not_there(
    open_runtime: Open, run_id: str | None, stage: str | None, error: type[Exception]
) -> None:
    """An unknown run or stage is found out before the model is asked."""
    model = ScriptedModel()
    runtime = await open_runtime(SUMMARY, ai=AISettings(models={MODEL: model}))
    run = await runtime.create_run("summary", "a long text")
    context = runtime.create_log_context(run_id or run.id, stage)
    with pytest.raises(error):
        await runtime.create_ai_helper("review", context).generate_text(MODEL, "x")
    assert model.asked == []


async def test_nothing_is_paid_for_once_the_runtime_is_closed() -> None:
    """A helper that outlives its runtime asks no model, since nobody could record it."""
    model = ScriptedModel()
    source = AISettings(models={MODEL: model})
    async with ef.Runtime("memory://", [SUMMARY], ai=source) as runtime:
        run = await runtime.create_run("summary", "a long text")
        outside = runtime.create_ai_helper("billing")
        context = runtime.create_log_context(run.id, "summarise")
        of_run = runtime.create_ai_helper("review", context)
    for helper in (outside, of_run):
        for call in (helper.generate_text(MODEL, "x"), helper.record_call(MODEL, cost=1)):
            with pytest.raises(RuntimeNotOpen, match="was closed"):
                await call
    with pytest.raises(RuntimeNotOpen, match="was closed"):
        await context.log("reviewed")
    assert model.asked == []


async def test_a_stream_that_is_given_up_is_recorded_before_the_stage_ends(
    open_runtime: Open, clock: ManualClock
) -> None:
    """It has cost what was read of it."""

    @ef.stage
    async def first_piece(ctx: ef.StageContext[str]) -> str:
        async for piece in ctx.ai.stream_text(MODEL, ctx.input):
            return piece
        return ""

    workflow = ef.define_workflow("stream", input=str).pipe(first_piece).build()
    pieces = Answer(["one ", "two ", "three "], input_tokens=10, output_tokens=6)
    runtime = await open_runtime(workflow, ai=settings(pieces))
    await runtime.start()
    run = await runtime.create_run("stream", "count")
    assert await clock.run_until(run.result()) == "one "
    (call,) = await calls(run)
    assert (call.kind, call.finish_reason, call.error) == ("stream", "given up", None)
    assert call.tokens == Tokens(input=10, output=2)
    assert (await run.state()).ai.effective.total.calls == 1
    kinds = [each.type for each in await run.history()]
    assert kinds.index("ai.called") < kinds.index("stage.completed")


async def test_the_answers_of_a_run_can_be_given_again(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A helper on the history of a run answers its calls in their order, from any store."""
    runtime = await open_runtime(SUMMARY, ai=settings("First.", "Second."))
    await runtime.start()
    run = await runtime.create_run("summary", "a long text")
    await clock.run_until(run.result())
    await run.rerun_from("summarise")
    await clock.run_until(run.result())
    replay = replaying(await run.history())
    asked = [await replay.generate_text(MODEL, "Summarise: a long text") for _ in range(2)]
    assert asked == ["First.", "Second."]
    assert replay.recordings.left == ()


async def test_a_run_that_is_cancelled_during_a_call_keeps_the_call(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The call is recorded as cancelled; what it used is not known."""
    entered = asyncio.Event()

    class Slow(ScriptedModel):
        async def request(self, *_: Any) -> Any:  # noqa: ANN401 - never answers
            entered.set()
            await asyncio.Event().wait()

    runtime = await open_runtime(SUMMARY, ai=AISettings(models={MODEL: Slow(name=MODEL)}))
    await runtime.start()
    run = await runtime.create_run("summary", "a long text")
    await clock.run_until(entered.wait())
    await run.cancel()
    await clock.settle()
    (call,) = await calls(run)
    assert call.error is not None
    assert call.error.type == "asyncio.exceptions.CancelledError"
    assert call.tokens is None
    spent = (await run.state()).ai.spent.total
    assert (spent.calls, spent.failed, spent.unpriced) == (1, 1, 0)


async def test_what_is_large_is_kept_outside_of_the_event(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A long prompt and a long answer are stored once, beside the log, and can be given again."""
    answer = "word " * 20_000
    runtime = await open_runtime(SUMMARY, ai=settings(answer))
    await runtime.start()
    run = await runtime.create_run("summary", "a long text " * 10_000)
    assert await clock.run_until(run.result()) == answer
    (call,) = [each for each in await run.history() if each.type == "ai.called"]
    assert len(call.data) < 4_000
    assert "a long text" in str(await run.load(call.event.prompt))
    await run.verify()
    prompt = "Summarise: " + "a long text " * 10_000
    assert (
        await replaying(await run.history(), load=run.load).generate_text(MODEL, prompt) == answer
    )
    with pytest.raises(CallNotRecorded, match=r"load=run\.load"):
        await replaying(await run.history()).generate_text(MODEL, prompt)


async def test_a_plain_stage_waits_for_its_calls(open_runtime: Open, clock: ManualClock) -> None:
    """A stage that runs in a thread waits for a call without an event loop of its own."""

    @ef.stage
    def in_thread(ctx: ef.StageContext[str]) -> str:
        return ctx.ai.wait(ctx.ai.generate_text(MODEL, ctx.input))

    workflow = ef.define_workflow("plain", input=str).pipe(in_thread).build()
    runtime = await open_runtime(workflow, ai=settings("Short."))
    await runtime.start()
    run = await runtime.create_run("plain", "a long text")
    assert await clock.run_until(run.result()) == "Short."
    assert (await run.state()).ai.spent.total.cost == COST
