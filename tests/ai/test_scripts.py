"""Scripted models and the guard: what users test their stages with."""

import pytest

from eventflow.ai import AICallFailed, AISettings
from eventflow.ai.testing import Answer, ScriptedEmbeddings, ScriptedModel, no_requests
from eventflow.core.ai import Tokens
from tests.ai.desk import Kept, helper, local
from tests.ai.provider import LoopbackProvider, chat

MODEL = "example:small"


async def test_answers_are_given_in_order() -> None:
    """Texts, values and errors; what was asked can be looked at."""
    model = ScriptedModel("a", {"b": 1}, ValueError("c"), name=MODEL)
    ai = helper(AISettings(models={MODEL: model}), Kept())
    assert await ai.generate_text(MODEL, "one") == "a"
    assert await ai.generate_object(MODEL, "two", dict[str, int]) == {"b": 1}
    with pytest.raises(AICallFailed, match="c"):
        await ai.generate_text(MODEL, "three")
    assert len(model.asked) == 3
    assert model.settings_given[1] == {"temperature": 0.0}


async def test_a_script_that_is_too_short_says_so() -> None:
    """The test hears how often the model was asked."""
    ai = helper(AISettings(models={MODEL: ScriptedModel("a", name=MODEL)}), Kept())
    await ai.generate_text(MODEL, "one")
    with pytest.raises(AICallFailed, match="no answer left; it was asked 2 times"):
        await ai.generate_text(MODEL, "two")


async def test_a_model_without_a_script_always_answers() -> None:
    """It tells how often it was asked."""
    ai = helper(AISettings(models={MODEL: ScriptedModel(name=MODEL)}), Kept())
    assert [await ai.generate_text(MODEL, "x") for _ in range(2)] == ["answer 1", "answer 2"]


async def test_an_answer_says_what_it_used() -> None:
    """Tokens, finish reason and model are those of the script; none at all are unknown."""
    kept = Kept()
    answer = Answer("a", 7, 3, reasoning_tokens=2, finish_reason="length", model="small-2")
    model = ScriptedModel(answer, Answer("b", 0, 0), name=MODEL)
    ai = helper(AISettings(models={MODEL: model}), kept)
    text = await ai.generate_text(MODEL, "x")
    assert (text.tokens, text.finish_reason) == (Tokens(7, 3, reasoning=2), "length")
    assert text.model == "small-2"
    assert (await ai.generate_text(MODEL, "x")).tokens is None


async def test_a_stream_may_break_off() -> None:
    """An error among the pieces comes after those before it."""
    kept = Kept()
    model = ScriptedModel(Answer(["a", "b", ConnectionError("lost")], 10, 6), name=MODEL)
    ai = helper(AISettings(models={MODEL: model}), kept)
    stream = ai.stream_text(MODEL, "x")
    assert [await anext(aiter(stream)) for _ in range(2)] == ["a", "b"]
    with pytest.raises(AICallFailed, match="lost"):
        await anext(aiter(stream))
    assert kept.only.tokens == Tokens(10, 4)


async def test_equal_texts_have_equal_vectors() -> None:
    """Different ones have others, and a test can make its own."""
    models = {"own": ScriptedEmbeddings(lambda text: [float(len(text))]), "v": ScriptedEmbeddings()}
    ai = helper(AISettings(models=models), Kept())
    first, second, third = await ai.embed("v", ["cat", "dog", "cat"], dimensions=5)
    assert first == third != second
    assert len(first) == 5
    assert await ai.embed("own", "four") == [4.0]


async def test_the_guard_forbids_real_requests(provider: LoopbackProvider) -> None:
    """Nothing reaches a provider, and scripted models still answer."""
    kept = Kept()
    ai = helper(local(provider.url, models={MODEL: ScriptedModel("a", name=MODEL)}), kept)
    with no_requests():
        with pytest.raises(AICallFailed, match="not allowed"):
            await ai.generate_text("local:small", "x")
        with pytest.raises(AICallFailed, match="not allowed"):
            await ai.embed("local:vectors", "x")
        assert await ai.generate_text(MODEL, "x") == "a"
    assert provider.requests == []
    provider.answer(chat("b"))
    assert await ai.generate_text("local:small", "x") == "b"
