"""Anthropic, Google and the newer API of OpenAI, each by its real client, on this machine."""

import json
from decimal import Decimal
from typing import Any

import pytest
from attrs import frozen

from eventflow.ai import AICallRefused, AISettings, Endpoint
from eventflow.ai.helper import Helper
from eventflow.ai.temperature import takes_temperature
from eventflow.core.ai import Tokens
from tests.ai.desk import KEY, Kept, helper
from tests.ai.provider import LoopbackProvider, Reply

ONCE = {"max_retries": 0}


@frozen
class Capital:
    """What a model is to give."""

    city: str


@pytest.fixture
def kept() -> Kept:
    """What was recorded."""
    return Kept()


@pytest.fixture
async def ai(provider: LoopbackProvider, kept: Kept) -> Helper:
    """A helper that reaches all three at the provider of the test."""
    url = provider.url.removesuffix("/v1")
    providers = {
        "anthropic": Endpoint(base_url=url, api_key=KEY),
        "google": Endpoint(base_url=url, api_key=KEY),
        "openai": Endpoint(base_url=provider.url, api_key=KEY),
    }
    return helper(AISettings(providers=providers), kept)


def anthropic(*content: dict[str, Any], stop_reason: str = "end_turn") -> dict[str, Any]:
    """Write an answer of the messages API."""
    return {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 60,
            "output_tokens": 20,
            "cache_read_input_tokens": 40,
            "cache_creation_input_tokens": 0,
        },
    }


