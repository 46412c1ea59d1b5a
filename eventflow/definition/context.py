"""What a stage is given: a Protocol, so that no stage depends on the runtime that calls it."""

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol, overload

from typing_extensions import TypeVar

from eventflow.definition.schema import Schema

Input_co = TypeVar("Input_co", covariant=True)
Config_co = TypeVar("Config_co", covariant=True, default=None)
Output = TypeVar("Output")
Output_co = TypeVar("Output_co", covariant=True)


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


class StageContext(Protocol[Input_co, Config_co]):
    """What a stage sees of its run.

    `StageContext[Input, Config]` is the annotation of a stage's only parameter, and its schemas are
    read from there. `StageContext[None, Config]` is a stage without an input, which works from
    earlier outputs.
    """

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
    def cancelled(self) -> bool:
        """Whether the result no longer counts: cancelled, rewound, or the lease was lost."""
        ...

    @property
    def resume_state(self) -> Any:  # noqa: ANN401 - as typed as the stage's state schema
        """The state that the stage suspended with, when it is executed again; else None."""
        ...

    @property
    def signal(self) -> Any:  # noqa: ANN401 - what the sender gave
        """The payload of the signal that woke the stage; None if none did."""
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

    def log(self, message: str, level: str = "info", **fields: object) -> Awaitable[None]:
        """Write a line into the history of the run."""
        ...

    def progress(
        self, fraction: float, message: str | None = None, **details: object
    ) -> Awaitable[None]:
        """Tell how far the stage is, from 0 to 1."""
        ...

    def annotate(self, key: str, value: object, **fields: object) -> Awaitable[None]:
        """Attach a fact to the run, in the name of this stage."""
        ...
