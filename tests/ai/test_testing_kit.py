"""Stages that call models are tested without a network, by a script or by what was recorded."""

from typing import Any

import pytest

import eventflow as ef
from eventflow.ai import AISettings, CallNotRecorded, replaying
from eventflow.ai.testing import ScriptedModel
from eventflow.core import events as e
from eventflow.testing.harness import runtime
from eventflow.testing.history import History
from eventflow.testing.replaying import replay
from eventflow.testing.stages import run_stage

MODEL = "example:small"


def settings(*answers: Any) -> AISettings:  # noqa: ANN401 - whatever a script holds
    """Let a scripted model answer."""
    return AISettings(models={MODEL: ScriptedModel(*answers, name=MODEL)})


@ef.stage
async def summarise(ctx: ef.StageContext[str]) -> str:
    """Ask for a text."""
    return await ctx.ai.generate_text(MODEL, f"Summarise: {ctx.input}")


SUMMARY = ef.define_workflow("summary", input=str).pipe(summarise).build()


async def recorded(*answers: Any) -> History:  # noqa: ANN401 - whatever a script holds
    """Give the history of a run of which a scripted model was asked."""
    async with runtime(SUMMARY, ai=settings(*answers)) as manual:
        return await manual.play("summary", "a long text")


async def test_a_stage_alone_calls_a_scripted_model() -> None:
    """Its call is among what it said, with its place."""
    outcome = await run_stage(summarise, "a long text", ai=settings("Short."))
    assert outcome.output == "Short."
    (call,) = outcome.notes
    assert isinstance(call, e.AICalled)
    assert (call.stage, call.generation, call.attempt) == ("summarise", 0, 1)


async def test_a_stage_alone_can_ask_what_its_calls_came_to() -> None:
    """Statistics count what was called so far in this attempt."""

    @ef.stage
    async def count(ctx: ef.StageContext[str]) -> int:
        await ctx.ai.generate_text(MODEL, ctx.input)
        return (await ctx.ai.stats()).calls

    assert (await run_stage(count, "x", ai=settings())).output == 1


async def test_a_replay_gives_the_recorded_answers() -> None:
    """No model is asked, and nothing differs."""
    report = await replay(await recorded("Short."), SUMMARY)
    assert report.divergences == ()
    assert report.executed == 1


async def test_each_attempt_gets_its_own_answers_again() -> None:
    """The first attempt fails with what it was told, and the second completes."""

    @ef.stage
    async def picky(ctx: ef.StageContext[str]) -> str:
        answer = await ctx.ai.generate_text(MODEL, ctx.input)
        if answer == "bad":
            raise ValueError(answer)
        return answer

    workflow = ef.define_workflow("picky", input=str).pipe(picky).build()
    async with runtime(workflow, ai=settings("bad", "good")) as manual:
        history = await manual.play("picky", "x")
    report = await replay(history, workflow)
    assert report.divergences == ()


async def test_a_call_that_was_not_recorded_is_a_divergence() -> None:
    """A prompt of today that nobody asked before says so."""

    @ef.stage(id="summarise")
    async def otherwise(ctx: ef.StageContext[str]) -> str:
        return await ctx.ai.generate_text(MODEL, f"Shorten: {ctx.input}")

    report = await replay(await recorded("Short."), SUMMARY, replace={"summarise": otherwise})
    assert "CallNotRecorded" in str(report.divergences)


async def test_a_whole_runtime_answers_from_a_history() -> None:
    """A new run gets the recorded answers, and records them as its own calls."""
    from_history = await recorded("Short.")
    async with runtime(SUMMARY, ai=replaying(from_history)) as manual:
        history = await manual.play("summary", "a long text")
    assert history.state().output == "Short."
    assert [each.type for each in history].count("ai.called") == 1


@pytest.mark.parametrize("policy", ["hash", "none"])
async def test_an_answer_that_was_not_kept_cannot_be_given_again(policy: str) -> None:
    """The error names the policy under which the call was recorded."""
    source = AISettings(models={MODEL: ScriptedModel("Short.", name=MODEL)}, policy=policy)
    async with runtime(SUMMARY, ai=source) as manual:
        history = await manual.play("summary", "a long text")
    with pytest.raises(CallNotRecorded, match=f'policy "{policy}"'):
        await replaying(history).generate_text(MODEL, "Summarise: a long text")
