"""Recorded answers are given again to the same calls, in order, and nothing is made up."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from attrs import frozen
from pydantic_ai import Agent

from eventflow.ai import AICallFailed, AISettings, CallNotRecorded, replaying
from eventflow.ai.helper import Helper
from eventflow.ai.replay import Replay
from eventflow.ai.testing import Answer, ScriptedEmbeddings, ScriptedModel
from eventflow.core import events as e
from tests.ai.desk import Kept, helper, local
from tests.ai.provider import LoopbackProvider, Reply, chat

MODEL = "example:small"


@frozen
class Review:
    """What a model is to give."""

    title: str
    stars: int


def recording(*answers: object) -> tuple[Helper, Kept]:
    """Give a helper that asks a scripted model, and what it records."""
    kept = Kept()
    models = {MODEL: ScriptedModel(*answers, name=MODEL), "vectors": ScriptedEmbeddings()}
    return helper(AISettings(models=models), kept), kept


def replay(calls: Sequence[e.AICalled]) -> Replay:
    """Give a helper that answers from what was recorded."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return replaying([e.Recorded("run", n, moment, call) for n, call in enumerate(calls, 1)])


async def ask_everything(ai: Helper) -> list[object]:
    """Make one call of each kind."""
    return [
        await ai.generate_text(MODEL, "one", instructions="Be brief.", settings={"seed": 1}),
        await ai.generate_object(MODEL, "two", Review),
        [piece async for piece in ai.stream_text(MODEL, "three")],
        await ai.embed("vectors", ["four", "five"], dimensions=3),
        await ai.embed("vectors", "six", query=True),
    ]


async def test_every_kind_of_call_is_answered_alike() -> None:
    """Texts, objects, streams and vectors come back as they were."""
    ai, kept = recording("One.", {"title": "Two", "stars": 2}, Answer(["Three."]))
    first = await ask_everything(ai)
    again = replay(kept.calls)
    assert await ask_everything(again) == first
    assert again.recordings.left == ()


@pytest.mark.parametrize("name", ["openai:gpt-5-mini", "anthropic:claude-opus-4-7"])
async def test_a_model_that_takes_no_temperature_is_replayed_too(name: str) -> None:
    """What was asked counts, and not what of it the model would have been told."""
    kept = Kept()
    ai = helper(AISettings(models={name: ScriptedModel("One.", name=name)}), kept)
    await ai.generate_text(name, "one")
    assert await replay(kept.calls).generate_text(name, "one") == "One."


async def test_a_text_tells_the_same_of_itself() -> None:
    """Tokens, cost, model and finish reason are the recorded ones."""
    ai, kept = recording(Answer("One.", cache_read_tokens=3, finish_reason="length"))
    first = await ai.generate_text(MODEL, "one")
    again = await replay(kept.calls).generate_text(MODEL, "one")
    assert (again.tokens, again.cost) == (first.tokens, first.cost)
    assert (again.model, again.finish_reason) == (first.model, "length")


async def test_the_model_of_the_settings_is_known_again() -> None:
    """A call that names no model is answered, whichever model the settings of then named."""
    ai, kept = recording("a", "b")
    models = {"other": ScriptedModel("c", name="other")}
    other = helper(AISettings(models=models, text_model="other"), kept)
    for each, model in ((ai, MODEL), (other, None), (ai, MODEL)):
        await each.generate_text(model, "same")
    again = replay(kept.calls[1:])
    assert await again.generate_text(None, "same") == "c"
    assert await again.generate_text(MODEL, "same") == "b"
    with pytest.raises(CallNotRecorded, match="this call of default 1 times"):
        await again.generate_text(None, "same")
    with pytest.raises(CallNotRecorded, match="no such call of default"):
        await again.generate_text(None, "another")


async def test_equal_calls_get_their_answers_in_order() -> None:
    """Each answer is given once; one more is not made up."""
    ai, kept = recording("a", "b")
    for _ in range(2):
        await ai.generate_text(MODEL, "same")
    again = replay(kept.calls)
    assert [await again.generate_text(MODEL, "same") for _ in range(2)] == ["a", "b"]
    with pytest.raises(CallNotRecorded, match="2 times, and it is asked for once more"):
        await again.generate_text(MODEL, "same")


