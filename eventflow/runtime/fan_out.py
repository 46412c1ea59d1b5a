"""Fan-out inside a stage: one durable step for each item, so many at once, results in order.

It never calls the function again for an item whose result was acknowledged.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import msgspec
from attrs import define, field

from eventflow.core.frozen import frozen
from eventflow.core.values import JSON
from eventflow.definition.names import ID_RULE, is_id
from eventflow.definition.schema import Schema, dump_json
from eventflow.errors import InvalidData, InvalidStep, StoreUnavailable
from eventflow.runtime.calling import AnyFunction
from eventflow.runtime.steps import Steps

TELL_EVERY = timedelta(seconds=1)

Failure: TypeAlias = tuple[int, BaseException]
"""The place of an item, and its error."""


@frozen
class Voice:
    """How a fan-out tells how far it is, as a fraction and a message, and what time it is."""

    tell: Callable[[float, str], Awaitable[None]]
    now: Callable[[], datetime]


@define
class Progress:
    """Counts the items that have a recorded result, and tells it now and then, and at the end."""

    total: int
    done: int
    voice: Voice
    told_at: datetime = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.told_at = self.voice.now()

    async def one_more(self) -> None:
        """Count an item; to tell of it is a courtesy, which the store may refuse."""
        self.done += 1
        now = self.voice.now()
        if self.done < self.total and now < self.told_at + TELL_EVERY:
            return
        self.told_at = now
        with suppress(StoreUnavailable):
            await self.voice.tell(self.done / self.total, f"{self.done} of {self.total}")


@frozen
class FanOut:
    """One call of a function for each item.

    Attributes:
        steps: Where the results are recorded.
        name: The name of the fan-out, from which the names of its steps are made.
        items: What the function is called with.
        function: What is called.
        schema: What it gives.
        concurrency: How many calls are under way at once, at most.
        voice: How to tell how far it is.
    """

    steps: Steps
    name: str
    items: Sequence[Any]
    function: AnyFunction
    schema: Schema[Any]
    concurrency: int
    voice: Voice

    async def run(self) -> list[Any]:
        """Give the results in the order of the items.

        After the first item that fails none is begun. Those that are under way are let finish and
        are recorded; then its error is raised.

        Raises:
            InvalidStep: An earlier attempt had other items.
        """
        await self._refuse_other_items()
        recorded = self.steps.recorded
        missing = [i for i in range(len(self.items)) if self._step(i) not in recorded]
        results: dict[int, Any] = {}
        await self._work_through(missing, results)
        for index in range(len(self.items)):
            if index not in results:
                results[index] = await self._one(index)
        return [results[index] for index in range(len(self.items))]

    async def _work_through(self, missing: Sequence[int], results: dict[int, Any]) -> None:
        """Do what was not recorded before."""
        failures: list[Failure] = []
        progress = Progress(len(self.items), len(self.items) - len(missing), self.voice)
        waiting = iter(missing)

        async def work() -> None:
            while not failures and (index := next(waiting, None)) is not None:
                failure = await self._try(index, results)
                if failure is not None:
                    failures.append(failure)
                else:
                    await progress.one_more()

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.concurrency, len(missing))):
                group.create_task(work())
        if failures:
            raise self._first(failures)

    async def _try(self, index: int, results: dict[int, Any]) -> Failure | None:
        """Do one item; its failure is not to cancel the others."""
        try:
            results[index] = await self._one(index)
        except (Exception, asyncio.CancelledError) as error:
            if _cancelling():
                raise
            return index, error
        return None

    async def _one(self, index: int) -> Any:  # noqa: ANN401 - what the function gives
        item = self.items[index]
        return await self.steps.run(self._step(index), self.function, (item,), schema=self.schema)

    def _step(self, index: int) -> str:
        return f"{self.name}[{index}]"

    def _first(self, failures: Sequence[Failure]) -> BaseException:
        """Give the error that came first, and what it has to do with."""
        (index, error), *others = failures
        error.add_note(f"It is the error of {self._step(index)}.")
        for other, another in others:
            error.add_note(f"{self._step(other)} has failed as well: {another!r}")
        return error

    async def _refuse_other_items(self) -> None:
        """Record what the items are before the first call, or compare them with what they were."""
        listed = f"{self.name}[items]"
        self.steps.begin(listed)
        now: JSON = {"items": len(self.items), "digest": self._digest()}
        if listed not in self.steps.recorded:
            await self.steps.record(listed, now)
        elif (before := await self.steps.output_of(listed)) != now:
            raise InvalidStep(
                f'The items of map "{self.name}" are others than in an earlier attempt '
                f"({before} then, {now} now): results would be given to the wrong items; take the "
                "items from the input, or make them in a step of their own"
            )

    def _digest(self) -> str:
        try:
            items = dump_json(self.items, InvalidData, f'the items of map "{self.name}"')
        except InvalidData as error:
            raise InvalidStep(str(error)) from None
        return hashlib.sha256(msgspec.json.encode(items, order="sorted")).hexdigest()


def checked_name(name: str | None, function: object) -> str:
    """Give the name of a fan-out: by default that of its function.

    Raises:
        InvalidStep: The function has none, or what is given is none.
    """
    if name is not None and not is_id(name):
        raise InvalidStep(f"{name!r:.300} cannot be the name of a map; give {ID_RULE}")
    if name is not None:
        return name
    while isinstance(function, partial):
        function = function.func
    own = getattr(function, "__name__", "<")
    if own.startswith("<"):
        raise InvalidStep(f'{function!r} has no name; write ctx.map(..., name="...")')
    return str(own)


def checked_concurrency(name: str, concurrency: int) -> int:
    """Give how many calls may be under way at once.

    Raises:
        InvalidStep: It is none.
    """
    if type(concurrency) is not int or concurrency < 1:
        raise InvalidStep(f'The concurrency of map "{name}" is at least 1, not {concurrency!r}')
    return concurrency


def _cancelling() -> bool:
    """Tell whether this task itself is being cancelled, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
