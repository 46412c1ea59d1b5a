"""Batches of Anthropic and Google, each by its real client, in the shapes of its own protocol."""

import json
from decimal import Decimal
from typing import Any

import pytest
from attrs import frozen

from eventflow.ai import AICallFailed, AISettings, BatchAnswer, BatchHandle, Endpoint
from eventflow.ai.helper import Helper
from eventflow.core.ai import Tokens
from tests.ai.desk import KEY, Kept, helper
from tests.ai.provider import LoopbackProvider, Reply

CLAUDE, GEMINI = "anthropic:claude-haiku-4-5", "google:gemini-2.5-flash"
PROMPTS = {"a": "Norway?", "b": "Peru?", "c": "Atlantis?"}
CREATED = "2026-01-01T00:00:00Z"


@frozen
class Capital:
    """What is asked for."""

    city: str


@pytest.fixture
def kept() -> Kept:
    """What was recorded."""
    return Kept()


@pytest.fixture
async def ai(provider: LoopbackProvider, kept: Kept) -> Helper:
    """A helper that reaches both at the provider of the test."""
    url = provider.url.removesuffix("/v1")
    providers = {name: Endpoint(base_url=url, api_key=KEY) for name in ("anthropic", "google")}
    return helper(AISettings(providers=providers), kept)


def message_batch(status: str, results: str | None = None) -> dict[str, Any]:
    """Write a batch of Anthropic."""
    counts = {"processing": 3, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    return {
        "id": "msgbatch-1",
        "type": "message_batch",
        "processing_status": status,
        "request_counts": counts,
        "created_at": CREATED,
        "expires_at": CREATED,
        "results_url": results,
    }


def message(handle: BatchHandle, number: int, text: str) -> dict[str, Any]:
    """Write the answer to one prompt in the results of Anthropic."""
    body = {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 20, "service_tier": "batch"},
    }
    result = {"type": "succeeded", "message": body}
    return {"custom_id": f"{handle.key}-{number}", "result": result}


