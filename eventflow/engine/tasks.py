"""Begins tasks of the engine, which never get ahead of whoever begins them.

An application may let the tasks of its loop begin at once (`asyncio.eager_task_factory`). A task
that gathers what others want would then find the first of them alone, and one that is remembered
could be over before it is.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def begin(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Begin a task, in the next turn of the loop, whatever factory of tasks the loop has."""
    loop = asyncio.get_running_loop()
    if loop.get_task_factory() is None:
        return loop.create_task(work, name=name)
    return asyncio.Task(work, loop=loop, name=name)
