"""A server that speaks the OpenAI protocol like a provider of models, and only pretends to think.

It summarises a text by its first sentence, and fills in a form by the words that it was given.
"""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

SHORTEST_KEYWORD = 6
MOST_KEYWORDS = 3


class ModelServer:
    """The server, on a free port of this machine, until the end of the `with` block.

    Attributes:
        url: The base URL of its API.
        requests: How often it was asked.
    """

    def __init__(self) -> None:
        self.requests = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the request below
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests += 1
                body = json.dumps(completion(asked)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


def completion(asked: dict[str, Any]) -> dict[str, Any]:
    """Answer a request for a chat completion, with the tokens that it used."""
    question = asked["messages"][-1]["content"]
    message: dict[str, Any] = {"role": "assistant", "content": summary(question)}
    if form := asked.get("tools"):
        filled_in = {"name": form[0]["function"]["name"], "arguments": json.dumps(titled(question))}
        call = {"id": "call-1", "type": "function", "function": filled_in}
        message |= {"content": None, "tool_calls": [call]}
    prompt, answer = tokens(json.dumps(asked["messages"])), tokens(json.dumps(message))
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": asked["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
        },
    }


def summary(question: str) -> str:
    """Give the first sentence of the text behind the question."""
    text = question.partition("\n\n")[2] or question
    return text.partition(". ")[0].rstrip(".") + "."


def titled(question: str) -> dict[str, Any]:
    """Give a title and keywords: the longest words of the text, the frequent ones first."""
    words = question.partition("\n\n")[2].lower().replace(".", "").split()
    long = Counter(word for word in words if len(word) >= SHORTEST_KEYWORD)
    keywords = [word for word, _ in long.most_common(MOST_KEYWORDS)]
    return {"title": f"About {' and '.join(keywords[:2])}", "keywords": keywords}


def tokens(text: str) -> int:
    """Count as providers do on the average: four characters make a token."""
    return len(text) // 4 + 1
