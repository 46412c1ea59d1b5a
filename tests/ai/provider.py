"""A provider of models on the loopback interface: real HTTP, and answers that a test chooses.

It speaks the OpenAI protocol (chat completions, embeddings), and gives any other JSON that a test
lets it give, under whatever path it is asked.
"""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

from attrs import field, frozen

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


@frozen
class Request:
    """What a client asked."""

    path: str
    headers: dict[str, str]
    body: Any


@frozen
class Reply:
    """What the provider answers.

    Attributes:
        body: JSON, or text as it is.
        status: The HTTP status.
        headers: Further headers.
        events: Pieces of a stream, in place of a body.
        stop_after: Close the connection after so many pieces, without an end.
        wait: Seconds until anything is sent, and between the pieces.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    events: Sequence[Any] | None = None
    stop_after: int | None = None
    wait: float = 0.0


class LoopbackProvider:
    """The server; `replies` are given one after another, and `requests` are what was asked."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.requests: list[Request] = []
        self.cut_off = 0
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The URL of its API."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/v1"

    def answer(self, *replies: Any) -> None:  # noqa: ANN401 - a reply, or the body of one
        """Let it give these answers next."""
        self.replies += [each if isinstance(each, Reply) else Reply(each) for each in replies]

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more."""
        assert self._server is not None
        self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            self.requests.append(await _read(reader))
            await _send(writer, self.replies.popleft() if self.replies else _unexpected())
        except (ConnectionError, asyncio.CancelledError):
            self.cut_off += 1
        finally:
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            self._busy.discard(task)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(first.split()[1], headers, _read_body(body))


def _read_body(body: bytes) -> Any:  # noqa: ANN401 - JSON, or the text of a file
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode()


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    if reply.events is None:
        await asyncio.sleep(reply.wait)
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        writer.write(_head(reply, "application/json", len(text.encode())) + text.encode())
        await writer.drain()
        return
    writer.write(_head(reply, "text/event-stream"))
    for event in reply.events[: reply.stop_after]:
        await asyncio.sleep(reply.wait)
        named = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
        data = event if isinstance(event, str) else json.dumps(event)
        writer.write(_chunk(f"{named}data: {data}\n\n".encode()))
        await writer.drain()
    if reply.stop_after is None:
        writer.write(_chunk(b""))
        await writer.drain()


def _chunk(data: bytes) -> bytes:
    """Frame a piece, so that a connection that is closed too early is noticed."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _head(reply: Reply, kind: str, length: int | None = None) -> bytes:
    headers = {"content-type": kind, "connection": "close", **reply.headers}
    if length is None:
        headers["transfer-encoding"] = "chunked"
    else:
        headers["content-length"] = str(length)
    lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Whatever')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _unexpected() -> Reply:
    return Reply({"error": {"message": "the test expected no such request"}}, 400)


USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def chat(
    content: str | None = "Hello.",
    *,
    usage: dict[str, Any] | None = USAGE,
    model: str = "small-2026-01-01",
    finish_reason: str = "stop",
    tool_calls: Sequence[tuple[str, dict[str, Any]]] = (),
) -> dict[str, Any]:
    """Write an answer of the chat completions API."""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if tool_calls:
        finish_reason = "tool_calls"
        message["tool_calls"] = [
            {
                "id": f"call-{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for number, (name, arguments) in enumerate(tool_calls)
        ]
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
    }
    return answer if usage is None else {**answer, "usage": usage}


def chat_stream(*pieces: str, usage: dict[str, Any] | None = USAGE) -> list[Any]:
    """Write an answer of the chat completions API in pieces, with its usage at the end."""
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_767_225_600,
        "model": "small-2026-01-01",
    }
    events: list[Any] = [
        {**chunk, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        for piece in pieces
    ]
    events.append({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage is not None:
        events.append({**chunk, "choices": [], "usage": usage})
    return [*events, "[DONE]"]


def embeddings(*vectors: list[float], tokens: int = 8) -> dict[str, Any]:
    """Write an answer of the embeddings API."""
    return {
        "object": "list",
        "model": "vectors-1",
        "data": [
            {"object": "embedding", "index": number, "embedding": vector}
            for number, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
