"""A provider of batches on the loopback interface, which speaks the files and batches of OpenAI."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Answers one request of a batch, given its name and its body."""


MISSING = {"error": {"message": "No such file"}}


def text_of(body: dict[str, Any]) -> str:
    """Find what a request asks."""
    content = body["input"][-1]["content"]
    return content if isinstance(content, str) else "".join(each["text"] for each in content)


def responses_answer(text: str) -> dict[str, Any]:
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
                "content": [{"type": "output_text", "text": text, "annotations": []}],
            }
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 120,
        },
    }


class BatchProvider:
    """The server.

    Attributes:
        answer: How a request is answered; an `error` key makes it one that failed.
        submitted: The batches, by id, in order.
        ended: Whether batches have ended.
        lose_answers: So many batches are made without saying so.
        keep_waiting: Whether whoever lost an answer is not told of that either.
        asked: How often somebody asked whether a batch has ended.
    """

    def __init__(self) -> None:
        self.answer: Answer = lambda _, body: responses_answer(text_of(body).upper())
        self.submitted: dict[str, dict[str, Any]] = {}
        self.ended = False
        self.lose_answers = 0
        self.keep_waiting = False
        self.asked = 0
        self._files: dict[str, str] = {}
        self._uploaded = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The URL of its API."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more."""
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = first.split()
            answer = self._route(method, path.partition("?")[0].removeprefix("/v1"), body)
            if answer is not None:
                data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                status = b"404 Not Found" if answer == MISSING else b"200 OK"
                writer.write(
                    b"HTTP/1.1 "
                    + status
                    + b"\r\ncontent-type: application/json\r\nconnection: close\r\n"
                    + f"content-length: {len(data)}\r\n\r\n".encode()
                    + data
                )
                await writer.drain()
            elif self.keep_waiting:
                await reader.read()  # until the client is gone
        writer.close()

    def _route(self, method: str, path: str, body: bytes) -> Any:  # noqa: ANN401 - any JSON
        match method, path.strip("/").split("/"):
            case "POST", ["files"]:
                return self._upload(body)
            case "POST", ["batches"]:
                return self._submit(json.loads(body)["input_file_id"])
            case "GET", ["batches"]:
                shown = [self._shown(each) for each in reversed(self.submitted)]
                return {"object": "list", "data": shown, "has_more": False}
            case "GET", ["batches", id]:
                self.asked += 1
                return self._shown(id)
            case "GET", ["files", id, "content"]:
                return self._files.get(id, MISSING)
            case "DELETE", ["files", id]:
                del self._files[id]
                return {"id": id, "object": "file", "deleted": True}
            case _:
                raise AssertionError((method, path))

    def _upload(self, body: bytes) -> dict[str, Any]:
        lines = [line for line in body.decode().splitlines() if line.startswith('{"custom_id"')]
        self._uploaded += 1
        name = f"file-{self._uploaded}"
        self._files[name] = "\n".join(lines)
        return {
            "id": name,
            "object": "file",
            "bytes": 1,
            "created_at": 1_767_225_600,
            "filename": "batch.jsonl",
            "purpose": "batch",
            "status": "processed",
        }

    def _submit(self, file: str) -> Any:  # noqa: ANN401 - as `_route`
        batch = f"batch-{len(self.submitted)}"
        output = f"{file}-out"
        lines = []
        for line in map(json.loads, self._files[file].splitlines()):
            body = self.answer(line["custom_id"], line["body"])
            status = 400 if "error" in body else 200
            lines.append(
                {
                    "custom_id": line["custom_id"],
                    "error": None,
                    "response": {"status_code": status, "request_id": "r", "body": body},
                }
            )
        self._files[output] = "\n".join(map(json.dumps, reversed(lines)))
        self.submitted[batch] = {"input": file, "output": output, "count": len(lines)}
        if self.lose_answers:
            self.lose_answers -= 1
            return None
        return self._shown(batch)

    def _shown(self, id: str) -> dict[str, Any]:
        batch = self.submitted[id]
        count = batch["count"]
        return {
            "id": id,
            "object": "batch",
            "endpoint": "/v1/responses",
            "input_file_id": batch["input"],
            "completion_window": "24h",
            "status": "completed" if self.ended else "in_progress",
            "output_file_id": batch["output"] if self.ended else None,
            "created_at": 4_000_000_000,
            "request_counts": {"total": count, "completed": count, "failed": 0},
        }
