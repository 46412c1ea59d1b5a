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

AnyFunction = Callable[..., Any]


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


async def await_politely(function: AnyFunction, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - what user code returns
    """Await a coroutine; one that exits ends its attempt, and not the process of the worker."""
    try:
        return await function(*arguments, **named)
    except SystemExit as error:
        raise _exited(error) from error


def call_plainly(function: AnyFunction, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - as above
    """Call a plain function; what would end a coroutine or a process elsewhere is only an error.

    No future can carry a StopIteration, and no signal interrupts a thread.
    """
    try:
        return function(*arguments, **named)
    except (StopIteration, GeneratorExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"a plain function raised {type(error).__name__}") from error
    except SystemExit as error:
        raise _exited(error) from error


def _exited(error: SystemExit) -> RuntimeError:
    return RuntimeError(f"the code of the stage called sys.exit({error.code!r})")
