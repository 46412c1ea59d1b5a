"""The event loop of one simulated process; it knows no thread, no socket and no real time."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from itertools import count
from typing import Any, Protocol, TypeVar, TypeVarTuple

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

DEAD = "this process is dead"
MOST_CLOSINGS = 50
"""How often a coroutine of a dead process may wait again while it is closed."""


class Host(Protocol):
    """Whoever lets loops run: it owns the time and chooses who goes on."""

    now: float
    """The true time, in seconds."""

    def wake(self, loop: "VirtualLoop") -> None:
        """Take notice that a loop has something to run."""
        ...

    def at(self, time: float, loop: "VirtualLoop", handle: "Handle") -> None:
        """Make a callback ready at a time of the host."""
        ...


class Handle(asyncio.TimerHandle):
    """A callback that is ready, or will be at a time of its loop."""

    __slots__ = ("arguments", "callback", "context", "due")

    def __init__(  # its base wants a loop that keeps a heap of such handles
        self,
        callback: Callable[..., object],
        arguments: tuple[Any, ...],
        context: Context | None,
        due: float | None = None,
    ) -> None:
        self.callback = callback
        self.arguments = arguments
        self.context = context if context is not None else copy_context()
        self.due = due
        self._cancelled = False

    def cancel(self) -> None:
        """Never call it."""
        self._cancelled = True

    def cancelled(self) -> bool:
        """Tell whether it will never be called."""
        return self._cancelled

    def when(self) -> float:
        """Tell the time of its loop at which it is due."""
        return self.due or 0.0


class _Numbered:
    """Objects that are found in sets in an order that depends on no address of memory."""

    number: int

    def __hash__(self) -> int:
        return self.number


class NumberedTask(_Numbered, asyncio.Task[T]):
    """A task whose place in a set is that of the same task in another process."""

    _log_destroy_pending: bool

    def __init__(self, number: int, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - those of Task
        self.number = number
        super().__init__(*arguments, **options)


class NumberedFuture(_Numbered, asyncio.Future[T]):
    """A future whose place in a set is that of the same future in another process."""

    def __init__(self, number: int, *, loop: asyncio.AbstractEventLoop) -> None:
        self.number = number
        super().__init__(loop=loop)


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs one callback at a time, when its host says so; the host is not inside another loop.

    Its time is the host's time as a clock of this process measures it: too fast or too slow by
    `rate`, and behind by as long as the whole machine was suspended.

    Attributes:
        ready: The callbacks that can run now, in the order in which they became ready.
        blocked: Whether nothing of it runs, because it is paused or dead.
        listed: Whether the host knows that it has something to run.
        errors: What nobody caught.
    """

    def __init__(self, host: Host, *, rate: float = 1.0, offset: float = 0.0) -> None:
        self.ready: list[Handle] = []
        self.blocked = False
        self.listed = False
        self.errors: list[str] = []
        self._host = host
        self._rate = rate
        self._offset = offset
        self._tasks: list[NumberedTask[Any]] = []
        self._numbers = count(1)
        self._dead = False

    def time(self) -> float:
        """Tell the monotonic time of this process, in seconds."""
        return self._host.now * self._rate + self._offset

    def fall_behind(self, seconds: float) -> None:
        """Let so many seconds of the host pass unnoticed."""
        self._offset -= seconds * self._rate

    def call_soon(
        self,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> Handle:
        """Call something as soon as this process goes on."""
        handle = Handle(callback, args, context)
        self.make_ready(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> Handle:
        """Call something after so many seconds of this process."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> Handle:
        """Call something at a time of this process."""
        handle = Handle(callback, args, context, when)
        self._host.at(self._host_time(when), self, handle)
        return handle

    def make_ready(self, handle: Handle) -> None:
        """Let a callback run, or wait on if the clock of this process does not say so yet."""
        if handle.due is not None and handle.due > self.time() + 1e-9:
            self._host.at(self._host_time(handle.due), self, handle)
            return
        self.ready.append(handle)
        if not self.listed and not self.blocked:
            self._host.wake(self)

    def run_one(self, place: int) -> None:
        """Run one of the callbacks that are ready; the host has made this the running loop."""
        handle = self.ready.pop(place)
        if handle.cancelled():
            return
        try:
            handle.context.run(handle.callback, *handle.arguments)
        except Exception as error:  # noqa: BLE001 - as each loop does
            self.call_exception_handler({"message": "in a callback", "exception": error})

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future.

        Raises:
            RuntimeError: This process is dead: nothing in it can wait any more.
        """
        if self._dead:
            raise RuntimeError(DEAD)
        return NumberedFuture(next(self._numbers), loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: Context | None = None,
        **_: object,
    ) -> asyncio.Task[T]:
        """Make a task.

        Raises:
            RuntimeError: This process is dead: nothing in it can begin any more.
        """
        if self._dead:
            coro.close()
            raise RuntimeError(DEAD)
        task: NumberedTask[T]
        task = NumberedTask(next(self._numbers), coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        return task

    def get_task_factory(self) -> None:
        """Tell that `create_task` makes all tasks itself."""
        return

    def run_in_executor(
        self,
        executor: object,
        func: Callable[[*Arguments], T],
        *args: *Arguments,
    ) -> asyncio.Future[T]:
        """Call a function a moment later, in one piece, as if a thread had done it."""
        del executor
        done: asyncio.Future[T] = self.create_future()

        def call() -> None:
            try:
                settle(done, func(*args))
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                settle(done, error)

        self.call_later(0.01, call)
        return done

    def get_debug(self) -> bool:
        """Tell that this loop is not in debug mode."""
        return False

    def is_running(self) -> bool:
        """Tell whether one of its callbacks is running."""
        return asyncio._get_running_loop() is self  # noqa: SLF001 - it is there for those who write loops

    def is_closed(self) -> bool:
        """Tell that this loop takes callbacks, also when none will ever run."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Remember what nobody caught."""
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")

    def destroy(self) -> None:
        """End all tasks where they stand; what they still try comes to nothing.

        This is the running loop meanwhile, so that they try nothing on a loop of the caller.
        """
        self.blocked = self._dead = True
        self.ready.clear()
        running = asyncio._get_running_loop()  # noqa: SLF001 - it is there for those who write loops
        asyncio._set_running_loop(self)  # noqa: SLF001 - as above
        try:
            for task in self._tasks:
                task._log_destroy_pending = False  # noqa: SLF001 - nobody else can
                if not task.done():
                    _close(task.get_coro())
        finally:
            asyncio._set_running_loop(running)  # noqa: SLF001 - as above
        self._tasks.clear()

    def _host_time(self, when: float) -> float:
        return (when - self._offset) / self._rate


def settle(future: "asyncio.Future[Any]", result: object) -> None:
    """Give a future its result, or its error, if somebody still waits for it."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _close(coroutine: Any) -> None:  # noqa: ANN401 - as asyncio has it
    """Close a coroutine, and again if it waits for something while it is closed."""
    for _ in range(MOST_CLOSINGS):
        try:
            coroutine.close()
        except Exception:  # noqa: BLE001, S112 - it is dead
            continue
        return
