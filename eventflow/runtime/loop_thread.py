"""An event loop in a thread of its own, with a runtime open in it, for callers that wait."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

from eventflow.errors import RuntimeNotOpen
from eventflow.runtime.runtime import Runtime

T = TypeVar("T")


class _Hurry(Exception):
    """Nobody waits for the jobs in hand."""


class LoopThread:
    """A thread with an event loop, in which a runtime is open.

    Args:
        runtime: The runtime, not open yet.

    Raises:
        As `Runtime.__aenter__`.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._process = os.getpid()
        self._opened: Future[asyncio.AbstractEventLoop] = Future()
        self._ending = asyncio.Event()
        self._gate = threading.Lock()
        self._closed = False
        self._calls: set[asyncio.Task[Any]] = set()
        self._hurry = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._live, name="eventflow loop", daemon=True)
        self._thread.start()
        try:
            self._loop = self._opened.result()
        except BaseException:
            self._opened.add_done_callback(self._end)  # who was interrupted does not come back
            raise

    def call(self, begin: Callable[[Runtime], Coroutine[Any, Any, T]]) -> T:
        """Wait for something that happens on the loop; whoever is interrupted cancels it.

        Raises:
            RuntimeNotOpen: The runtime was closed meanwhile, or belongs to another process.
            RuntimeError: It is the loop itself that would wait.
        """
        answer = self._begin(begin)
        try:
            return answer.result()
        except CancelledError:
            raise RuntimeNotOpen("The blocking runtime was closed during this call") from None
        finally:
            answer.cancel()

    def close(self, *, hurry: bool) -> None:
        """Cancel the calls of other threads, close the runtime, and end the thread.

        Args:
            hurry: Give the jobs in hand back at once, instead of letting them end.
        """
        if self._process != os.getpid():
            return
        self._hurry = hurry
        self._end(self._opened)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _begin(self, begin: Callable[[Runtime], Coroutine[Any, Any, T]]) -> Future[T]:
        if self._process != os.getpid():
            raise RuntimeNotOpen("This was begun before the process was forked; begin it anew")
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "This would wait for the event loop that it runs on; use the Runtime itself there"
            )
        with self._gate:
            if self._closed:
                raise RuntimeNotOpen("The blocking runtime is closed")
            return asyncio.run_coroutine_threadsafe(self._called(begin), self._loop)

    async def _called(self, begin: Callable[[Runtime], Coroutine[Any, Any, T]]) -> T:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("what is handed to a loop runs in a task")
        self._calls.add(task)
        try:
            return await begin(self._runtime)
        finally:
            self._calls.discard(task)

    def _end(self, opened: Future[asyncio.AbstractEventLoop]) -> None:
        if opened.exception() is None:
            with suppress(RuntimeError):  # the loop has ended already
                opened.result().call_soon_threadsafe(self._ending.set)

    def _live(self) -> None:
        try:
            asyncio.run(self._stay_open())
        except BaseException as error:  # noqa: BLE001 - whoever opens or closes gets it
            self._failure = error
            if not self._opened.done():
                self._opened.set_exception(error)

    async def _stay_open(self) -> None:
        with suppress(_Hurry):
            async with self._runtime:
                self._opened.set_result(asyncio.get_running_loop())
                await self._ending.wait()
                await self._cancel_calls()
                if self._hurry:
                    raise _Hurry

    async def _cancel_calls(self) -> None:
        """Let no call wait for a loop that is gone, and none use a runtime that is closed."""
        with self._gate:
            self._closed = True
        for _ in range(2):
            await asyncio.sleep(0)  # what was handed over last has begun
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
