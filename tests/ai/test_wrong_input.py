"""What cannot be is refused before anything is asked, and the error says what there is instead."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from pydantic_ai import ImageUrl

from eventflow.ai.helper import Helper
from eventflow.errors import ExtraMissing, InvalidInput, InvalidSettings
from tests.ai.desk import Kept, helper, local
from tests.ai.provider import LoopbackProvider, chat

Call: TypeAlias = Callable[[Any], Awaitable[object]]
MODEL = "local:small"

MODELS: list[tuple[object, str]] = [
    ("gpt-4o", "Unknown model: gpt-4o; a model is named as provider:name"),
    ("nowhere:gpt-4o", "Unknown provider: nowhere; .* further providers of the OpenAI protocol"),
    (5, "A model is a name such as openai:gpt-5-mini, or a model object of pydantic_ai, not int"),
]


@pytest.fixture
def kept() -> Kept:
    """What was recorded."""
    return Kept()


@pytest.fixture
async def ai(provider: LoopbackProvider, kept: Kept) -> Helper:
    """A helper that calls the provider of the test."""
    return helper(local(provider.url), kept)


@pytest.mark.parametrize(("model", "says"), MODELS)
async def test_a_model_that_is_none(model: object, says: str, ai: Helper) -> None:
    """The error says how models are named."""
    with pytest.raises(InvalidSettings, match=says):
        await ai.generate_text(model, "x")


async def test_a_provider_that_needs_more_than_the_extra(ai: Helper) -> None:
    """The library says itself what to install for the providers that it has apart."""
    with pytest.raises(ExtraMissing, match=r"pydantic-ai-slim\[cohere\]"):
        await ai.generate_text("cohere:command-r", "x")


WRONG: dict[str, tuple[Call, str]] = {
    "a number as a part": (lambda ai: ai.generate_text(MODEL, ["x", 5]), "not int"),
    "no part": (lambda ai: ai.generate_text(MODEL, []), "at least one part"),
    "a text as history": (lambda ai: ai.generate_text(MODEL, "x", history="before"), "`messages`"),
    "texts as history": (
        lambda ai: ai.generate_text(MODEL, "x", history=["before"], tools=[len]),
        "`messages`",
    ),
    "a name as a tool": (lambda ai: ai.generate_text(MODEL, "x", tools=["len"]), "functions"),
    "one tool": (lambda ai: ai.generate_text(MODEL, "x", tools=len), "a list of functions"),
    "no schema": (lambda ai: ai.generate_object(MODEL, "x", 5), "The answer cannot be 5"),
    "vectors of numbers": (lambda ai: ai.embed(MODEL, [1, 2]), "texts, not of int"),
    "prompts without ids": (lambda ai: ai.batch(MODEL).submit(["x"]), "an id of its own"),
    "ids that are no texts": (lambda ai: ai.batch(MODEL).submit({1: "x"}), "are texts"),
    "a call of nobody": (lambda ai: ai.record_call(""), "the name of its model"),
    "a call of None": (lambda ai: ai.record_call(None), "the name of its model, not None"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_cannot_be_asked(
    name: str, provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """It is refused before it is paid for, and nothing is recorded."""
    call, says = WRONG[name]
    with pytest.raises(InvalidInput, match=says):
        await call(ai)
    assert (provider.requests, kept.calls) == ([], [])


async def test_a_link_with_a_signature(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """The provider gets the whole link to an image, and the log neither password nor signature."""
    link = "https://me:hunter22@example.org/a.png?page=2&X-Amz-Credential=AK1&sig=c0ffee&v=3"
    provider.answer(chat())
    await ai.generate_text(MODEL, ["What is this?", ImageUrl(link)])
    assert link in str(provider.requests[0].body)
    assert "https://***@example.org/a.png?page=2&X-Amz-Credential=***&sig=***&v=3" in str(
        kept.only.prompt
    )
