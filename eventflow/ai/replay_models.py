"""Models of the library that answer from a history."""

import re
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from pydantic_ai.embeddings import EmbeddingModel, EmbeddingSettings
from pydantic_ai.embeddings.result import EmbeddingResult, EmbedInputType
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.messages import FinishReason, ModelMessage, ModelResponse
from pydantic_ai.models import (
    CompletedStreamedResponse,
    Model,
    ModelRequestParameters,
    StreamedResponse,
    infer_model_profile,
)
from pydantic_ai.models.batch import Batch, BatchRequest, BatchResult, EncodedBatchRequest
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext
from pydantic_ai.usage import RequestUsage

from eventflow.ai.batching import NamedBatch
from eventflow.ai.messages import prompt_of, revived
from eventflow.ai.recording import embedding_prompt
from eventflow.ai.replay import DEFAULT, NO_TIME, Recordings
from eventflow.ai.temperature import REFUSING
from eventflow.ai.vectors import unpacked
from eventflow.core import events as e
from eventflow.core.ai import Tokens
from eventflow.core.values import JSON, ErrorInfo
from eventflow.errors import CallNotRecorded

_STATUS = re.compile(r"HTTP (\d{3}): ")


class RecordedFailure(ModelAPIError):
    """A call that failed when it was recorded.

    Attributes:
        status_code: The HTTP status, if there was one.
    """

    def __init__(self, model: str, error: ErrorInfo) -> None:
        status = _STATUS.match(error.message)
        self.status_code = int(status[1]) if status else None
        super().__init__(model, error.message[status.end() :] if status else error.message)


