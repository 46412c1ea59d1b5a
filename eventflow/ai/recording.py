"""Models of the library whose calls are all recorded, whoever makes them: a helper or an agent."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from pydantic_ai.embeddings import EmbeddingModel, EmbeddingSettings, WrapperEmbeddingModel
from pydantic_ai.embeddings.result import EmbeddingResult, EmbedInputType
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext

from eventflow.ai.failures import cleaned, error_info
from eventflow.ai.ledger import Asked, Came, Ledger
from eventflow.ai.messages import prompt_of, response_of, tokens_of
from eventflow.ai.pricing import UNKNOWN, Used, cost_of
from eventflow.ai.vectors import packed
from eventflow.core.ai import AICallKind
from eventflow.core.values import JSON
from eventflow.errors import EventflowError

GIVEN_UP = "given up"
"""The finish reason of a stream that nobody read to its end."""


class RecordingModel(WrapperModel):
    """A model whose requests are recorded, failed ones and abandoned streams too.

    Attributes:
        requested: The name of the model as it was asked for.
        failed: The error of the last request, if it failed.
    """

    def __init__(
        self, wrapped: Model, requested: str, ledger: Ledger, kind: AICallKind = AICallKind.TEXT
    ) -> None:
        super().__init__(wrapped)
        self.requested = requested
        self._ledger = ledger
        self._kind = kind
        self.failed: BaseException | None = None

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make a request, and record it before its answer is given."""
        asked = self._asked(self._kind, messages, model_settings, model_request_parameters)
        await self._ledger.ready()
        started = self._ledger.desk.now()
        try:
            response = await super().request(messages, model_settings, model_request_parameters)
        except BaseException as error:
            await self._fail(asked, started, error)
            raise
        await self._ledger.write(asked, started, self._came(response))
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Make a request whose answer comes in pieces; it is recorded when the last was read.

        One that is given up is recorded with what it used, as far as the provider has said.
        """
        asked = self._asked(AICallKind.STREAM, messages, model_settings, model_request_parameters)
        await self._ledger.ready()
        started = self._ledger.desk.now()
        stream: StreamedResponse | None = None
        try:
            async with super().request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as stream:
                yield stream
        except GeneratorExit:
            await self._end(asked, started, stream)
            raise
        except BaseException as error:
            await self._fail(asked, started, error, stream)
            raise
        await self._end(asked, started, stream)

    def _asked(
        self,
        kind: AICallKind,
        messages: Sequence[ModelMessage],
        settings: Mapping[str, Any] | None,
        parameters: ModelRequestParameters,
    ) -> Asked:
        return Asked(kind, self.requested, prompt_of(messages, settings, parameters))

    async def _end(self, asked: Asked, started: datetime, stream: StreamedResponse | None) -> None:
        """Record a stream that was read to its end, or that nobody reads any more."""
        if stream is not None:
            response = stream.get()
            if response.state != "complete" and response.finish_reason is None:
                await self._ledger.write(asked, started, self._came(response, GIVEN_UP))
            else:
                await self._ledger.write(asked, started, self._came(response))

    async def _fail(
        self,
        asked: Asked,
        started: datetime,
        error: BaseException,
        stream: StreamedResponse | None = None,
    ) -> None:
        """Record a request that failed, and take the keys out of its error."""
        if isinstance(error, EventflowError):
            return
        self.failed = error
        redactor = self._ledger.desk.redactor
        came = Came() if stream is None else self._came(stream.get())
        cleaned(error, redactor)
        await self._ledger.write(asked, started, came, error_info(error, redactor))

    def _came(self, response: ModelResponse, finish_reason: str | None = None) -> Came:
        """Say what a response came to, and let the library know what it costs."""
        usage, tokens = response.usage, tokens_of(response.usage)
        cost, version = UNKNOWN
        if usage.cost is not None:
            cost, version = usage.cost, "provider"
        elif tokens is not None:
            used = Used(
                requested=self.requested,
                model=response.model_name,
                provider=response.provider_name,
                url=response.provider_url,
                tokens=tokens,
                at=response.timestamp,
                details=response.provider_details,
                usage=usage,
            )
            cost, version = cost_of(used, self._ledger.desk.choices.prices)
            usage.cost = cost
        return Came(
            response=response_of(response) if response.parts else None,
            model=response.model_name,
            provider=response.provider_name,
            tokens=tokens,
            cost=cost,
            price_version=version,
            finish_reason=finish_reason or response.finish_reason,
        )


class RecordingEmbeddingModel(WrapperEmbeddingModel):
    """An embedding model whose calls are recorded.

    Attributes:
        requested: The name of the model as it was asked for.
        failed: The error of the last call, if it failed.
    """

    def __init__(self, wrapped: EmbeddingModel, requested: str, ledger: Ledger) -> None:
        super().__init__(wrapped)
        self.requested = requested
        self._ledger = ledger
        self.failed: BaseException | None = None

    async def embed(
        self,
        inputs: str | Sequence[str],
        *,
        input_type: EmbedInputType,
        settings: EmbeddingSettings | None = None,
    ) -> EmbeddingResult:
        """Make a call, and record it before its vectors are given."""
        asked = Asked(
            AICallKind.EMBEDDING, self.requested, embedding_prompt(inputs, input_type, settings)
        )
        await self._ledger.ready()
        started = self._ledger.desk.now()
        try:
            result = await super().embed(inputs, input_type=input_type, settings=settings)
        except BaseException as error:
            await self._fail(asked, started, error)
            raise
        await self._ledger.write(asked, started, self._came(result))
        return result

    async def _fail(self, asked: Asked, started: datetime, error: BaseException) -> None:
        if isinstance(error, EventflowError):
            return
        self.failed = error
        redactor = self._ledger.desk.redactor
        cleaned(error, redactor)
        await self._ledger.write(asked, started, error=error_info(error, redactor))

    def _came(self, result: EmbeddingResult) -> Came:
        tokens = tokens_of(result.usage)
        cost, version = UNKNOWN
        if tokens is not None:
            used = Used(
                requested=self.requested,
                model=result.model_name,
                provider=result.provider_name,
                url=self.base_url,
                tokens=tokens,
                at=result.timestamp,
                usage=result.usage,
            )
            cost, version = cost_of(used, self._ledger.desk.choices.prices)
        return Came(
            response=packed(result.embeddings),
            model=result.model_name,
            provider=result.provider_name,
            tokens=tokens,
            cost=cost,
            price_version=version,
        )


def embedding_prompt(
    inputs: str | Sequence[str], input_type: str, settings: Mapping[str, Any] | None
) -> JSON:
    """Give all that vectors depend on."""
    texts = [inputs] if isinstance(inputs, str) else list(inputs)
    prompt: dict[str, JSON] = {"inputs": texts, "input_type": input_type}
    if settings and settings.get("dimensions") is not None:
        prompt["dimensions"] = settings["dimensions"]
    return prompt
