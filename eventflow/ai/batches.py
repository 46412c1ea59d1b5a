"""What stages and callers hold to work with batches; it loads nothing until one is asked for."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from secrets import token_hex
from typing import Any

from attrs import frozen

from eventflow.ai.lazy import part
from eventflow.ai.ledger import Ledger
from eventflow.definition.ai import BatchAnswer, BatchHandle
from eventflow.errors import InvalidInput


@frozen
class Order:
    """What is submitted as a batch, or looked for."""

    prompts: Mapping[str, Any]
    schema: Any
    instructions: str | None
    settings: Mapping[str, Any]
    key: str


class Batches:
    """The one implementation of `AIBatches`."""

    def __init__(self, ledger: Ledger, model: Any) -> None:  # noqa: ANN401 - a name or a model
        self._ledger = ledger
        self._model = model

    def __repr__(self) -> str:
        return f"<AIBatches {self._ledger.topic}>"

    async def submit(
        self,
        prompts: Mapping[str, Any],
        schema: Any = None,  # noqa: ANN401 - any schema kind
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        instructions: str | None = None,
        settings: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> BatchHandle:
        """Submit prompts, each under an id of its own."""
        if not prompts or not isinstance(prompts, Mapping):
            raise InvalidInput("A batch has at least one prompt, by an id of its own")
        if not all(isinstance(each, str) for each in prompts):
            raise InvalidInput("The ids of the prompts of a batch are texts")
        order = Order(
            prompts, schema, instructions, _given(temperature, max_tokens, settings), _prefix(key)
        )
        handle: BatchHandle = await part("batching").submit(self._ledger, self._model, order)
        return handle

    async def find(
        self,
        prompts: Mapping[str, Any],
        *,
        key: str,
        since: datetime,
        temperature: float | None = None,
        max_tokens: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> BatchHandle | None:
        """Look for a batch that was submitted under a key, after its handle was lost."""
        order = Order(prompts, None, None, _given(temperature, max_tokens, settings), _prefix(key))
        found: BatchHandle | None = await part("batching").find(
            self._ledger, self._model, order, since
        )
        return found

    async def ended(self, handle: BatchHandle) -> bool:
        """Ask whether the provider has done with a batch."""
        ended: bool = await part("batching").ended(self._ledger, self._model, handle)
        return ended

    async def results(
        self,
        handle: BatchHandle,
        schema: Any = None,  # noqa: ANN401 - any schema kind
        *,
        with_result: bool = False,
    ) -> list[BatchAnswer[Any]]:
        """Fetch the answers of a batch that has ended, and record each of them as a call."""
        answers: list[BatchAnswer[Any]] = await part("batching").results(
            self._ledger, self._model, handle, schema, with_result=with_result
        )
        return answers


def _given(
    temperature: float | None, max_tokens: int | None, settings: Mapping[str, Any] | None
) -> dict[str, Any]:
    chosen = {"temperature": temperature, "max_tokens": max_tokens, **(settings or {})}
    return {name: value for name, value in chosen.items() if value is not None}


def _prefix(key: str | None) -> str:
    """Turn a key into what every provider takes at the beginning of a name."""
    return token_hex(8) if key is None else hashlib.sha256(key.encode()).hexdigest()[:16]
