"""A runtime for code without an event loop: each method hands its call to a loop in a thread.

It adds nothing to what `Runtime` and `Run` do. It may be used by many threads at once, inside of
a running event loop (which then waits as well), and on both sides of a fork.
"""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from attrs import field
from typing_extensions import Unpack

from eventflow.core.frozen import frozen
from eventflow.errors import InvalidSettings
from eventflow.runtime.annotations import Annotation, AnnotationFilter
from eventflow.runtime.bridge import Bridge
from eventflow.runtime.listing import GivenStatus
from eventflow.runtime.run import Run
from eventflow.runtime.runtime import Runtime
from eventflow.store.envelope import Envelope

P = ParamSpec("P")
T = TypeVar("T")


def _of_runtime(
    method: Callable[Concatenate[Runtime, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["BlockingRuntime", P], T]:
    """Make a method that waits for the one of `Runtime`."""

    @wraps(method)
    def call(self: "BlockingRuntime", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._bridge.call(lambda runtime: method(runtime, *args, **kwargs))

    return call


def _of_run(
    method: Callable[Concatenate[Run, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["BlockingRun", P], T]:
    """Make a method that waits for the one of `Run`."""

    @wraps(method)
    def call(self: "BlockingRun", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._bridge.call(lambda runtime: method(runtime.run(self.id), *args, **kwargs))

    return call


def _creating(
    method: Callable[Concatenate[Runtime, P], Coroutine[Any, Any, Run]],
) -> Callable[Concatenate["BlockingRuntime", P], "BlockingRun"]:
    """Make a method that waits for the one of `Runtime`, and gives a handle that waits, too."""
    waiting = _of_runtime(method)

    @wraps(method)
    def call(self: "BlockingRuntime", /, *args: P.args, **kwargs: P.kwargs) -> "BlockingRun":
        return BlockingRun(waiting(self, *args, **kwargs).id, self._bridge)

    return call


def _forking(
    method: Callable[Concatenate[Run, P], Coroutine[Any, Any, Run]],
) -> Callable[Concatenate["BlockingRun", P], "BlockingRun"]:
    """Make a method that waits for the one of `Run`, and gives a handle that waits, too."""
    waiting = _of_run(method)

    @wraps(method)
    def call(self: "BlockingRun", /, *args: P.args, **kwargs: P.kwargs) -> "BlockingRun":
        return BlockingRun(waiting(self, *args, **kwargs).id, self._bridge)

    return call


class BlockingRuntime:
    """What `Runtime` is, for code that waits: Django views, scripts, notebooks.

    Its store is opened at the first use, or by `with`. It is closed by `with` or `close`, and at
    the latest when the process ends, and opened again when it is used again. After a fork the
    child opens the store anew; a worker that was started goes on in the parent only.

    Args:
        runtime: How it is set up. It is not opened itself.

    Raises:
        InvalidSettings: It is no Runtime, or its store is not given by URL.
    """

    def __init__(self, runtime: Runtime) -> None:
        if not isinstance(runtime, Runtime):
            raise InvalidSettings(
                "A blocking runtime is made of a Runtime: "
                "BlockingRuntime(Runtime(store=..., workflows=[...])), not of "
                f"{type(runtime).__name__}"
            )
        if not isinstance(runtime.given_store, str):
            raise InvalidSettings(
                "A blocking runtime opens its store on an event loop of its own, so it needs the "
                "URL of the store, such as sqlite:///eventflow.db, and no open one"
            )
        self._set_up = runtime
        self._bridge = Bridge(runtime)

    def __repr__(self) -> str:
        return f"Blocking{self._set_up!r}"

    def __enter__(self) -> Self:
        """Open the store.

        Raises:
            As `Runtime.__aenter__`.
        """
        self._bridge.open()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Stop and close; after an error without waiting for the jobs in hand."""
        self.close(hurry=error is not None)

    def close(self, *, hurry: bool = False) -> None:
        """Stop and close; calls that other threads wait for end with `RuntimeNotOpen`.

        Args:
            hurry: Give the jobs in hand back at once, instead of letting them end.
        """
        self._bridge.close(hurry=hurry)

    create_run = _creating(Runtime.create_run)
    run_and_wait = _of_runtime(Runtime.run_and_wait)
    runs = _of_runtime(Runtime.runs)
    transition_run = _of_runtime(Runtime.transition_run)
    poll_suspended_stages = _of_runtime(Runtime.poll_suspended_stages)
    unclaimable_runs = _of_runtime(Runtime.unclaimable_runs)
    dead_letters = _of_runtime(Runtime.dead_letters)
    replay_dead_letter = _of_runtime(Runtime.replay_dead_letter)
    start = _of_runtime(Runtime.start)
    stop = _of_runtime(Runtime.stop)

    def run(self, run_id: str) -> "BlockingRun":
        """Give the handle to a run; whether it exists is found out when it is used."""
        return BlockingRun(run_id, self._bridge)

    def annotations(
        self,
        *,
        status: GivenStatus = None,
        workflow: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        **wanted: Unpack[AnnotationFilter],
    ) -> Iterator[Annotation]:
        """Yield the annotations of many runs, as `Runtime.annotations` does."""
        return self._bridge.iterate(
            lambda runtime: runtime.annotations(
                status=status, workflow=workflow, metadata=metadata, **wanted
            )
        )


@frozen
class BlockingRun:
    """What `Run` is, for code that waits.

    Attributes:
        id: The run's id.
    """

    id: str
    _bridge: Bridge = field(repr=False, eq=False)

    state = _of_run(Run.state)
    result = _of_run(Run.result)
    history = _of_run(Run.history)
    load = _of_run(Run.load)
    cancel = _of_run(Run.cancel)
    rerun_from = _of_run(Run.rerun_from)
    fork_from = _forking(Run.fork_from)
    signal = _of_run(Run.signal)
    annotate = _of_run(Run.annotate)
    annotations = _of_run(Run.annotations)
    verify = _of_run(Run.verify)

    def events(self, *, follow: bool = True, after: int = 0) -> Iterator[Envelope]:
        """Yield the events beyond a version, and further ones, as `Run.events` does."""
        return self._bridge.iterate(
            lambda runtime: runtime.run(self.id).events(follow=follow, after=after)
        )
