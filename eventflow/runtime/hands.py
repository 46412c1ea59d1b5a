"""The hands of a worker: the tasks that do its jobs, each with one of its places."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from eventflow.engine.tasks import begin
from eventflow.store.telling import first_of

HEEDED_WITHIN = 1.0
"""Seconds of real time that a cancelled task has to come to its end."""


class Hands:
    """Tasks that have a place each, and those of them that must not be cancelled just now.

    Args:
        freed: Is called when a task that had a place has ended.
    """

    def __init__(self, freed: Callable[[], None]) -> None:
        self._freed = freed
        self._tasks: set[asyncio.Task[Any]] = set()
        self._appending: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def take(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let a task have a place until it is done."""
        task = begin(work, "eventflow job")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def take_appending(self, work: Coroutine[Any, Any, None], told: asyncio.Future[Any]) -> None:
        """Begin what appends, tells of it, and goes on with what was claimed along.

        A task of its own: what was claimed must be known here, whatever becomes of who waits.
        """
        task = self.take(work)
        task.add_done_callback(lambda _: told.cancel())  # if it never came to an answer
        self._appending.add(task)

    def undisturbed(self) -> "_Undisturbed":
        """Give a block in which nobody cancels this task: what it claims along must be known."""
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("what claims is a task")
        return _Undisturbed(self._appending, task)

    def leave(self) -> None:
        """Let others have the place of this task, who have not waited for it."""
        self._tasks.discard(asyncio.current_task())

    def cancel(self) -> None:
        """Cancel every task that may be cancelled."""
        for task in self._tasks - self._appending:
            task.cancel()

    async def all_done(self) -> None:
        """Wait until no place is taken."""
        while self._tasks:
            await first_of(*self._tasks)

    async def come_to_an_end(self, cancelled: asyncio.Event) -> None:
        """Wait until no place is taken; once all were cancelled, only for those that heed it."""
        hurry = asyncio.ensure_future(cancelled.wait())
        while self._tasks and not hurry.done():
            await first_of(hurry, *self._tasks)
        hurry.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=HEEDED_WITHIN)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._appending.discard(task)  # if it was cancelled before it began
        if task in self._tasks:
            self._tasks.remove(task)
            self._freed()


class _Undisturbed:
    """Keeps one task among those that nobody cancels."""

    __slots__ = ("_appending", "_task")

    def __init__(self, appending: set[asyncio.Task[Any]], task: asyncio.Task[Any]) -> None:
        self._appending = appending
        self._task = task

    def __enter__(self) -> None:
        self._appending.add(self._task)

    def __exit__(self, *_: object) -> None:
        self._appending.discard(self._task)
