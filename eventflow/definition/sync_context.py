"""What a plain `def` stage is given: the same as any stage, and its calls give their answers."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ParamSpec, Protocol, overload

from typing_extensions import TypeVar

from eventflow.core.values import Actor
from eventflow.definition.context import Scope, StageFacts
from eventflow.definition.storage import SyncStorage

Input_co = TypeVar("Input_co", covariant=True)
Config_co = TypeVar("Config_co", covariant=True, default=None)
Item = TypeVar("Item")
P = ParamSpec("P")
T = TypeVar("T")


class SyncStageContext(StageFacts[Input_co, Config_co], Protocol[Input_co, Config_co]):
    """What a plain `def` stage is given, with the types that it has in a thread.

    It is the annotation of the only parameter, as `StageContext` is, and the same object: what a
    coroutine awaits, code in a thread is given when it is there. Models are asked with
    `ctx.ai.wait`.
    """

    @property
    def storage(self) -> SyncStorage:
        """Named values and bytes that are kept for this stage, in this run and generation."""
        ...

    @overload
    def step(
        self,
        name: str,
        function: Callable[P, Coroutine[Any, Any, T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T: ...
    @overload
    def step(
        self, name: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    def step(
        self, name: str, function: Callable[..., Any], /, *args: object, **kwargs: object
    ) -> Any:
        """Give the recorded output of a step, or call its function and record what it gives.

        A plain function is called in the thread of the stage, a coroutine on the event loop.
        Everything else is as `StageContext.step` has it.
        """
        ...

    @overload
    def map(
        self,
        items: Iterable[Item],
        function: Callable[[Item], Coroutine[Any, Any, T]],
        concurrency: int = 10,
        *,
        name: str | None = None,
        progress: bool = True,
    ) -> list[T]: ...
    @overload
    def map(
        self,
        items: Iterable[Item],
        function: Callable[[Item], T],
        concurrency: int = 10,
        *,
        name: str | None = None,
        progress: bool = True,
    ) -> list[T]: ...
    def map(
        self,
        items: Iterable[Any],
        function: Callable[[Any], Any],
        concurrency: int = 10,
        *,
        name: str | None = None,
        progress: bool = True,
    ) -> list[Any]:
        """Call a function for each item, each as a step; give the results in order.

        Plain functions are called in threads. Everything else is as `StageContext.map` has it.
        """
        ...

    def log(self, message: str, level: str = "info", **fields: object) -> None:
        """Write a line into the history of the run; when this returns, it is durable."""
        ...

    def progress(self, fraction: float, message: str | None = None, **details: object) -> None:
        """Tell how far the stage is, from 0 to 1."""
        ...

    def annotate(
        self,
        key: str,
        value: object,
        *,
        scope: Scope = "stage",
        actor: Actor | None = None,
        with_result: bool = False,
        **fields: object,
    ) -> None:
        """Attach a fact to this execution of the stage, or to the run, as `StageContext` does."""
        ...