async def test_anthropic(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """Answers come back by id, in any order, at half the price; a failed prompt says why."""
    batch = ai.batch(CLAUDE)
    provider.answer(message_batch("in_progress"), message_batch("in_progress"))
    handle = await batch.submit(PROMPTS, max_tokens=100, instructions="Name the capital.")
    assert not await batch.ended(handle)
    sent = provider.requests[0]
    assert sent.path.startswith("/v1/messages/batches")
    assert [each["params"]["max_tokens"] for each in sent.body["requests"]] == [100] * 3
    assert "Name the capital." in json.dumps(sent.body)

    ended = message_batch("ended", f"{provider.url}/messages/batches/msgbatch-1/results")
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": f"no {KEY}"}}
    failed = {"custom_id": f"{handle.key}-2", "result": {"type": "errored", "error": error}}
    lines = [failed, message(handle, 1, "Lima"), message(handle, 0, "Oslo")]
    provider.answer(ended, ended, ended, "\n".join(map(json.dumps, lines)))
    assert await batch.ended(handle)
    first, second, third = await batch.results(handle)
    assert (first, second) == (BatchAnswer("a", "Oslo"), BatchAnswer("b", "Lima"))
    assert (third.value, third.problem) == (None, "HTTP 400: no ***")
    assert kept.calls[0].tokens == Tokens(input=100, output=20)
    # 100 at 1.00 and 20 at 5.00 a million, and half of that
    assert (kept.calls[0].cost, kept.calls[0].discount) == (Decimal("0.0001"), Decimal("0.5"))
    assert [call.error is None for call in kept.calls] == [True, True, False]


async def test_anthropic_objects(provider: LoopbackProvider, ai: Helper) -> None:
    """Each answer is checked against the schema, however this provider is asked for a value."""
    batch = ai.batch(CLAUDE)
    provider.answer(message_batch("in_progress"))
    handle = await batch.submit({"a": "Norway?", "b": "Peru?"}, Capital, max_tokens=100)
    lines = [message(handle, 0, "x"), message(handle, 1, "x")]
    for line, given in zip(lines, ({"city": "Oslo"}, {"town": "Lima"}), strict=True):
        call = {"type": "tool_use", "id": "t-1", "name": "final_result", "input": given}
        line["result"]["message"] |= {"content": [call], "stop_reason": "tool_use"}
    ended = message_batch("ended", f"{provider.url}/messages/batches/msgbatch-1/results")
    provider.answer(ended, ended, "\n".join(map(json.dumps, lines)))
    first, second = await batch.results(handle, Capital)
    assert first.value == Capital("Oslo")
    assert second.value is None
    assert "city" in str(second.problem)


def gemini_batch(state: str, output: str | None = None) -> dict[str, Any]:
    """Write a batch of Google."""
    metadata: dict[str, Any] = {"state": f"BATCH_STATE_{state}", "createTime": CREATED}
    if output is not None:
        metadata["output"] = {"responsesFile": output}
    return {"name": "batches/1", "metadata": metadata}


async def submitted(provider: LoopbackProvider, ai: Helper) -> BatchHandle:
    """Submit the prompts to Google, as a file."""
    provider.answer(
        Reply({}, headers={"x-goog-upload-url": f"{provider.url}/upload"}),
        Reply({"file": {"name": "files/in"}}, headers={"x-goog-upload-status": "final"}),
        gemini_batch("PENDING"),
    )
    return await ai.batch(GEMINI).submit(PROMPTS, max_tokens=100)


async def test_google(provider: LoopbackProvider, ai: Helper, kept: Kept) -> None:
    """Prompts go as a file, and answers come as one; a failed prompt says why."""
    handle = await submitted(provider, ai)
    lines = [json.loads(line) for line in provider.requests[1].body.splitlines()]
    assert [line["key"] for line in lines] == [f"{handle.key}-{number}" for number in range(3)]
    response = {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Oslo"}]}}],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20},
        "modelVersion": "gemini-2.5-flash",
    }
    found = [
        {"key": lines[1]["key"], "error": {"code": 3, "message": f"no {KEY}"}},
        {"key": lines[0]["key"], "response": response},
    ]
    ended = gemini_batch("SUCCEEDED", "files/out")
    provider.answer(ended, ended, {}, "\n".join(map(json.dumps, found)))
    first, second, third = await ai.batch(GEMINI).results(handle)
    assert first == BatchAnswer("a", "Oslo")
    assert (second.value, second.problem) == (None, "HTTP 400: no ***")
    assert (third.value, third.problem) == (None, "the provider gave no result of it")
    # 100 at 0.30 and 20 at 2.50 a million, and half of that
    assert (kept.calls[0].cost, kept.calls[0].discount) == (Decimal("0.00004"), Decimal("0.5"))


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "EXPIRED"])
async def test_a_batch_that_came_to_nothing(
    state: str, provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """It is a problem of each of its prompts, and no reason to ask for its results again."""
    handle = await submitted(provider, ai)
    ended = gemini_batch(state)
    provider.answer(ended, ended, ended, {})
    assert await ai.batch(GEMINI).ended(handle)
    found = await ai.batch(GEMINI).results(handle)
    assert [each.id for each in found] == ["a", "b", "c"]
    assert all(each.value is None and each.problem for each in found)
    assert len(kept.calls) == 3
    assert all(call.error is not None and call.cost is None for call in kept.calls)


async def test_results_that_cannot_be_fetched_are_an_error(
    provider: LoopbackProvider, ai: Helper, kept: Kept
) -> None:
    """A failure on the way says nothing of the prompts, so nothing is recorded of them."""
    provider.answer(message_batch("in_progress"))
    handle = await ai.batch(CLAUDE).submit(PROMPTS, max_tokens=100)
    provider.answer(Reply({"error": {"message": "gone"}}, 404))
    with pytest.raises(AICallFailed, match="HTTP 404"):
        await ai.batch(CLAUDE).results(handle)
    assert kept.calls == []
