"""Processes that help to measure: they hear no Ctrl-C, and end with the block that began them."""

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 300.0
"""Seconds that anybody waits for anybody."""

_PAUSE = 0.005
_GRACE = 10.0


def spawning() -> SpawnContext:
    """Give the way to make processes that share nothing with this one."""
    return multiprocessing.get_context("spawn")


@asynccontextmanager
async def running(children: Sequence[SpawnProcess]) -> AsyncGenerator[None]:
    """Start processes, and wait until they have ended; if the block fails, end them now."""
    with _uninterrupted():
        for child in children:
            child.start()
    try:
        yield
        for child in children:
            await asyncio.to_thread(child.join, _GRACE)
    finally:
        for child in children:
            child.terminate()
            child.join()


async def set_by(children: Sequence[SpawnProcess], event: Event) -> None:
    """Wait until one of the processes has set an event; no thread is left waiting for it.

    Raises:
        ChildProcessError: One of them has failed.
        TimeoutError: It took too long.
    """
    async with asyncio.timeout(PATIENCE):
        while not event.is_set():
            _refuse_failed(children)
            await asyncio.sleep(_PAUSE)


async def told_by(children: Sequence[SpawnProcess], queue: "Queue[T]") -> T:
    """Wait until one of the processes has told something.

    Raises:
        ChildProcessError: One of them has failed.
        TimeoutError: It took too long.
    """
    async with asyncio.timeout(PATIENCE):
        while queue.empty():
            _refuse_failed(children)
            await asyncio.sleep(_PAUSE)
    return queue.get()


def _refuse_failed(children: Sequence[SpawnProcess]) -> None:
    for child in children:
        if child.exitcode:
            raise ChildProcessError(f"a process that helps to measure ended with {child.exitcode}")


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Hold Ctrl-C back, which children inherit for good: the terminal sends it to all of them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
