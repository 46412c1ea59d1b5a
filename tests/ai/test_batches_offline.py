"""Batches without a network: from a script, and again from what was recorded."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, frozen

import eventflow as ef
from eventflow.ai import (
    AISettings,
    Answers,
    BatchAnswer,
    CallNotRecorded,
    Price,
    PromptPolicy,
    batch_stage,
    replaying,
)
from eventflow.ai.testing import Answer, ScriptedModel
from eventflow.core.events import AICalled, Recorded
from eventflow.core.retry import Retry
from eventflow.testing.harness import runtime
from eventflow.testing.history import History
from eventflow.testing.replaying import replay
from tests.ai.desk import Kept, helper

MODEL = "example:small"
TEXTS = {"a": "one", "b": "two", "c": "three"}


@frozen
class Length:
    """What is asked for."""

    letters: int


@batch_stage(model=MODEL, schema=Length, check_after=60, retry=Retry(max_attempts=1))
async def measure(ctx: ef.StageContext[dict[str, str]]) -> dict[str, str]:
    """Give a prompt for each text."""
    return {name: f"How long is {text}?" for name, text in ctx.input.items()}


MEASURING = ef.define_workflow("measuring", input=dict[str, str]).pipe(measure).build()
MEASURED = {"a": Length(3), "c": Length(5)}


def settings() -> AISettings:
    """Let a scripted model answer: one value, one that does not fit, one more value."""
    model = ScriptedModel(Length(3), {"letters": "three"}, Length(5), name=MODEL)
    return AISettings(models={MODEL: model}, prices={MODEL: Price(input="1", output="2")})


async def recorded() -> History:
    """Give the history of a run with a scripted batch."""
    async with runtime(MEASURING, ai=settings()) as manual:
        return await manual.play("measuring", TEXTS)


def calls(history: Any) -> list[AICalled]:  # noqa: ANN401 - a history, or a list of envelopes
    """Give the calls of a history."""
    return [each.event for each in history if isinstance(each.event, AICalled)]


async def test_a_batch_stage_is_tested_with_a_script() -> None:
    """A batch takes the next answers, has ended at the first check, and costs the half."""
    async with runtime(MEASURING, ai=settings()) as manual:
        run = await manual.create_run("measuring", TEXTS)
        answers = await manual.finish(run)
        assert answers == Answers(MEASURED, answers.problems)
        assert list(answers.problems) == ["b"]
        history = await run.history()
    # 10 tokens at 1 and 5 at 2 a million, and half of that
    assert [call.cost for call in calls(history)] == [Decimal("0.00001")] * 3
    assert all(60 <= call.duration < 70 for call in calls(history))


async def test_a_batch_without_prompts_is_none() -> None:
    """Nothing is submitted, and the stage completes without answers."""
    model = ScriptedModel(name=MODEL)
    async with runtime(MEASURING, ai=AISettings(models={MODEL: model})) as manual:
        assert await manual.finish(await manual.create_run("measuring", {})) == Answers()
    assert model.asked == []


def test_a_batch_is_made_of_an_async_def_with_a_context() -> None:
    """Anything else is refused when the stage is made."""

    def waits(ctx: ef.StageContext[str]) -> dict[str, str]:
        return {"a": ctx.input}

    async def takes_none() -> dict[str, str]:
        return {}

    with pytest.raises(ef.InvalidWorkflow, match="so it is async def"):
        batch_stage(model=MODEL)(waits)  # type: ignore[arg-type]
    with pytest.raises(ef.InvalidWorkflow, match="annotated as StageContext"):
        batch_stage(model=MODEL)(takes_none)  # type: ignore[arg-type]


async def test_an_error_of_a_script_is_that_of_its_prompt() -> None:
    """Each prompt of a batch has its own answer or error, and the model tells what it was asked."""
    model = ScriptedModel("one", ValueError("two"), Answer("three", model="m"), name=MODEL)
    batch = helper(AISettings(models={MODEL: model}), Kept()).batch(MODEL)
    handle = await batch.submit(TEXTS, temperature=0.5)
    assert await batch.ended(handle)
    found = await batch.results(handle)
    assert found == [
        BatchAnswer("a", "one"),
        BatchAnswer("b", problem="two"),
        BatchAnswer("c", "three"),
    ]
    assert len(model.asked) == 3
    assert model.settings_given[0] == {"temperature": 0.5}


async def test_a_whole_workflow_is_answered_from_a_recorded_batch() -> None:
    """A new run submits nothing, and gets answers, problems, tokens and costs as they were."""
    before = await recorded()
    source = replaying(before)
    async with runtime(MEASURING, ai=source) as manual:
        run = await manual.create_run("measuring", TEXTS)
        answers = await manual.finish(run)
        again = calls(await run.history())
    assert answers.values == MEASURED
    assert list(answers.problems) == ["b"]
    assert [(call.tokens, call.cost) for call in again] == [
        (call.tokens, call.cost) for call in calls(before)
    ]
    assert source.recordings.left == ()


async def test_a_recorded_batch_stage_is_replayed_with_its_checks() -> None:
    """The code of today meets the recorded answers, and nothing differs."""
    report = await replay(await recorded(), MEASURING, checks=True)
    report.assert_same()


async def test_a_batch_that_was_not_recorded_says_so() -> None:
    """Neither a further batch nor another handle has answers, and each batch is given once."""
    again = replaying(await recorded()).batch(MODEL)
    handle = await again.submit(TEXTS)
    with pytest.raises(CallNotRecorded, match=f"no further batch of {MODEL} with 3 prompts"):
        await again.submit(TEXTS)
    assert [each.id for each in await again.results(handle)] == ["a", "b", "c"]
    with pytest.raises(CallNotRecorded, match='0 answers of the batch "another", not 3'):
        await again.results(evolve(handle, id="another"))


async def test_a_batch_whose_answers_were_not_kept_cannot_be_given_again() -> None:
    """The error names the policy under which it was recorded."""
    model = ScriptedModel("one", name=MODEL)
    kept = Kept()
    batch = helper(AISettings(models={MODEL: model}, policy=PromptPolicy.HASH), kept).batch(MODEL)
    handle = await batch.submit({"a": "x"})
    await batch.results(handle)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    again = replaying([Recorded("run", 1, moment, kept.only)]).batch(MODEL)
    with pytest.raises(CallNotRecorded, match='under the policy "hash"'):
        await again.results(handle)
