"""How a function of the user is called: a coroutine on the loop, anything else in a thread.

Whatever it does, it never ends the process of the worker.
"""

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Any

from eventflow.runtime.clock import Clock, Timer

AnyFunction = Callable[..., Any]

HEEDED_WITHIN = 10.0
"""Seconds that cancelled code has for what it still has to do, before it is left to itself."""


class Call:
    """User code under way, for whose end nobody waits longer than it heeds a cancellation.

    Attributes:
        work: The code itself.
        answer: What the code gives; cancelled once the code was left to itself.
    """

    __slots__ = ("_clock", "_timer", "answer", "work")

    def __init__(self, work: asyncio.Future[Any], clock: Clock) -> None:
        self.answer: asyncio.Future[Any] = work.get_loop().create_future()
        self.work = work
        self._clock = clock
        self._timer: Timer | None = None
        work.add_done_callback(self._ended)

    def cancel(self) -> bool:
        """Cancel the code, and leave it to itself if it does not end; tell if it was under way."""
        cancelled = self.work.cancel()
        if cancelled and self._timer is None:
            self._timer = self._clock.call_later(HEEDED_WITHIN, self._leave, self.work)
        return cancelled

    async def end(self) -> None:
        """Cancel the code, and wait for its end however long that takes."""
        if self.work.cancel():
            await asyncio.wait({self.work})

    def _leave(self) -> None:
        self.answer.cancel()

    def _ended(self, work: asyncio.Future[Any]) -> None:
        """Hand on what the code gave; if nobody waits for it any more, that is nobody's loss."""
        if self._timer is not None:
            self._timer.cancel()
        error = None if work.cancelled() else work.exception()
        if self.answer.done():
            return
        if work.cancelled():
            self.answer.cancel()
        elif error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(work.result())


def start(
    threads: Executor,
    function: AnyFunction,
    arguments: tuple[object, ...],
    named: Mapping[str, object] | None = None,
) -> Awaitable[Any]:
    """Begin a coroutine here, and a plain function in a thread."""
    if inspect.iscoroutinefunction(function):
        return await_politely(function, *arguments, **(named or {}))
    call = partial(call_plainly, function, *arguments, **(named or {}))
    in_context = partial(contextvars.copy_context().run, call)
    return asyncio.get_running_loop().run_in_executor(threads, in_context)


async def await_politely(function: AnyFunction, /, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - what user code returns
    """Await a coroutine; one that exits ends its attempt, and not the process of the worker.

    What the event loop itself throws into it passes: a cancellation, Ctrl-C, and the end of all.
    """
    try:
        return await function(*arguments, **named)
    except (Exception, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise _no_exception(error) from error


def call_plainly(function: AnyFunction, /, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - as above
    """Call a plain function; what would end a coroutine or a process elsewhere is only an error.

    No future can carry a StopIteration, and no signal interrupts a thread.
    """
    try:
        return function(*arguments, **named)
    except StopIteration as error:
        raise RuntimeError("a plain function raised StopIteration") from error
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as error:
        raise _no_exception(error) from error


def itself(value: Awaitable[Any]) -> Awaitable[Any]:
    """Give what is awaited as it is, to be awaited politely."""
    return value


def _no_exception(error: BaseException) -> RuntimeError:
    """Make an ordinary error of one that is meant to end a process."""
    if isinstance(error, SystemExit):
        return RuntimeError(f"the function called sys.exit({error.code!r})")
    name = type(error).__qualname__
    return RuntimeError(f"the function raised {name}, which is no Exception: {error}")
