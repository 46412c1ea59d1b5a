"""From code that waits to a runtime on a loop in a thread: opened when needed, in each process.

What was opened before a fork is left to the parent: in the child it is neither used nor closed.
"""

import atexit
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar
from weakref import WeakSet

from eventflow.errors import RuntimeNotOpen
from eventflow.runtime.loop_thread import LoopThread
from eventflow.runtime.runtime import Runtime

T = TypeVar("T")

_END: Any = object()


class Bridge:
    """One runtime, as many threads and processes use it.

    Args:
        runtime: How it is set up; it is not opened itself.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._set_up = runtime
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        _of_process().all.add(self)

    def open(self) -> LoopThread:
        """Open the runtime on a loop of its own, unless it is open.

        Raises:
            As `Runtime.__aenter__`.
        """
        with self._lock:
            if self._thread is None:
                self._thread = LoopThread(self._set_up.replace())
                _of_process().open.add(self)
            return self._thread

    def close(self, *, hurry: bool) -> None:
        """Close it, if it is open."""
        with self._lock:
            thread, self._thread = self._thread, None
            _of_process().open.discard(self)
            if thread is not None:
                thread.close(hurry=hurry)

    def call(self, begin: Callable[[Runtime], Coroutine[Any, Any, T]]) -> T:
        """Wait for something that happens on the loop."""
        return self.open().call(begin)

    def iterate(self, begin: Callable[[Runtime], AsyncIterator[T]]) -> Iterator[T]:
        """Yield what an async iterator yields, waiting for each."""
        thread = self.open()

        async def start(runtime: Runtime) -> AsyncIterator[T]:
            return begin(runtime)

        items = thread.call(start)

        async def following(_: Runtime) -> T:
            return await anext(items, _END)

        async def end(_: Runtime) -> None:
            if isinstance(items, AsyncGenerator):
                await items.aclose()

        try:
            while (item := thread.call(following)) is not _END:
                yield item
        finally:
            with suppress(RuntimeNotOpen):
                thread.call(end)

    def forget(self) -> object:
        """Begin anew in a process that was forked; give what belongs to its parent."""
        thread, self._thread = self._thread, None
        self._lock = threading.Lock()
        return thread


class _OfProcess:
    """The bridges of this process: all that exist, and, kept alive, those that are open.

    Attributes:
        of_parents: What belongs to the processes that this one was forked from. It is neither
            closed, which could disturb them, nor collected, which might close it.
    """

    def __init__(self) -> None:
        self.all: WeakSet[Bridge] = WeakSet()
        self.open: set[Bridge] = set()
        self.of_parents: list[object] = []

    def close(self) -> None:
        """Close what is open when the process ends."""
        for each in list(self.open):
            each.close(hurry=True)

    def forget(self) -> None:
        """Begin anew in a process that was forked."""
        self.open.clear()
        self.of_parents += [each.forget() for each in list(self.all)]


@cache
def _of_process() -> _OfProcess:
    """Give the one registry, which learns of forks and of the end from its first use on."""
    found = _OfProcess()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=found.forget)
    # What `atexit` knows is called too late: by then the threads of all executors have ended.
    getattr(threading, "_register_atexit", atexit.register)(found.close)
    return found
