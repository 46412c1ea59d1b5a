"""Batches for tests: kept in this process, and ended as soon as somebody asks."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from pydantic_ai.models.batch import Batch, BatchRequest, BatchResult, EncodedBatchRequest

MOST_REQUESTS = 10_000

A = TypeVar("A")


class ScriptedBatches(Generic[A]):
    """The batches of one scripted model.

    Args:
        answer: Gives the next answer of the script.
        model: The name of the model behind the colon.
        provider: That before it.
        moment: When all of it happens.
    """

    def __init__(
        self, answer: Callable[[BatchRequest], A], model: str, provider: str, moment: datetime
    ) -> None:
        self._answer = answer
        self._named = (model, provider)
        self._moment = moment
        self._requests: dict[str, BatchRequest] = {}
        self._batches: dict[str, dict[str, A]] = {}

    def encode(self, request: BatchRequest) -> EncodedBatchRequest:
        """Keep a request until it is submitted."""
        body = str(len(self._requests))  # none is taken away again
        self._requests[body] = request
        return EncodedBatchRequest(custom_id=request.custom_id, group="scripted", body=body)

    def create(self, requests: Sequence[EncodedBatchRequest]) -> Batch:
        """Take the next answers of the script for these requests."""
        name = f"scripted-batch-{len(self._batches) + 1}"
        self._batches[name] = {
            each.custom_id: self._answer(self._requests[each.body]) for each in requests
        }
        return self._shown(name, ended=False)

    def status(self, id: str) -> Batch:
        """Say that a batch has ended."""
        return self._shown(id, ended=True)

    def results(self, id: str) -> list[BatchResult]:
        """Give the results of a batch, which `answer_of` reads."""
        return [
            BatchResult(custom_id=name, status="succeeded", body=id) for name in self._batches[id]
        ]

    def answer_of(self, result: BatchResult) -> A:
        """Give the answer that a result stands for."""
        return self._batches[result.body or ""][result.custom_id]

    def _shown(self, id: str, *, ended: bool) -> Batch:
        model, provider = self._named
        return Batch(
            id=id,
            model_name=model,
            provider_name=provider,
            group="scripted",
            status="ended" if ended else "in_progress",
            created_at=self._moment,
            request_count=len(self._batches[id]),
        )
