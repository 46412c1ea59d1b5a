"""The real client of the OpenAI protocol against a provider on this machine."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from eventflow.ai import AICallFailed, AICallRefused, InvalidAnswer, Price
from eventflow.ai.helper import Helper
from eventflow.ai.vectors import unpacked
from eventflow.core.ai import Tokens
from tests.ai.desk import KEY, Kept, helper, local
from tests.ai.provider import LoopbackProvider, Reply, chat, chat_stream, embeddings

MODEL = "local:small"
ONCE = {"max_retries": 0}
TOKENS = Tokens(input=100, output=20, cache_read=40, reasoning=5)


@frozen
class Review:
    """What a model is to give."""

    title: str
    stars: int


@pytest.fixture
def kept() -> Kept:
    """What was recorded."""
    return Kept()


@pytest.fixture
async def ai(provider: LoopbackProvider, kept: Kept) -> Helper:
    """A helper that calls the provider of the test, whose prices are known."""
    prices = {"local:small": Price(input="1", output="2", cache_read="0.1", version="2026-01")}
    return helper(local(provider.url, prices=prices), kept)


async def test_a_text(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """Prompt, settings and key reach the provider; text, tokens and cost come back."""
    provider.answer(chat("Good morning."))
    text = await ai.generate_text(
        MODEL, "Greet me.", max_tokens=50, instructions="Be brief.", settings={"seed": 7}
    )
    (request,) = provider.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert [each["content"] for each in request.body["messages"]] == ["Be brief.", "Greet me."]
    assert (request.body["temperature"], request.body["seed"]) == (0.7, 7)
    assert text == "Good morning."
    assert (text.tokens, text.model, text.finish_reason) == (TOKENS, "small-2026-01-01", "stop")
    # (60 * 1 + 40 * 0.1 + 20 * 2) / 1 000 000
    assert text.cost == kept.only.cost == Decimal("0.000104")
    assert (kept.only.tokens, kept.only.provider) == (TOKENS, "local")
    assert kept.only.duration == pytest.approx(0.1)


async def test_a_conversation_goes_on(provider: LoopbackProvider, ai: Helper) -> None:
    """The messages of a text are the history of the next question."""
    provider.answer(chat("Paris."), chat("Two million."))
    first = await ai.generate_text(MODEL, "The capital of France?")
    await ai.generate_text(MODEL, "How many live there?", history=first.messages)
    roles = [(each["role"], each["content"]) for each in provider.requests[1].body["messages"]]
    assert roles == [
        ("user", "The capital of France?"),
        ("assistant", "Paris."),
        ("user", "How many live there?"),
    ]


async def test_an_unknown_price_is_null_and_never_zero(provider: LoopbackProvider) -> None:
    """A model that nobody knows the price of has cost something that is not known."""
    kept = Kept()
    provider.answer(chat())
    text = await helper(local(provider.url), kept).generate_text(MODEL, "x")
    assert text.cost is None
    assert (kept.only.cost, kept.only.price_version) == (None, None)
    assert (await kept.stats("test")).spent.unpriced == 1


async def test_usage_that_the_provider_does_not_tell_is_unknown(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """Without a count there are no tokens and no cost, known price or not."""
    provider.answer(chat(usage=None))
    text = await ai.generate_text(MODEL, "x")
    assert (text.tokens, text.cost) == (None, None)
    assert (kept.only.tokens, kept.only.cost) == (None, None)


async def test_a_model_calls_tools_before_it_answers(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """Each request is a call of its own, and the tool's answer is part of the second."""

    def weather(city: str) -> str:
        """Tell the weather of a city."""
        return f"rain in {city}"

    provider.answer(chat(None, tool_calls=[("weather", {"city": "Oslo"})]), chat("Take a coat."))
    text = await ai.generate_text(MODEL, "What shall I wear in Oslo?", tools=[weather])
    assert text == "Take a coat."
    assert text.tokens == TOKENS + TOKENS
    assert provider.requests[0].body["tools"][0]["function"]["name"] == "weather"
    assert provider.requests[1].body["messages"][-1]["content"] == "rain in Oslo"
    assert [call.finish_reason for call in kept.calls] == ["tool_call", "stop"]


