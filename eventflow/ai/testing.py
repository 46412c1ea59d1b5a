"""Models for tests, which answer from a script, and a guard against real ones; no network."""

import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from eventflow.ai.lazy import not_installed
from eventflow.definition.schema import dump_json

try:
    from pydantic_ai.embeddings import EmbeddingModel, EmbeddingSettings
    from pydantic_ai.embeddings.result import EmbeddingResult, EmbedInputType
    from pydantic_ai.messages import (
        ModelMessage,
        ModelResponse,
        ModelResponsePart,
        ModelResponseStreamEvent,
        TextPart,
    )
    from pydantic_ai.models import (
        Model,
        ModelRequestParameters,
        StreamedResponse,
        override_allow_model_requests,
    )
    from pydantic_ai.models.batch import Batch, BatchRequest, BatchResult, EncodedBatchRequest
    from pydantic_ai.profiles import ModelProfile
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import RunContext
    from pydantic_ai.usage import RequestUsage

    from eventflow.ai.scripted_batches import MOST_REQUESTS, ScriptedBatches
except ImportError as error:
    raise not_installed(error) from error

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
TOKENS_OF_VECTOR = 4


@frozen
class Answer:
    """An answer with what it used.

    Attributes:
        value: A text, pieces of one, an error to raise, a response or parts of the library, or any
            other value, which is given as JSON. An error among the pieces breaks the stream off.
        input_tokens: Tokens of the prompt.
        output_tokens: Tokens of the answer.
        cache_read_tokens: Those of the prompt that came out of a cache.
        reasoning_tokens: Those of the answer that were spent on thinking.
        finish_reason: Why it ended.
        model: The model that answered; the name of the scripted one if not given.
    """

    value: Any
    input_tokens: int = 10
    output_tokens: int = 5
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0
    finish_reason: Any = "stop"
    model: str | None = None

    def usage(self) -> RequestUsage:
        """Give what the answer used; nothing at all means that the provider does not say."""
        usage = RequestUsage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cache_read_tokens=self.cache_read_tokens,
            output_reasoning_tokens=self.reasoning_tokens,
        )
        if not (self.input_tokens or self.output_tokens):
            usage.unmeasured_requests = 1
        return usage


class ScriptEnded(Exception):
    """A scripted model was asked more often than its script has answers."""


class ScriptedModel(Model):
    """A model that gives the answers of a script, one after another, alone or in batches.

    A batch takes the next answers when it is submitted, and has ended when it is asked for.

    Args:
        answers: Whatever `Answer.value` may be, or an `Answer`. Without any, the model says how
            often it was asked.
        name: Its name, with the provider before the colon.

    Attributes:
        asked: The messages of every request, in order.
        settings_given: The settings of every request, in order.
    """

    def __init__(self, *answers: Any, name: str = "scripted:model") -> None:  # noqa: ANN401 - see Answer
        super().__init__(
            profile=ModelProfile(
                supports_json_schema_output=True, default_structured_output_mode="native"
            )
        )
        self._answers = deque(
            each if isinstance(each, Answer) else Answer(each) for each in answers
        )
        self._endless = not answers
        self._provider_name, _, self._model_name = name.partition(":")
        self._batches = ScriptedBatches(
            self._next_of_batch, self._model_name, self._provider_name, MOMENT
        )
        self.asked: list[list[ModelMessage]] = []
        self.settings_given: list[dict[str, Any]] = []

    @property
    def model_name(self) -> str:
        """The name behind the colon."""
        return self._model_name

    @property
    def system(self) -> str:
        """The name before the colon."""
        return self._provider_name

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,  # noqa: ARG002 - as the library calls it
    ) -> ModelResponse:
        """Give the next answer, or raise it.

        Raises:
            ScriptEnded: There is none.
        """
        return self._response(self._next(messages, model_settings))

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,  # noqa: ARG002 - as the library calls it
    ) -> AsyncGenerator[StreamedResponse]:
        """Give the next answer in pieces.

        Raises:
            ScriptEnded: There is none.
        """
        answer = self._next(messages, model_settings)
        if isinstance(answer.value, BaseException):
            raise answer.value
        yield _ScriptedStream(
            model_request_parameters,
            answer,
            answer.model or self._model_name,
            self._provider_name,
        )

    @property
    def batch_max_requests(self) -> int:
        """So many prompts a batch may have."""
        return MOST_REQUESTS

    async def batch_encode(self, request: BatchRequest) -> EncodedBatchRequest:
        """Keep a request until it is submitted."""
        return self._batches.encode(request)

    async def batch_create(self, requests: Sequence[EncodedBatchRequest]) -> Batch:
        """Submit requests.

        Raises:
            ScriptEnded: The script has no answers for all of them.
        """
        return self._batches.create(requests)

    async def batch_status(self, batch: Batch) -> Batch:
        """Say that a batch has ended."""
        return self._batches.status(batch.id)

    async def batch_results(self, batch: Batch) -> list[BatchResult]:
        """Give the results of a batch."""
        return self._batches.results(batch.id)

    def batch_decode(self, result: BatchResult, request: BatchRequest) -> ModelResponse:  # noqa: ARG002 - as the library calls it
        """Give the answer of a result, or raise it."""
        return self._response(self._batches.answer_of(result))

    def _next_of_batch(self, request: BatchRequest) -> Answer:
        return self._next(request.messages, request.model_settings)

    def _response(self, answer: Answer) -> ModelResponse:
        if isinstance(answer.value, BaseException):
            raise answer.value
        if isinstance(answer.value, ModelResponse):
            return answer.value
        return ModelResponse(
            parts=_parts(answer.value),
            usage=answer.usage(),
            model_name=answer.model or self._model_name,
            provider_name=self._provider_name,
            timestamp=MOMENT,
            finish_reason=answer.finish_reason,
        )

    def _next(self, messages: Sequence[ModelMessage], settings: ModelSettings | None) -> Answer:
        self.asked.append(list(messages))
        self.settings_given.append({**(settings or {})})
        if self._endless:
            return Answer(f"answer {len(self.asked)}")
        if not self._answers:
            raise ScriptEnded(
                f"The script of {self.model_id} has no answer left; it was asked "
                f"{len(self.asked)} times"
            )
        return self._answers.popleft()