async def test_different_calls_may_come_in_another_order() -> None:
    """What runs side by side need not come back in the order in which it was recorded."""
    ai, kept = recording("a", "b", "c")
    for prompt in ("one", "two", "three"):
        await ai.generate_text(MODEL, prompt)
    again = replay(kept.calls)
    prompts = ("three", "one", "two")
    answers = await asyncio.gather(*(again.generate_text(MODEL, prompt) for prompt in prompts))
    assert answers == ["c", "a", "b"]


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.1},
        {"max_tokens": 7},
        {"instructions": "Be kind."},
        {"settings": {"seed": 2}},
    ],
    ids=lambda options: next(iter(options)),
)
async def test_a_call_that_differs_is_another_call(options: dict[str, object]) -> None:
    """Whatever an answer depends on must be the same."""
    ai, kept = recording("a")
    await ai.generate_text(MODEL, "x")
    with pytest.raises(CallNotRecorded, match="1 calls of this model are left"):
        await replay(kept.calls).generate_text(MODEL, "x", **options)  # type: ignore[arg-type]


async def test_another_model_is_another_call() -> None:
    """The model counts as the caller names it."""
    ai, kept = recording("a")
    await ai.generate_text(MODEL, "x")
    with pytest.raises(CallNotRecorded):
        await replay(kept.calls).generate_text("example:large", "x")


async def test_a_failure_is_repeated(provider: LoopbackProvider) -> None:
    """A recorded failure fails again, with its status, and the next try gets its answer."""
    kept = Kept()
    ai = helper(local(provider.url), kept)
    provider.answer(Reply({"error": {"message": "slow down"}}, 429), chat("Hello."))
    with pytest.raises(AICallFailed) as first:
        await ai.generate_text("local:small", "x", settings={"max_retries": 0})
    await ai.generate_text("local:small", "x", settings={"max_retries": 0})
    again = replay(kept.calls)
    with pytest.raises(AICallFailed) as second:
        await again.generate_text("local:small", "x", settings={"max_retries": 0})
    assert str(second.value) == str(first.value)
    assert second.value.status == 429
    assert await again.generate_text("local:small", "x", settings={"max_retries": 0}) == "Hello."


async def test_a_call_with_tools_is_answered_from_the_log(provider: LoopbackProvider) -> None:
    """The tools run again, and what they say must lead to the recorded second request."""
    kept = Kept()
    ai = helper(local(provider.url), kept)
    provider.answer(chat(None, tool_calls=[("double", {"number": 4})]), chat("It is 8."))

    def double(number: int) -> int:
        """Double a number."""
        return number * 2

    first = await ai.generate_text("local:small", "Double 4.", tools=[double])
    again = await replay(kept.calls).generate_text("local:small", "Double 4.", tools=[double])
    assert again == first == "It is 8."

    def wrong(number: int) -> int:
        """Double a number."""
        return number * 3

    wrong.__name__ = "double"
    with pytest.raises(CallNotRecorded):
        await replay(kept.calls).generate_text("local:small", "Double 4.", tools=[wrong])


async def test_an_agent_is_answered_from_the_log(provider: LoopbackProvider) -> None:
    """An agent of the library that gets its model from a replay goes the recorded way."""

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    async def run(ai: Helper) -> str:
        agent = Agent(ai.model("local:small"), tools=[add], instructions="Be exact.")
        return (await agent.run("1 and 2?")).output

    kept = Kept()
    provider.answer(chat(None, tool_calls=[("add", {"a": 1, "b": 2})]), chat("3"))
    assert await run(helper(local(provider.url), kept)) == "3"
    assert await run(replay(kept.calls)) == "3"


async def test_what_was_recorded_elsewhere_has_no_answer_to_give() -> None:
    """A call that came through `record_call` is counted, and not answered."""
    kept = Kept()
    await helper(AISettings(), kept).record_call(MODEL, prompt="x", response="y", cost="0.1")
    again = replay(kept.calls)
    with pytest.raises(CallNotRecorded):
        await again.generate_text(MODEL, "x")
    assert (await again.stats()).calls == 0
    assert (await replaying(_facts(kept.calls), topic="test").stats()).calls == 1


def _facts(calls: Sequence[e.AICalled]) -> list[e.Recorded]:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return [e.Recorded("run", number, moment, call) for number, call in enumerate(calls, 1)]
