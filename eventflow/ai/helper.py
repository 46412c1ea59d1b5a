"""What stages and callers hold: a topic, and the calls under it; it loads nothing until a call."""

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, TypeVar

from eventflow.ai.batches import Batches
from eventflow.ai.choices import amount
from eventflow.ai.desk import Desk
from eventflow.ai.failures import error_info
from eventflow.ai.lazy import part
from eventflow.ai.ledger import Asked, Came, Ledger
from eventflow.ai.open_streams import OpenStreams
from eventflow.ai.pricing import UNKNOWN, Cost, Used, cost_of
from eventflow.ai.question import Question
from eventflow.core.ai import AICallKind, Tokens
from eventflow.core.ai_stats import SEPARATOR, AIStats
from eventflow.core.ai_stats import segment as one_segment
from eventflow.core.values import ErrorInfo
from eventflow.definition.ai import Text, TextStream, Tools
from eventflow.definition.schema import dump_json
from eventflow.errors import InvalidInput, InvalidSettings
from eventflow.runtime.ai import CallRecorder, StatsOf

T = TypeVar("T")


class Helper:
    """The one implementation of `AIHelper`."""

    def __init__(self, desk: Desk, topic: str, recorder: CallRecorder, stats: StatsOf) -> None:
        self._desk = desk
        self._topic = topic
        self._recorder = recorder
        self._stats = stats
        self._ledger = Ledger(desk, topic, recorder)
        self._streams = OpenStreams()

    def __repr__(self) -> str:
        return f"<AIHelper {self._topic}>"

    @property
    def topic(self) -> str:
        """The path under which the calls are counted."""
        return self._topic

    def child(self, segment: str, id: str | int | None = None) -> "Helper":
        """Give a helper for a part of the work, with a segment and an id added to the topic."""
        parts = [segment] if id is None else [segment, str(id)]
        if not all(parts):
            raise InvalidInput(f"A segment of a topic is a text that is not empty, not {parts!r}")
        topic = SEPARATOR.join((self._topic, *map(one_segment, parts)))
        made = Helper(self._desk, topic, self._recorder, self._stats)
        made._streams = self._streams
        return made

    async def generate_text(
        self,
        model: Any,  # noqa: ANN401 - a name, or a model of the library
        prompt: Any,  # noqa: ANN401 - a text, or parts of the library
        temperature: float | None = 0.7,
        max_tokens: int | None = None,
        *,
        tools: Tools = (),
        instructions: str | None = None,
        history: Sequence[Any] = (),
        settings: Mapping[str, Any] | None = None,
        max_requests: int = 10,
    ) -> Text:
        """Ask for a text."""
        question = Question(
            model, prompt, temperature, max_tokens, instructions, history, settings or {}
        )
        asking = part("asking")
        text: Text = await (
            asking.ask_with_tools(self._ledger, question, tools, max_requests)
            if tools
            else asking.ask_text(self._ledger, question)
        )
        return text

    async def generate_object(
        self,
        model: Any,  # noqa: ANN401 - as `generate_text`
        prompt: Any,  # noqa: ANN401 - as `generate_text`
        schema: type[T],
        temperature: float | None = 0.0,
        max_tokens: int | None = None,
        *,
        instructions: str | None = None,
        history: Sequence[Any] = (),
        settings: Mapping[str, Any] | None = None,
        retries: int = 1,
    ) -> T:
        """Ask for a value of a type."""
        question = Question(
            model, prompt, temperature, max_tokens, instructions, history, settings or {}
        )
        value: T = await part("asking").ask_object(self._ledger, question, schema, retries)
        return value

    async def embed(
        self,
        model: Any,  # noqa: ANN401 - as `generate_text`
        text: str | Sequence[str],
        *,
        dimensions: int | None = None,
        query: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - typed by the Protocol
        """Turn a text into a vector, or several texts into as many."""
        texts = [text] if isinstance(text, str) else list(text)
        if not texts:
            return []
        chosen = dict(settings or {})
        if dimensions is not None:
            chosen["dimensions"] = dimensions
        vectors: list[list[float]] = await part("asking").embed(
            self._ledger, model, texts, chosen, query=query
        )
        return vectors[0] if isinstance(text, str) else vectors

    def stream_text(
        self,
        model: Any,  # noqa: ANN401 - as `generate_text`
        prompt: Any,  # noqa: ANN401 - as `generate_text`
        temperature: float | None = 0.7,
        max_tokens: int | None = None,
        *,
        instructions: str | None = None,
        history: Sequence[Any] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> TextStream:
        """Ask for a text, and give its pieces as they come."""
        question = Question(
            model, prompt, temperature, max_tokens, instructions, history, settings or {}
        )
        streaming = part("streaming")
        return self._streams.open(lambda: streaming.pieces(self._ledger, question))

    async def record_call(
        self,
        model: str,
        *,
        prompt: object = None,
        response: object = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int = 0,
        cache_write_tokens: int = 0,
        reasoning_tokens: int = 0,
        cost: Decimal | str | float | None = None,
        duration: float = 0.0,
        finish_reason: str | None = None,
        error: BaseException | str | None = None,
    ) -> None:
        """Record a call that was made elsewhere."""
        named: object = model
        if not isinstance(named, str) or not named:
            raise InvalidInput(f"A call is recorded with the name of its model, not {model!r}")
        tokens = None
        if input_tokens is not None or output_tokens is not None:
            counts = (input_tokens or 0, output_tokens or 0, cache_read_tokens, cache_write_tokens)
            tokens = _counted(*counts, reasoning_tokens)
        if not isfinite(duration) or duration < 0:
            raise InvalidInput(f"The duration of a call is seconds from 0, not {duration!r}")
        paid, version = self._cost(model, tokens, cost)
        provider, colon, name = model.partition(":")
        came = Came(
            response=dump_json(response, InvalidInput, "the response"),
            model=name if colon else model,
            provider=provider if colon else None,
            tokens=tokens,
            cost=paid,
            price_version=version,
            finish_reason=finish_reason,
        )
        asked = Asked(AICallKind.RECORDED, model, dump_json(prompt, InvalidInput, "the prompt"))
        await self._ledger.ready()
        started = self._desk.now() - timedelta(seconds=duration)
        await self._ledger.write(asked, started, came, self._error(error))

    def batch(self, model: Any = None) -> Batches:  # noqa: ANN401 - as `generate_text`
        """Give the batches of a model: many prompts at once, answered within a day for less."""
        return Batches(self._ledger, model)

    async def stats(self) -> AIStats:
        """Tell what the calls of this topic, and of those below it, came to."""
        return await self._stats(self._topic)

    def model(self, model: Any = None) -> Any:  # noqa: ANN401 - a model of the library
        """Give a model of the library whose calls are all recorded, for an agent of the library."""
        return part("asking").recording(self._ledger, model)

    def embedding_model(self, model: Any = None) -> Any:  # noqa: ANN401 - as `model`
        """Give an embedding model of the library whose calls are all recorded."""
        return part("asking").recording_embeddings(self._ledger, model)

    async def aclose(self) -> None:
        """Give up the streams that are still open, and record what they used."""
        await self._streams.aclose()

    def wait(self, call: Awaitable[T]) -> T:
        """Wait for a call in a plain `def` stage, which runs in a thread."""
        loop = self._desk.loop
        if loop is None or _is_in_loop():
            if isinstance(call, Coroutine):
                call.close()
            raise RuntimeError("wait() is for plain `def` stages; here, await the call")
        return asyncio.run_coroutine_threadsafe(_awaited(call), loop).result()

    def _cost(self, model: str, tokens: Tokens | None, given: Decimal | str | float | None) -> Cost:
        if given is not None:
            try:
                return amount(given), "given"
            except InvalidSettings as error:
                raise InvalidInput(f"The cost of a call: {error}") from None
        if tokens is None:
            return UNKNOWN
        provider, colon, name = model.partition(":")
        used = Used(
            requested=model,
            model=name if colon else model,
            provider=provider if colon else None,
            tokens=tokens,
            at=self._desk.now(),
        )
        return cost_of(used, self._desk.choices.prices)

    def _error(self, error: BaseException | str | None) -> ErrorInfo | None:
        if isinstance(error, BaseException):
            return error_info(error, self._desk.redactor)
        return None if error is None else ErrorInfo("", self._desk.redactor.text(error))


def _counted(*counts: int) -> Tokens:
    if any(type(count) is not int or count < 0 for count in counts):
        raise InvalidInput(f"Tokens are counted with whole numbers from 0, not {counts!r}")
    return Tokens(*counts)


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _awaited(call: Awaitable[T]) -> T:
    return await call