async def test_anthropic_text(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """Cached tokens are part of the input, as everywhere, and the price is known."""
    provider.answer(anthropic({"type": "text", "text": "Hello."}))
    assert await ai.generate_text("anthropic:claude-haiku-4-5", "Hi.", max_tokens=500) == "Hello."
    (request,) = provider.requests
    assert request.path.startswith("/v1/messages")
    assert KEY in "".join(request.headers.values())
    assert kept.only.tokens == Tokens(input=100, output=20, cache_read=40)
    assert (kept.only.provider, kept.only.finish_reason) == ("anthropic", "stop")
    # 60 at 1.00, 40 from the cache at 0.10 and 20 at 5.00, each per million
    assert kept.only.cost == Decimal("0.000164")
    assert str(kept.only.price_version).startswith("genai-prices ")


async def test_anthropic_object(provider: LoopbackProvider, ai: Helper) -> None:
    """A value comes back, however this provider is asked for one."""
    call = {"type": "tool_use", "id": "t-1", "name": "final_result", "input": {"city": "Oslo"}}
    provider.answer(anthropic(call, stop_reason="tool_use"))
    model = "anthropic:claude-haiku-4-5"
    found = await ai.generate_object(model, "The capital of Norway?", Capital, max_tokens=500)
    assert found == Capital("Oslo")
    assert "city" in json.dumps(provider.requests[0].body)


async def test_anthropic_stream_that_is_given_up(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """This provider tells what the prompt used at the beginning, so that is recorded."""
    message = {**anthropic(), "content": [], "stop_reason": None}
    message["usage"] = {"input_tokens": 60, "output_tokens": 1}
    block = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    piece = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Hello "},
    }
    provider.answer(
        Reply(
            events=[{"type": "message_start", "message": message}, block, *[piece] * 100], wait=0.01
        )
    )
    async with ai.stream_text("anthropic:claude-haiku-4-5", "Hi.") as stream:
        async for _ in stream:
            break
    assert kept.only.finish_reason == "given up"
    assert kept.only.tokens == Tokens(input=60, output=1)
    assert kept.only.cost is not None


async def test_anthropic_refusal(provider: LoopbackProvider, ai: Helper) -> None:
    """The error says what the provider said."""
    error = {"type": "authentication_error", "message": "invalid x-api-key"}
    provider.answer(Reply({"type": "error", "error": error}, 401))
    with pytest.raises(AICallRefused, match="HTTP 401: invalid x-api-key"):
        await ai.generate_text("anthropic:claude-haiku-4-5", "Hi.", settings=ONCE)


def gemini(*parts: dict[str, Any], finish: str = "STOP") -> dict[str, Any]:
    """Write an answer of the API of Gemini, or a piece of one."""
    content = {"role": "model", "parts": list(parts)}
    return {
        "candidates": [{"content": content, "finishReason": finish, "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 100,
            "candidatesTokenCount": 20,
            "totalTokenCount": 120,
            "cachedContentTokenCount": 40,
        },
        "modelVersion": "gemini-2.5-flash",
    }


async def test_google_object(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """A value comes back by its own way of calling tools, also at the second try."""
    calls = [
        {"functionCall": {"name": "final_result", "args": {name: "Oslo"}}}
        for name in ("town", "city")
    ]
    provider.answer(*map(gemini, calls))
    model = "google:gemini-2.5-flash"
    assert await ai.generate_object(model, "The capital of Norway?", Capital) == Capital("Oslo")
    assert "city" in json.dumps(provider.requests[0].body)
    assert "town" in json.dumps(provider.requests[1].body)
    assert len(kept.calls) == 2


async def test_google_stream(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """Pieces come as they are sent, and the call is recorded at the end with its usage."""
    provider.answer(Reply(events=[gemini({"text": "Hel"}), gemini({"text": "lo."})]))
    pieces = [piece async for piece in ai.stream_text("google:gemini-2.5-flash", "Hi.")]
    assert pieces == ["Hel", "lo."]
    assert kept.only.tokens == Tokens(input=100, output=20, cache_read=40)
    assert kept.only.finish_reason == "stop"


async def test_google_text(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """Its own names for tokens become ours."""
    provider.answer(gemini({"text": "Hello."}))
    assert await ai.generate_text("google:gemini-2.5-flash", "Hi.") == "Hello."
    (request,) = provider.requests
    assert "gemini-2.5-flash:generateContent" in request.path
    assert KEY in "".join(request.headers.values())
    assert kept.only.tokens == Tokens(input=100, output=20, cache_read=40)
    assert (kept.only.model, kept.only.provider) == ("gemini-2.5-flash", "google")
    assert kept.only.cost is not None


def responses() -> dict[str, Any]:
    """Write an answer of the responses API."""
    return {
        "id": "resp-1",
        "object": "response",
        "created_at": 1_767_225_600,
        "model": "gpt-4o-mini-2024-07-18",
        "status": "completed",
        "output": [
            {
                "id": "msg-1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Hello.", "annotations": []}],
            }
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 40},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 120,
        },
    }


async def test_openai_responses(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """`openai:` speaks the responses API, and its price is known whatever the URL."""
    provider.answer(responses())
    assert await ai.generate_text("openai:gpt-4o-mini", "Hi.") == "Hello."
    assert provider.requests[0].path == "/v1/responses"
    assert kept.only.tokens == Tokens(input=100, output=20, cache_read=40, reasoning=5)
    # 60 at 0.15, 40 from the cache at 0.075 and 20 at 0.60, each per million
    assert kept.only.cost == Decimal("0.000024")
    assert (kept.only.requested_model, kept.only.model) == (
        "openai:gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
    )


@pytest.mark.parametrize(
    ("model", "temperature"),
    [("openai:gpt-4o-mini", 0.7), ("openai:gpt-5.1", 0.7), ("openai:gpt-5-mini", None)],
)
async def test_a_model_that_thinks_is_told_no_temperature(
    provider: LoopbackProvider, ai: Helper, kept: Kept, model: str, temperature: float | None
) -> None:
    """Our default is left out where it would only be warned of; the log has what was asked."""
    provider.answer(responses())
    await ai.generate_text(model, "Hi.")
    assert provider.requests[0].body.get("temperature") == temperature
    assert "'temperature': 0.7" in str(kept.only.prompt)


THINKING = [
    ({}, {}, True),
    ({"anthropic_disallows_sampling_settings": True}, {}, False),
    ({"openai_supports_reasoning": True}, {}, False),
    ({"thinking_enabled_by_default": True}, {}, False),
    ({"thinking_enabled_by_default": True}, {"openai_reasoning_effort": "none"}, True),
    ({"thinking_enabled_by_default": True}, {"thinking": False}, True),
    ({"thinking_enabled_by_default": False}, {}, True),
    ({"thinking_enabled_by_default": False}, {"thinking": "high"}, False),
]


@pytest.mark.parametrize(("profile", "settings", "takes"), THINKING)
def test_whether_a_model_takes_a_temperature(
    profile: dict[str, Any], settings: dict[str, Any], *, takes: bool
) -> None:
    """A model of OpenAI that can think or not takes one while it does not."""
    if "thinking_enabled_by_default" in profile:
        both = ("openai_supports_reasoning", "openai_supports_reasoning_effort_none")
        profile = {**profile, **dict.fromkeys(both, True)}
    assert takes_temperature(profile, settings) is takes
