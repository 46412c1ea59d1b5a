"""What a stage is given: a Protocol, so that no stage depends on the runtime that calls it."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from random import Random  # noqa: TID251 - only the type
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeAlias, overload

from typing_extensions import TypeVar

from eventflow.core.values import Actor
from eventflow.definition.schema import Schema
from eventflow.definition.storage import Storage

if TYPE_CHECKING:
    from eventflow.definition.ai import AIHelper

Scope: TypeAlias = Literal["run", "stage"]
"""What an annotation is about: the run as a whole, or one of its stages."""

Input_co = TypeVar("Input_co", covariant=True)
Config_co = TypeVar("Config_co", covariant=True, default=None)
Output = TypeVar("Output")
Output_co = TypeVar("Output_co", covariant=True)
Item = TypeVar("Item")
P = ParamSpec("P")
T = TypeVar("T")


class HasOutput(Protocol[Output_co]):
    """A stage, as far as its output is concerned."""

    @property
    def id(self) -> str:
        """The id of the stage."""
        ...

    @property
    def output_schema(self) -> Schema[Output_co]:
        """What its output is."""
        ...


class StageFacts(Protocol[Input_co, Config_co]):
    """What a stage sees of its run, whether it is a coroutine or runs in a thread."""

    @property
    def run_id(self) -> str:
        """The run."""
        ...

    @property
    def workflow_id(self) -> str:
        """The workflow of the run."""
        ...

    @property
    def stage_id(self) -> str:
        """The stage that is executed."""
        ...

    @property
    def stage_name(self) -> str:
        """Its name, for people."""
        ...

    @property
    def stage_number(self) -> int:
        """Its place in the execution order, from 1."""
        ...

    @property
    def attempt(self) -> int:
        """The number of this try within the generation, from 1."""
        ...

    @property
    def generation(self) -> int:
        """How many times the run was rewound."""
        ...

    @property
    def input(self) -> Input_co:
        """The output of the group before, or the run's input in group 1."""
        ...

    @property
    def config(self) -> Config_co:
        """The config of this stage."""
        ...

    @property
    def metadata(self) -> Mapping[str, object]:
        """What the run was created with."""
        ...

    @property
    def outputs(self) -> Mapping[str, object]:
        """The outputs of all stages of earlier groups, by stage id."""
        ...

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this stage in this generation, and for nothing else."""
        ...

    @property
    def token(self) -> int:
        """The fencing token of this attempt; it is higher with every later claim of the run."""
        ...

    @property
    def claimed_at(self) -> datetime:
        """When this attempt began, in the store's time; a replay of the attempt gets the same."""
        ...

    @property
    def random(self) -> Random:
        """Random numbers that a replay of this attempt gets again; never use them for secrets."""
        ...

    @property
    def cancelled(self) -> bool:
        """Whether the result no longer counts: cancelled, rewound, or the lease was lost."""
        ...

    @property
    def resume_state(self) -> Any:  # noqa: ANN401 - as typed as the stage's state schema
        """The state that the stage suspended with, when it is executed again; else None."""
        ...

    @property
    def resumed(self) -> bool:
        """Whether the stage is executed again after it has suspended, whatever woke it."""
        ...

    @property
    def signal(self) -> Any:  # noqa: ANN401 - as typed as the payload's schema, or what was sent
        """The payload of the signal that woke the stage; None if none did."""
        ...

    @property
    def signal_name(self) -> str | None:
        """The name of the signal that woke the stage, also if its payload is None."""
        ...

    @property
    def ai(self) -> "AIHelper":
        """Calls models, and records each call as an event of the run.

        Its topic is `workflow.<run>.stage.<stage>`.
        """
        ...

    @overload
    def require(self, stage: HasOutput[Output]) -> Output: ...
    @overload
    def require(self, stage: str) -> Any: ...  # noqa: ANN401 - the name says nothing about the type
    def require(self, stage: HasOutput[Any] | str) -> Any:
        """Give the output of an earlier stage.

        Raises:
            OutputNotFound: There is none; the message names those that there are.
        """
        ...

    @overload
    def optional(self, stage: HasOutput[Output]) -> Output | None: ...
    @overload
    def optional(self, stage: str) -> Any: ...  # noqa: ANN401 - the name says nothing about the type
    def optional(self, stage: HasOutput[Any] | str) -> Any:
        """Give the output of an earlier stage, or None if there is none."""
        ...


class StageContext(StageFacts[Input_co, Config_co], Protocol[Input_co, Config_co]):
    """What a stage is given: what it sees of its run, and what it can do.

    `StageContext[Input, Config]` is the annotation of a stage's only parameter, and its schemas are
    read from there. `StageContext[None, Config]` is a stage without an input, which works from
    earlier outputs. A plain `def` stage may say `SyncStageContext` instead, whose types are those
    of calls that are not awaited.
    """

    @property
    def storage(self) -> Storage:
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
    ) -> Coroutine[Any, Any, T]: ...
    @overload
    def step(
        self, name: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]: ...
    def step(
        self, name: str, function: Callable[..., Any], /, *args: object, **kwargs: object
    ) -> Coroutine[Any, Any, Any]:
        """Give the recorded output of a step, or call its function and record what it gives.

        When the stage is tried again in the same generation, the function is not called again.
        The output is stored as the return annotation of the function says, and always read back.
        A plain function runs in a thread. In a `def` stage the output itself is given.

        Args:
            name: Unique within the attempt, and the same in each.
            function: What is called, with the arguments that follow.
            *args: Its arguments.
            **kwargs: Its named arguments.

        Raises:
            InvalidOutput: The output does not fit the annotation; this is final.
            InvalidStep: The name was used in this attempt, or is none; this is final.
            StaleToken: The claim no longer holds; the output was recorded as discarded. A
                coroutine is cancelled then.
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
    ) -> Coroutine[Any, Any, list[T]]: ...
    @overload
    def map(
        self,
        items: Iterable[Item],
        function: Callable[[Item], T],
        concurrency: int = 10,
        *,
        name: str | None = None,
        progress: bool = True,
    ) -> Coroutine[Any, Any, list[T]]: ...
    def map(
        self,
        items: Iterable[Any],
        function: Callable[[Any], Any],
        concurrency: int = 10,
        *,
        name: str | None = None,
        progress: bool = True,
    ) -> Coroutine[Any, Any, list[Any]]:
        """Call a function for each item, each as a step; give the results in order.

        When the stage is tried again, only the items without a recorded result are done. The
        items must be the same then. If one fails, no further one is begun, those under way are
        let finish and recorded, and its error is raised.

        Args:
            items: What the function is called with; JSON values, or of classes that schemas know.
            function: What is called with one item.
            concurrency: How many calls are under way at once, at most.
            name: Of the whole; by default that of the function.
            progress: Whether to tell the progress of the stage, once a second at most.

        Raises:
            InvalidStep: The name was used in this attempt, or the items have changed.
            InvalidOutput, StaleToken: As `step`.
        """
        ...

    def log(self, message: str, level: str = "info", **fields: object) -> Awaitable[None]:
        """Write a line into the history of the run."""
        ...

    def progress(
        self, fraction: float, message: str | None = None, **details: object
    ) -> Awaitable[None]:
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
    ) -> Awaitable[None]:
        """Attach a fact to this execution of the stage, or to the run.

        Args:
            key: The name of the fact.
            value: The fact, as JSON.
            scope: Whether it is about the stage or about the run.
            actor: Who says so, if it is not the stage itself.
            with_result: Record it together with what this attempt comes to, all or nothing, instead
                of at once. A result that no longer counts takes it along.
            fields: What belongs to it.
        """
        ...