class _ScriptedStream(StreamedResponse):
    """The pieces of an answer; what it used is known as far as it was read."""

    def __init__(
        self, parameters: ModelRequestParameters, answer: Answer, model: str, provider: str
    ) -> None:
        super().__init__(parameters)
        self._answer = answer
        self._model = model
        self._provider = provider

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        answer = self._answer
        pieces = [answer.value] if isinstance(answer.value, str) else list(answer.value)
        whole = answer.usage()
        for number, piece in enumerate(pieces, start=1):
            if isinstance(piece, BaseException):
                raise piece
            self._usage = RequestUsage(
                input_tokens=whole.input_tokens,
                output_tokens=whole.output_tokens * number // len(pieces),
                unmeasured_requests=whole.unmeasured_requests,
            )
            for event in self._parts_manager.handle_text_delta(
                vendor_part_id="text", content=piece
            ):
                yield event
        self._usage = whole
        self.finish_reason = answer.finish_reason

    async def close_stream(self) -> None:
        """Do nothing: there is no connection."""

    @property
    def model_name(self) -> str:
        """The model that answers."""
        return self._model

    @property
    def provider_name(self) -> str:
        """Its provider."""
        return self._provider

    @property
    def provider_url(self) -> None:
        """None: there is no connection."""
        return

    @property
    def timestamp(self) -> datetime:
        """Always the same moment."""
        return MOMENT


@frozen
class _Vectors:
    """Vectors of texts that depend on nothing but the texts."""

    dimensions: int

    def __call__(self, text: str) -> list[float]:
        numbers = [ord(each) for each in text] or [0]
        return [numbers[place % len(numbers)] / 128 for place in range(self.dimensions)]


class ScriptedEmbeddings(EmbeddingModel):
    """An embedding model for tests: equal texts have equal vectors.

    Args:
        embed: Makes the vector of a text, or raises; by default of its characters.
        name: Its name, with the provider before the colon.
        dimensions: The length of the vectors, if the caller asks for none.
    """

    def __init__(
        self,
        embed: Callable[[str], Sequence[float]] | None = None,
        *,
        name: str = "scripted:embeddings",
        dimensions: int = TOKENS_OF_VECTOR,
    ) -> None:
        super().__init__()
        self._embed = embed
        self._dimensions = dimensions
        self._provider_name, _, self._model_name = name.partition(":")

    @property
    def model_name(self) -> str:
        """The name behind the colon."""
        return self._model_name

    @property
    def system(self) -> str:
        """The name before the colon."""
        return self._provider_name

    async def embed(
        self,
        inputs: str | Sequence[str],
        *,
        input_type: EmbedInputType,
        settings: EmbeddingSettings | None = None,
    ) -> EmbeddingResult:
        """Give a vector for each text."""
        texts, chosen = self.prepare_embed(inputs, settings)
        make = self._embed or _Vectors(chosen.get("dimensions") or self._dimensions)
        return EmbeddingResult(
            embeddings=[make(text) for text in texts],
            inputs=texts,
            input_type=input_type,
            model_name=self._model_name,
            provider_name=self._provider_name,
            timestamp=MOMENT,
            usage=RequestUsage(input_tokens=sum(len(text.split()) for text in texts)),
        )


@contextmanager
def no_requests() -> Generator[None]:
    """Forbid requests to real providers while the block runs; scripted models still answer.

    A real model then fails without connecting to anything. Use it in a fixture for all tests.
    """
    with override_allow_model_requests(allow_model_requests=False):
        yield


def _parts(value: Any) -> list[ModelResponsePart]:  # noqa: ANN401 - see Answer
    match value:
        case str():
            return [TextPart(value)]
        case list() | tuple() if value and all(hasattr(each, "part_kind") for each in value):
            return list(value)
        case list() | tuple() if value and all(isinstance(each, str) for each in value):
            return [TextPart("".join(value))]
        case _:
            return [TextPart(json.dumps(dump_json(value)))]
