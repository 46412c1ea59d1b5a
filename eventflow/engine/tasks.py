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
    """Begin a task in the next turn of the loop, on every kind of loop; its error is logged."""
    loop = asyncio.get_running_loop()
    if loop.get_task_factory() is None:
        task = loop.create_task(work, name=name)
    else:
        task = asyncio.Task(work, loop=loop, name=name)
    task.add_done_callback(_note_end)
    return task


def _note_end(task: asyncio.Task[Any]) -> None:
    """Report an error that nobody awaits; of a second Ctrl-C the whole process tells."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, KeyboardInterrupt):
        told = {"message": f"The task {task.get_name()} failed", "exception": error, "task": task}
        task.get_loop().call_exception_handler(told)
