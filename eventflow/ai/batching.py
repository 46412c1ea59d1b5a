"""Batches through the library: encoded, submitted, decoded, recorded; it never waits for one.

The library's `Model.batch_*` methods are the protocol: a model that has them has batches here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from attrs import evolve
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.batch import Batch, BatchRequest, BatchResult
from pydantic_ai.settings import ModelSettings

from eventflow.ai.batches import Order
from eventflow.ai.failures import cleaned, error_info, failure
from eventflow.ai.finding import find_batch
from eventflow.ai.ledger import Asked, Came, Ledger
from eventflow.ai.messages import content_of, prompt_of, response_of, tokens_of
from eventflow.ai.objects import Wanted
from eventflow.ai.pricing import UNKNOWN, Cost, Used, cost_of
from eventflow.core.ai import AICallKind
from eventflow.core.values import JSON
from eventflow.definition.ai import BatchAnswer, BatchHandle
from eventflow.errors import EventflowError, InvalidSettings

DISCOUNT = Decimal("0.5")
"""What OpenAI, Anthropic and Google take off for batches, where only an own price is known."""

_WHOLE = Decimal(1)


async def submit(ledger: Ledger, given: Any, order: Order) -> BatchHandle:  # noqa: ANN401 - a name or a model
    """Submit a batch.

    Raises:
        AICallFailed: The provider did not take it, or did not say so.
        InvalidSettings: The model has no batches, or a setting does not fit.
    """
    requested, model = _batching(ledger, given)
    await ledger.ready()
    try:
        encoded = [await model.batch_encode(each) for each in requests_of(order)]
        batch = await model.batch_create(encoded)
    except Exception as error:  # noqa: BLE001 - libraries of providers raise anything
        raise _raised(requested, error, ledger) from None
    return handle_of(batch, requested, order, ledger.desk.now())


async def find(ledger: Ledger, given: Any, order: Order, since: datetime) -> BatchHandle | None:  # noqa: ANN401 - as above
    """Look for a batch that was submitted as this order.

    Raises:
        AICallFailed: The provider did not answer.
        BatchesNotListed: It does not let one look.
    """
    requested, model = _batching(ledger, given)
    first = requests_of(order)[0]
    try:
        group = (await model.batch_encode(first)).group
        batch = await find_batch(model, first.custom_id, group, since)
    except Exception as error:  # noqa: BLE001 - as above
        raise _raised(requested, error, ledger) from None
    return None if batch is None else handle_of(batch, requested, order, since)


async def ended(ledger: Ledger, given: Any, handle: BatchHandle) -> bool:  # noqa: ANN401 - as above
    """Ask whether the provider has done with a batch."""
    requested, model = _batching(ledger, given)
    try:
        batch = await model.batch_status(batch_of(handle))
    except Exception as error:  # noqa: BLE001 - as above
        raise _raised(requested, error, ledger) from None
    return batch.status == "ended"


async def results(
    ledger: Ledger,
    given: Any,  # noqa: ANN401 - as above
    handle: BatchHandle,
    schema: Any,  # noqa: ANN401 - any schema kind
    *,
    with_result: bool,
) -> list[BatchAnswer[Any]]:
    """Fetch the answers, record each of them, and check it against the schema."""
    requested, model = _batching(ledger, given)
    found: dict[str, BatchResult] = {}
    missing: Exception = LookupError("the provider gave no result of it")
    try:
        batch = await model.batch_status(batch_of(handle))
        found = {each.custom_id: each for each in await model.batch_results(batch)}
    except Exception as error:  # noqa: BLE001 - as above
        if not _is_of_every_prompt(error):
            raise _raised(requested, error, ledger) from None
        missing = error
    wanted = None if schema is None else Wanted(schema)
    fetching = _Fetching(ledger, model, handle, wanted, with_result)
    return [
        await fetching.answer(each, found.get(custom_id(handle.key, number), missing), number)
        for number, each in enumerate(handle.ids)
    ]


def _is_of_every_prompt(error: Exception) -> bool:
    """Tell a batch that ended without any result from one whose results could not be fetched.

    The library has an error for it, which it names nowhere in public.
    """
    return type(error).__name__ == "BatchJobError"


class _Fetching:
    """Turns the results of one batch into answers, one by one."""

    def __init__(
        self,
        ledger: Ledger,
        model: Model,
        handle: BatchHandle,
        wanted: Wanted | None,
        with_result: bool,  # noqa: FBT001 - private to this module
    ) -> None:
        self._ledger = ledger
        self._model = model
        self._handle = handle
        self._wanted = wanted
        self._with_result = with_result

    async def answer(
        self, id: str, result: BatchResult | Exception, number: int
    ) -> BatchAnswer[Any]:
        """Read one result, and record it; a problem is told, and never taken for an answer."""
        handle = self._handle
        request = _request(custom_id(handle.key, number), id, self._wanted, None, handle.settings)
        if isinstance(result, Exception):
            return await self._failed(id, request, result)
        try:
            response = self._model.batch_decode(result, request)
        except Exception as error:  # noqa: BLE001 - each item has its own
            return await self._failed(id, request, error)
        await self._write(id, request, response)
        if self._wanted is None:
            text = response.text
            problem = "the answer has no text" if text is None else None
            return BatchAnswer(id, text, problem)
        read = self._wanted.read(response)
        if read.problems:
            return BatchAnswer(id, problem="; ".join(map(str, read.problems)))
        return BatchAnswer(id, read.value)

    async def _failed(self, id: str, request: BatchRequest, error: Exception) -> BatchAnswer[Any]:
        redactor = self._ledger.desk.redactor
        cleaned(error, redactor)
        told = error_info(error, redactor)
        await self._record(id, request, Came(), told)
        return BatchAnswer(id, problem=told.message)

    async def _write(self, id: str, request: BatchRequest, response: ModelResponse) -> None:
        tokens = tokens_of(response.usage)
        (cost, version), discount = _price(self._ledger, self._handle.requested, response)
        came = Came(
            response=response_of(response) if response.parts else None,
            model=response.model_name or self._handle.model,
            provider=response.provider_name or self._handle.provider,
            tokens=tokens,
            cost=cost,
            price_version=version,
            finish_reason=response.finish_reason,
        )
        await self._record(id, request, came, None, discount)

    async def _record(
        self,
        id: str,
        request: BatchRequest,
        came: Came,
        error: Any,  # noqa: ANN401 - an ErrorInfo or nothing
        discount: Decimal | None = None,
    ) -> None:
        prompt = prompt_of([], request.model_settings, request.model_request_parameters)
        asked = Asked(AICallKind.BATCH, self._handle.requested, _named(id, prompt))
        await self._ledger.write(
            asked,
            self._handle.created_at,
            came,
            error,
            batch=self._handle.id,
            discount=discount,
            with_result=self._with_result,
        )


def _named(id: str, prompt: JSON) -> JSON:
    """Tell which prompt it was; the prompts themselves are in what the stage was given."""
    return {**prompt, "id": id} if isinstance(prompt, dict) else {"id": id}


def _price(ledger: Ledger, requested: str, response: ModelResponse) -> tuple[Cost, Decimal | None]:
    """Give what an answer costs in a batch, and what part of the list price that takes off."""
    tokens = tokens_of(response.usage)
    if response.usage.cost is not None:
        return (response.usage.cost, "provider"), None
    if tokens is None:
        return UNKNOWN, None
    prices = ledger.desk.choices.prices
    used = Used(
        requested=requested,
        model=response.model_name,
        provider=response.provider_name,
        url=response.provider_url,
        tokens=tokens,
        at=response.timestamp,
        details=response.provider_details,
        usage=response.usage,
    )
    batched = cost_of(used, prices)
    alone = cost_of(evolve(used, details=None), prices)
    if batched[0] is None or not alone[0]:
        return batched, None
    if batched[0] == alone[0]:
        return cost_of(used, prices, DISCOUNT), DISCOUNT
    return batched, _WHOLE - batched[0] / alone[0]


def requests_of(order: Order) -> list[BatchRequest]:
    """Give the prompts as the library has them, under names that every provider takes."""
    wanted = None if order.schema is None else Wanted(order.schema)
    return [
        _request(custom_id(order.key, number), prompt, wanted, order.instructions, order.settings)
        for number, prompt in enumerate(order.prompts.values())
    ]


def custom_id(key: str, number: int) -> str:
    """Name one prompt to the provider."""
    return f"{key}-{number}"


def _request(
    name: str,
    prompt: Any,  # noqa: ANN401 - a text, or parts of the library
    wanted: Wanted | None,
    instructions: str | None,
    settings: Mapping[str, Any],
) -> BatchRequest:
    asked = UserPromptPart(content_of(prompt))
    return BatchRequest(
        custom_id=name,
        messages=[ModelRequest(parts=[asked], instructions=instructions)],
        model_settings=cast("ModelSettings", dict(settings)),
        model_request_parameters=(
            ModelRequestParameters() if wanted is None else wanted.parameters()
        ),
    )


@dataclass(kw_only=True)
class NamedBatch(Batch):
    """A batch that knows the names of its prompts, which a history does not."""

    names: list[str] = field(default_factory=list)


def handle_of(batch: Batch, requested: str, order: Order, at: datetime) -> BatchHandle:
    """Give a batch that was submitted at some time as plain data."""
    return BatchHandle(
        id=batch.id,
        requested=requested,
        provider=batch.provider_name,
        model=batch.model_name,
        group=batch.group,
        created_at=at,
        ids=list(order.prompts),
        key=order.key,
        settings=dict(order.settings),
        details=batch.provider_details,
    )


def batch_of(handle: BatchHandle) -> NamedBatch:
    """Give a batch as the library has it."""
    return NamedBatch(
        id=handle.id,
        model_name=handle.model,
        provider_name=handle.provider,
        group=handle.group,
        status="in_progress",
        created_at=handle.created_at,
        request_count=len(handle.ids),
        provider_details=handle.details,
        names=[custom_id(handle.key, number) for number in range(len(handle.ids))],
    )


def _batching(ledger: Ledger, given: Any) -> tuple[str, Model]:  # noqa: ANN401 - a name or a model
    requested, model = ledger.desk.connections.model(given)
    if model.batch_max_requests is None:
        raise InvalidSettings(
            f"{requested} has no batches; there are some with anthropic:, google: and "
            "openai: models"
        )
    return requested, model


def _raised(requested: str, error: Exception, ledger: Ledger) -> Exception:
    if isinstance(error, EventflowError):
        return error
    redactor = ledger.desk.redactor
    if isinstance(error, UserError):
        return InvalidSettings(redactor.text(str(error)))
    return failure(requested, error, redactor)
