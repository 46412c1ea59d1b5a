"""Turns what was asked and what came back into `ai.called`, as the policy has it, without keys."""

import asyncio
import hashlib
from collections.abc import Coroutine
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any

import msgspec
from attrs import frozen

from eventflow.ai.desk import Desk
from eventflow.core.ai import AICallKind, PromptPolicy, Tokens
from eventflow.core.events import AICalled
from eventflow.core.values import JSON, ErrorInfo
from eventflow.runtime.ai import CallRecorder

_canonical = msgspec.json.Encoder(order="sorted")


def digest(value: JSON) -> str:
    """Digest plain data, whatever the order of its keys."""
    return hashlib.sha256(_canonical.encode(value)).hexdigest()


@frozen
class Asked:
    """A call before it is made.

    Attributes:
        kind: What is asked for.
        requested: The model as the caller named it.
        prompt: All that the answer depends on, as plain data.
    """

    kind: AICallKind
    requested: str
    prompt: JSON

    @property
    def request_hash(self) -> str:
        """By which a replay finds the answer."""
        return digest([self.requested, self.prompt])


@frozen(kw_only=True)
class Came:
    """What came back.

    Attributes:
        response: The answer as plain data.
        model: The model that answered, as the provider names it.
        provider: Who answered.
        tokens: What was used; None if the provider did not say.
        cost: In US dollars; None if the price is unknown.
        price_version: Where the price comes from.
        finish_reason: Why the response ended.
    """

    response: JSON = None
    model: str | None = None
    provider: str | None = None
    tokens: Tokens | None = None
    cost: Decimal | None = None
    price_version: str | None = None
    finish_reason: str | None = None


NOTHING = Came()


class Ledger:
    """Writes the calls of one topic.

    Args:
        desk: What all helpers share.
        topic: The topic.
        recorder: Where events go.
    """

    def __init__(self, desk: Desk, topic: str, recorder: CallRecorder) -> None:
        self.desk = desk
        self.topic = topic
        self._recorder = recorder

    async def ready(self) -> None:
        """Make sure that a call can be recorded, before it is paid for."""
        await self._recorder.ready()

    async def write(
        self,
        asked: Asked,
        started: datetime,
        came: Came = NOTHING,
        error: ErrorInfo | None = None,
        *,
        batch: str | None = None,
        discount: Decimal | None = None,
        with_result: bool = False,
    ) -> None:
        """Record a call, also while the task that made it is being cancelled."""
        policy = self.desk.choices.policy
        hidden = self.desk.redactor
        await surely(
            self._recorder.record(
                AICalled(
                    topic=self.topic,
                    kind=asked.kind,
                    requested_model=hidden.text(asked.requested),
                    request_hash=asked.request_hash,
                    duration=(self.desk.now() - started).total_seconds(),
                    model=came.model,
                    provider=came.provider,
                    tokens=came.tokens,
                    cost=came.cost,
                    price_version=came.price_version,
                    finish_reason=came.finish_reason,
                    policy=policy,
                    prompt=self._kept(asked.prompt, policy),
                    response=self._kept(came.response, policy),
                    error=error,
                    batch=batch,
                    discount=discount,
                ),
                with_result=with_result,
            )
        )

    def _kept(self, value: JSON, policy: PromptPolicy) -> JSON:
        if value is None or policy is PromptPolicy.NONE:
            return None
        if policy is PromptPolicy.HASH:
            return f"sha256:{digest(value)}"
        return self.desk.redactor.data(value)


def storable(value: Any) -> JSON:  # noqa: ANN401 - what a provider sent
    """Spell out what is no JSON in the answer of a model, so that no paid call is lost for it."""
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case float() if not isfinite(value):
            return str(value)
        case list() | tuple():
            return [storable(each) for each in value]
        case dict():
            return {storable(str(key)): storable(each) for key, each in value.items()}
        case _:
            return value


async def surely(work: Coroutine[Any, Any, None]) -> None:
    """Finish something also if the task is cancelled meanwhile, which it then is all the same."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # the cancellation goes on, and whatever failed was logged
        raise
