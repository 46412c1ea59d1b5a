"""A little service that turns texts into vectors in its own time, as those of model providers do.

A batch is handed in by POST, and asked for by GET until it is done. The same idempotency key gives
the same batch.
"""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
SECONDS_TO_ANSWER = 0.2
SECONDS_OF_A_BATCH = 1.5


class Batch:
    """Some texts, whose vectors will be there after a while."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self._done = threading.Event()
        threading.Timer(SECONDS_OF_A_BATCH, self._done.set).start()

    def vectors(self) -> list[list[float]] | None:
        """Give the vectors, or None while they are being made."""
        return [vector(text) for text in self.texts] if self._done.is_set() else None


class EmbeddingService:
    """The service, on a free port of this machine, until the end of the `with` block.

    Attributes:
        batches: What was made so far, by idempotency key.
        requests: How often a batch was handed in, repetitions included.
        url: Where it listens.
    """

    def __init__(self) -> None:
        self.batches: dict[str, Batch] = {}
        self.requests = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

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

    def hand_in(self, key: str, texts: list[str]) -> None:
        """Take a batch, once for each key."""
        with self._lock:
            self.requests += 1
            if key not in self.batches:
                self.batches[key] = Batch(texts)

    def _handler(service) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the request below
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key = self.headers["Idempotency-Key"]
                service.hand_in(key, texts)
                time.sleep(SECONDS_TO_ANSWER)
                self._answer({"batch": key})

            def do_GET(self) -> None:
                batch = service.batches[self.path.rpartition("/")[2]]
                self._answer({"vectors": batch.vectors()})

            def _answer(self, answer: object) -> None:
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    """Whoever asked was killed; the batch is made all the same."""

        return Handler


def vector(text: str) -> list[float]:
    """Count the letters of a text: texts with the same letters are near to each other."""
    letters = Counter(text.lower())
    most = sum(letters[each] for each in ALPHABET) or 1
    return [letters[each] / most for each in ALPHABET]
