"""A thread for the work on one file, so that the event loop never waits for a disk or a pipe.

An executor does the same, but hands over each thing through a future with a lock and a condition
of its own, and counts idle threads. For somebody who waits for one append that is a tenth of it.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar
from weakref import finalize

from eventflow.store.telling import tell, tell_error

T = TypeVar("T")

_Task: TypeAlias = tuple[Callable[[], T], asyncio.AbstractEventLoop, asyncio.Future[T]]


class OwnThread:
    """Does what it is given, in order, each thing as a whole, whoever still waits for it.

    Args:
        name: What the thread is called.

    Attributes:
        end: Lets the thread end once it has done what it was given. So do the end of an
            `async with` block, the last reference to this, and the end of the process, which
            waits for no thread.
    """

    def __init__(self, name: str) -> None:
        given: SimpleQueue[_Task[Any] | None] = SimpleQueue()
        threading.Thread(target=_work, args=(given,), name=f"eventflow {name}", daemon=True).start()
        self._given = given
        self.end = finalize(self, given.put, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.end()

    async def run(self, work: Callable[[], T]) -> T:
        """Do something behind all that was given before, and give its answer."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._given.put((work, loop, answer))
        return await answer


def _work(given: "SimpleQueue[_Task[Any] | None]") -> None:
    while (task := given.get()) is not None:
        _do(*task)
        del task  # or it would be kept until there is another one


def _do(work: Callable[[], T], loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T]) -> None:
    with suppress(RuntimeError):  # the loop was closed meanwhile, so nobody waits
        try:
            loop.call_soon_threadsafe(tell, answer, work())
        except BaseException as error:  # noqa: BLE001 - who waits gets it
            loop.call_soon_threadsafe(tell_error, answer, error)
