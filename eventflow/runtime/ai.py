"""What the runtime and the calls of models know of each other; it calls no model itself.

The code that calls models lives above this floor and needs an extra. It is loaded by name when the
first helper is made, so that an application that calls no model pays nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TypeAlias

from eventflow.core import events as e
from eventflow.core.ai_stats import AIStats
from eventflow.core.values import JSON

if TYPE_CHECKING:
    from eventflow.definition.ai import AIHelper

ABOVE = "eventflow.ai"

Load: TypeAlias = Callable[[JSON], Awaitable[JSON]]
"""Gives a value of a history with everything large in its place, such as `Run.load`."""

StatsOf: TypeAlias = Callable[[str], Awaitable[AIStats]]
"""Tells what the calls of a topic came to."""


class CallRecorder(Protocol):
    """Appends calls; where, and for which attempt, it knows itself."""

    async def ready(self) -> None:
        """Make sure that calls can be recorded, before one is paid for.

        Raises:
            RunNotFound, StageNotFound: There is no such place in the log.
            RuntimeNotOpen: There is no log any more.
        """
        ...

    async def record(self, call: e.AICalled, *, with_result: bool = False) -> None:
        """Append a call.

        `with_result` appends it together with the result of the stage, and only if that counts,
        where there is a stage that is being executed or checked.

        Raises:
            StoreUnavailable: The store was away for too long.
        """
        ...


class AI(Protocol):
    """What calls models for one open runtime."""

    def helper(self, topic: str, recorder: CallRecorder, stats: StatsOf) -> "AIHelper":
        """Make a helper; this costs next to nothing until the helper is used."""
        ...

    async def close(self) -> None:
        """Close the connections that calls have opened."""
        ...


class AISource(Protocol):
    """Settings of which the calls of a runtime are made, such as `eventflow.ai.AISettings`."""

    def open(self, now: Callable[[], datetime], loop: asyncio.AbstractEventLoop) -> AI:
        """Make what calls models in an event loop; `now` tells the time."""
        ...


def default_source() -> AISource:
    """Make the settings of a runtime that was given none."""
    source: AISource = import_module(ABOVE).AISettings()
    return source


def recorded_source(history: Iterable[e.Fact], load: Load) -> AISource:
    """Make what answers calls with the recorded answers of a history; `load` reads large ones."""
    source: AISource = import_module(ABOVE).replaying(history, load=load)
    return source