async def test_a_cost_of_which_a_part_is_unknown_is_unknown(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """A text that took several requests has no cost if the provider is silent about one of them."""

    def time() -> str:
        """Tell the time."""
        return "noon"

    asks: list[tuple[str, dict[str, object]]] = [("time", {})]
    provider.answer(chat(None, usage=None, tool_calls=asks), chat("Noon."))
    text = await ai.generate_text(MODEL, "How late is it?", tools=[time])
    assert [call.cost is None for call in kept.calls] == [True, False]
    assert (text.cost, text.tokens) == (None, None)
    provider.answer(chat(None, tool_calls=asks), chat("Noon."))
    text = await ai.generate_text(MODEL, "How late is it?", tools=[time])
    assert text.cost == 2 * (kept.calls[1].cost or 0) > 0


async def test_the_error_of_a_tool_is_the_callers_own(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """A tool that raises ends the call with its own error; what was asked is recorded and paid."""

    def broken() -> str:
        """Break."""
        raise KeyError("of the tool")

    provider.answer(chat(None, tool_calls=[("broken", {})]))
    with pytest.raises(KeyError, match="of the tool"):
        await ai.generate_text(MODEL, "x", tools=[broken])
    assert kept.only.error is None
    assert kept.only.cost is not None


async def test_tools_are_not_called_for_ever(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """A model that only calls tools is stopped, and every request is in the log."""

    def again() -> str:
        """Do nothing."""
        return ""

    provider.answer(*[chat(None, tool_calls=[("again", {})])] * 5)
    with pytest.raises(AICallFailed, match="request_limit"):
        await ai.generate_text(MODEL, "x", tools=[again], max_requests=3)
    assert len(kept.calls) == 3


async def test_an_object(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """The provider is told the schema, and gives a value of the type."""
    provider.answer(chat(None, tool_calls=[("final_result", {"title": "Fine", "stars": 4})]))
    assert await ai.generate_object(MODEL, "Review it.", Review) == Review("Fine", 4)
    (tool,) = provider.requests[0].body["tools"]
    assert tool["function"]["parameters"]["required"] == ["title", "stars"]
    assert provider.requests[0].body["temperature"] == 0.0
    assert kept.only.kind == "object"


async def test_an_object_that_does_not_fit_is_asked_for_again(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """The model is told what is wrong, and both calls are recorded."""
    provider.answer(
        chat(None, tool_calls=[("final_result", {"title": "Fine", "stars": "four"})]),
        chat(None, tool_calls=[("final_result", {"title": "Fine", "stars": 4})]),
    )
    assert await ai.generate_object(MODEL, "Review it.", Review) == Review("Fine", 4)
    assert "stars: expected an integer" in provider.requests[1].body["messages"][-1]["content"]
    assert len(kept.calls) == 2


@pytest.mark.parametrize(
    "answer",
    [
        chat(None, tool_calls=[("final_result", {"title": "Fine"})]),
        chat("no JSON at all"),
        chat('```json\n{"title": 1, "stars": 1}\n```'),
        chat(""),
    ],
    ids=["field missing", "prose", "wrong type in a fence", "nothing"],
)
async def test_an_object_that_never_fits_is_an_error(
    provider: LoopbackProvider, ai: Helper, kept: Kept, answer: dict[str, Any]
) -> None:
    """It is never an empty or half-filled object."""
    provider.answer(answer, answer)
    with pytest.raises(InvalidAnswer) as failed:
        await ai.generate_object(MODEL, "Review it.", Review)
    assert failed.value.problems
    assert len(kept.calls) == 2


async def test_vectors(provider: LoopbackProvider, kept: Kept) -> None:
    """Several texts take one call; one text gives one vector."""
    prices = {"local:vectors": Price(input="0.02")}
    ai = helper(local(provider.url, prices=prices), kept)
    provider.answer(embeddings([1.0, 2.0], [3.0, 4.0]), embeddings([5.0, 6.0]))
    several = await ai.embed("local:vectors", ["a", "b"], dimensions=2)
    assert several == [[1.0, 2.0], [3.0, 4.0]]
    assert await ai.embed("local:vectors", "c") == [5.0, 6.0]
    assert provider.requests[0].path == "/v1/embeddings"
    assert provider.requests[0].body["dimensions"] == 2
    first, _ = kept.calls
    assert (first.kind, first.tokens, first.cost) == (
        "embedding",
        Tokens(input=8),
        Decimal("0.00000016"),
    )
    assert unpacked(first.response) == several


async def test_a_stream(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """Pieces come as they are sent, and the call is recorded at the end with its usage."""
    provider.answer(Reply(events=chat_stream("Good ", "morning", ".")))
    pieces = [piece async for piece in ai.stream_text(MODEL, "Greet me.")]
    assert pieces == ["Good ", "morning", "."]
    assert provider.requests[0].body["stream_options"] == {"include_usage": True}
    assert (kept.only.kind, kept.only.tokens) == ("stream", TOKENS)
    assert (kept.only.finish_reason, kept.only.cost) == ("stop", Decimal("0.000104"))
    assert "Good morning." in str(kept.only.response)


async def test_a_stream_that_is_given_up(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """What was read is recorded; what it cost is unknown, since the provider never said."""
    provider.answer(Reply(events=chat_stream("Good ", *["and on "] * 200), wait=0.01))
    async with ai.stream_text(MODEL, "Go on for ever.") as stream:
        async for _ in stream:
            break
    assert (kept.only.finish_reason, kept.only.error) == ("given up", None)
    assert (kept.only.tokens, kept.only.cost) == (None, None)
    assert "Good " in str(kept.only.response)
    assert (await kept.stats("test")).spent.unpriced == 1


async def test_a_stream_whose_task_is_cancelled(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """It is recorded as cancelled, with what had come."""
    provider.answer(Reply(events=chat_stream("Good ", *["and on "] * 200), wait=0.01))
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in ai.stream_text(MODEL, "Go on for ever."):
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kept.only.error is not None
    assert kept.only.error.type == "asyncio.exceptions.CancelledError"
    assert "Good " in str(kept.only.response)


async def test_a_stream_that_breaks_off(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """A connection that is lost fails the call, which is recorded with what had come."""
    provider.answer(Reply(events=chat_stream("Good ", "morning"), stop_after=1))
    stream = ai.stream_text(MODEL, "Greet me.")
    assert await anext(aiter(stream)) == "Good "
    with pytest.raises(AICallFailed):
        await anext(aiter(stream))
    assert kept.only.error is not None
    assert "Good " in str(kept.only.response)
    assert (kept.only.tokens, kept.only.cost) == (None, None)


async def test_a_rate_limit(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """The error tells how long to wait, the call is counted as failed, and it has cost nothing."""
    limited = Reply(
        {"error": {"message": "Too many requests", "type": "rate_limit"}},
        429,
        {"retry-after": "3"},
    )
    provider.answer(limited)
    with pytest.raises(AICallFailed, match="HTTP 429: Too many requests") as failed:
        await ai.generate_text(MODEL, "x", settings=ONCE)
    assert not isinstance(failed.value, AICallRefused)
    assert (failed.value.status, failed.value.retry_after) == (429, 3.0)
    assert kept.only.error is not None
    assert kept.only.error.message == "HTTP 429: Too many requests"
    spent = (await kept.stats("test")).spent
    assert (spent.calls, spent.failed, spent.unpriced) == (1, 1, 0)
    assert spent.cost == Decimal(0)


async def test_a_rate_limit_that_passes(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """The client of the provider tries again by itself; what is recorded is the whole call."""
    provider.answer(Reply({"error": {}}, 429, {"retry-after-ms": "1"}), chat("Hello."))
    assert await ai.generate_text(MODEL, "x") == "Hello."
    assert len(provider.requests) == 2
    assert kept.only.error is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_a_refusal_is_told_from_a_failure(
    provider: LoopbackProvider, ai: Helper, status: int
) -> None:
    """What will not help to ask again has an error of its own, which policies can give up on."""
    provider.answer(Reply({"error": {"message": "no"}}, status))
    with pytest.raises(AICallRefused) as refused:
        await ai.generate_text(MODEL, "x", settings=ONCE)
    assert refused.value.status == status


@pytest.mark.parametrize(
    "reply",
    [
        Reply("this is no JSON"),
        Reply("<html>proxy error</html>", headers={"content-type": "text/html"}),
        Reply({"unexpected": True}),
        Reply({**chat(), "choices": []}),
        Reply({"error": {"message": "overloaded"}}, 503),
        Reply(""),
    ],
    ids=["no JSON", "HTML", "other JSON", "no choice", "status", "nothing"],
)
async def test_a_broken_answer_is_a_failed_call(
    provider: LoopbackProvider, ai: Helper, kept: Kept, reply: Reply
) -> None:
    """Whatever a provider sends, the caller gets one kind of error, and the log has the call."""
    provider.answer(reply)
    with pytest.raises(AICallFailed):
        await ai.generate_text(MODEL, "x", settings=ONCE)
    assert kept.only.error is not None


async def test_a_provider_that_takes_too_long(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """The time that one request may take bounds it."""
    provider.answer(Reply(chat(), wait=30))
    with pytest.raises(AICallFailed, match=r"(?i)time"):
        await ai.generate_text(MODEL, "x", settings={"timeout": 0.05, **ONCE})
    assert kept.only.error is not None


async def test_a_provider_that_is_not_there(kept: Kept) -> None:
    """A refused connection is a failed call like any other."""
    ai = helper(local("http://127.0.0.1:9/v1"), kept)
    with pytest.raises(AICallFailed):
        await ai.generate_text(MODEL, "x", settings=ONCE)
    assert kept.only.error is not None


async def test_images_and_files_are_parts_of_a_prompt(
    provider: LoopbackProvider, ai: Helper, kept: Kept, tmp_path: Path
) -> None:
    """The provider gets the content; the log keeps its digest, type and size."""
    path = tmp_path / "dot.png"
    path.write_bytes(b"\x89PNG-not-really")
    provider.answer(chat("A dot."))
    await ai.generate_text(MODEL, ["What is this?", path])
    content = provider.requests[0].body["messages"][0]["content"]
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,")
    prompt = str(kept.only.prompt)
    assert "'media_type': 'image/png'" in prompt
    assert "'size': 15" in prompt
    assert content[1]["image_url"]["url"].partition(",")[2] not in prompt
