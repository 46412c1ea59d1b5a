"""Tells code that waits for something real from code that waits in virtual time; it only looks."""

import asyncio
from collections.abc import Collection
from selectors import BaseSelector
from typing import Any

_OWN_SOCKETS = 1
"""The one with which an event loop wakes itself up."""


def really_waits(work: asyncio.Future[Any], virtual: Collection[asyncio.Future[Any]]) -> bool:
    """Tell whether code may wait for something outside of virtual time.

    Args:
        work: The code, under way.
        virtual: What is done in virtual time.
    """
    innermost: Any = work
    while isinstance(innermost, asyncio.Task):
        innermost = getattr(innermost, "_fut_waiter", None)
    return innermost not in virtual and _something_is_to_come(asyncio.get_running_loop())


def _something_is_to_come(loop: Any) -> bool:  # noqa: ANN401 - what every loop keeps for itself
    """Tell whether a loop waits for a time or a socket; of one that does not say, it may."""
    timers: Collection[asyncio.TimerHandle] | None = getattr(loop, "_scheduled", None)
    selector: BaseSelector | None = getattr(loop, "_selector", None)
    if timers is None or selector is None:
        return True
    if any(not timer.cancelled() for timer in timers):
        return True
    return len(selector.get_map()) > _OWN_SOCKETS
