"""A thread for the work on one file, so that the event loop never waits for a disk or a pipe."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class OwnThread:
    """Does one piece of work after the other, each as a whole, also when the caller is cancelled.

    Args:
        name: What the thread is called.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"eventflow {name}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=False)

    async def run(self, work: Callable[[], T]) -> T:
        """Do a piece of work behind what was handed in before, and give its answer."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def run_anyway(self, work: Callable[[], T]) -> T:
        """Do a piece of work to its end, and be cancelled only then."""
        return await asyncio.shield(self.run(work))