class ReplayModel(Model):
    """A model that answers from a history."""

    def __init__(self, requested: str, recordings: Recordings) -> None:
        super().__init__(profile=_profile(requested))
        self._requested = requested
        self._recordings = recordings
        self._fetched: dict[str, tuple[e.AICalled, JSON]] = {}

    @property
    def model_name(self) -> str:
        """The name of the model without its provider."""
        return self._requested.partition(":")[2] or self._requested

    @property
    def system(self) -> str:
        """The provider."""
        return self._requested.partition(":")[0]

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Give the recorded answer.

        Raises:
            CallNotRecorded: There is none.
            RecordedFailure: The call failed when it was recorded.
        """
        prompt = prompt_of(messages, model_settings, model_request_parameters)
        call = self._recordings.take(self._requested, prompt)
        return self._answer(call, await self._recordings.response(call))

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,  # noqa: ARG002 - as the library calls it
    ) -> AsyncGenerator[StreamedResponse]:
        """Give the recorded answer, in one piece for each of its parts."""
        response = await self.request(messages, model_settings, model_request_parameters)
        yield CompletedStreamedResponse(
            response,
            model_request_parameters=model_request_parameters,
            replay_events=True,
        )

    @property
    def batch_max_requests(self) -> int:
        """As many prompts as any batch has."""
        return sys.maxsize

    async def batch_encode(self, request: BatchRequest) -> EncodedBatchRequest:
        """Give the name of a prompt; what was asked is not recorded with a batch."""
        return EncodedBatchRequest(custom_id=request.custom_id, group="replay", body="")

    async def batch_create(self, requests: Sequence[EncodedBatchRequest]) -> Batch:
        """Give the next recorded batch with as many prompts.

        Raises:
            CallNotRecorded: There is none.
        """
        call = self._recordings.submit(self._requested, len(requests))
        return Batch(
            id=call.batch or "",
            model_name=call.model or self.model_name,
            provider_name=call.provider or self.system,
            group="replay",
            status="in_progress",
            created_at=NO_TIME,
            request_count=len(requests),
        )

    async def batch_status(self, batch: Batch) -> Batch:
        """Say that a batch has ended: what was recorded of it is its outcome."""
        batch.status = "ended"
        return batch

    async def batch_results(self, batch: Batch) -> list[BatchResult]:
        """Give the recorded answers of a batch.

        Raises:
            CallNotRecorded: There are none.
        """
        names = cast("NamedBatch", batch).names
        calls = self._recordings.fetch(batch.id, len(names))
        for name, call in zip(names, calls, strict=True):
            self._fetched[name] = (call, await self._recordings.response(call))
        return [BatchResult(custom_id=each, status="succeeded") for each in names]

    def batch_decode(self, result: BatchResult, request: BatchRequest) -> ModelResponse:  # noqa: ARG002 - as the library calls it
        """Give a recorded answer.

        Raises:
            RecordedFailure: The prompt failed when it was recorded.
        """
        return self._answer(*self._fetched[result.custom_id])

    def _answer(self, call: e.AICalled, recorded: JSON) -> ModelResponse:
        if call.error is not None:
            raise RecordedFailure(self._requested, call.error)
        response = _response(call, recorded)
        response.usage = _usage(call)
        response.model_name, response.provider_name = call.model, call.provider
        return response


class ReplayEmbeddingModel(EmbeddingModel):
    """An embedding model that answers from a history."""

    def __init__(self, requested: str, recordings: Recordings) -> None:
        super().__init__()
        self._requested = requested
        self._recordings = recordings

    @property
    def model_name(self) -> str:
        """The name of the model without its provider."""
        return self._requested.partition(":")[2] or self._requested

    @property
    def system(self) -> str:
        """The provider."""
        return self._requested.partition(":")[0]

    async def embed(
        self,
        inputs: str | Sequence[str],
        *,
        input_type: EmbedInputType,
        settings: EmbeddingSettings | None = None,
    ) -> EmbeddingResult:
        """Give the recorded vectors.

        Raises:
            CallNotRecorded: There are none.
            RecordedFailure: The call failed when it was recorded.
        """
        texts, _ = self.prepare_embed(inputs, settings)
        call = self._recordings.take(self._requested, embedding_prompt(texts, input_type, settings))
        if call.error is not None:
            raise RecordedFailure(self._requested, call.error)
        try:
            vectors = unpacked(await self._recordings.response(call))
        except ValueError as error:
            raise CallNotRecorded(f"The recorded answer cannot be read: {error}") from None
        return EmbeddingResult(
            embeddings=vectors,
            inputs=texts,
            input_type=input_type,
            model_name=call.model or self.model_name,
            provider_name=call.provider or self.system,
            usage=_usage(call),
        )


class ReplayConnections:
    """Gives models that answer from a history, whatever name is asked for."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def model(self, given: Any) -> tuple[str, ReplayModel]:  # noqa: ANN401 - a name or a model object
        """Give the model of a name."""
        name = given.model_id if isinstance(given, Model) else str(given or DEFAULT)
        return name, ReplayModel(name, self._recordings)

    def embedding_model(self, given: Any) -> tuple[str, ReplayEmbeddingModel]:  # noqa: ANN401 - as `model`
        """Give the embedding model of a name."""
        if isinstance(given, EmbeddingModel):
            given = f"{given.system}:{given.model_name}"
        name = str(given or DEFAULT)
        return name, ReplayEmbeddingModel(name, self._recordings)

    async def close(self) -> None:
        """Do nothing: nothing was opened."""


def _response(call: e.AICalled, recorded: JSON) -> ModelResponse:
    try:
        response = revived(recorded or [])
    except ValueError:
        raise CallNotRecorded(
            f"The recorded answer of {call.requested_model} cannot be read: another release of "
            "the library wrote it, or it was recorded with record_call"
        ) from None
    response.finish_reason = cast("FinishReason | None", call.finish_reason)
    return response


def _usage(call: e.AICalled) -> RequestUsage:
    tokens = call.tokens or Tokens()
    usage = RequestUsage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        output_reasoning_tokens=tokens.reasoning,
    )
    if call.tokens is None:
        usage.unmeasured_requests = 1
    usage.cost = call.cost
    return usage


def _profile(requested: str) -> ModelProfile:
    """Give the profile of the model that is replayed, which here takes whatever was asked of it."""
    try:
        profile = infer_model_profile(requested)
        return cast("ModelProfile", {k: v for k, v in profile.items() if k not in REFUSING})
    except Exception:  # noqa: BLE001 - a name that the library does not know
        return ModelProfile()
