"""A stage: one typed unit of user code, and what eventflow must know to run it."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import CodeType, NoneType
from typing import Any, Generic, Protocol, TypeAlias, overload

from attrs import field
from typing_extensions import TypeVar

from eventflow.core.frozen import frozen
from eventflow.core.retry import Retry
from eventflow.definition.annotations import UNSAID, Signature, names_around, read_signature
from eventflow.definition.context import StageContext
from eventflow.definition.data.records import Type
from eventflow.definition.options import (
    checked_function,
    checked_id,
    checked_retry,
    checked_signal,
    checked_timeout,
)
from eventflow.definition.outcomes import Completed, Failed, Pending, Ready, Reenter, Suspended
from eventflow.definition.schema import Schema, learn_names
from eventflow.definition.sync_context import SyncStageContext
from eventflow.errors import InvalidWorkflow

In = TypeVar("In")
Out = TypeVar("Out")
In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)

Answer: TypeAlias = Pending | Ready[Any] | Reenter | Failed
"""What a check may return."""

Check = TypeVar("Check", bound=Callable[[Any, Any], Answer | Awaitable[Answer]])


class _CheckSlot:
    """The one place for the check of a stage, which is defined after the stage; filled once."""

    __slots__ = ("function",)

    def __init__(self) -> None:
        self.function: Callable[[Any, Any], Any] | None = None


@frozen(eq=False, kw_only=True)
class Stage(Generic[In_contra, Out_co]):
    """One typed unit of user code.

    It can be called like the function that it was made of, as in a unit test.

    Attributes:
        id: Unique within a workflow.
        name: For people.
        description: For people, too.
        dependencies: The ids of stages that must be in an earlier group.
        retry: When a failed attempt is made again.
        timeout: Seconds that one attempt may take, or None for no bound.
        signal: The name of the signal that wakes the stage when it suspends, if it declares one.
        suspends: Whether it may suspend, as far as its annotation or `state` says.
        function: What is called with the context.
        input_schema: What it takes.
        config_schema: How it can be configured.
        output_schema: What it gives.
        state_schema: What it leaves for its check when it suspends.
        payload_schema: What the signal that it declares brings, if that is checked.
    """

    id: str
    name: str
    description: str
    dependencies: tuple[str, ...]
    retry: Retry
    timeout: float | None
    signal: str | None
    suspends: bool
    function: Callable[[Any], Any] = field(repr=False)
    input_schema: Schema[Any] = field(repr=False)
    config_schema: Schema[Any] = field(repr=False)
    output_schema: Schema[Out_co] = field(repr=False)
    state_schema: Schema[Any] = field(repr=False)
    payload_schema: Schema[Any] | None = field(default=None, repr=False)
    _check: _CheckSlot = field(factory=_CheckSlot, init=False, repr=False)

    def __call__(self, ctx: StageContext[In_contra, Any] | SyncStageContext[In_contra, Any]) -> Any:  # noqa: ANN401 - of the function
        """Call the function."""
        return self.function(ctx)

    @property
    def is_async(self) -> bool:
        """Whether the function is awaited; a plain function runs in a thread."""
        return inspect.iscoroutinefunction(self.function)

    @property
    def takes_input(self) -> bool:
        """Whether it takes an input at all, or works from earlier outputs."""
        return self.input_schema.type is not NoneType

    @property
    def check_function(self) -> Callable[[Any, Any], Any] | None:
        """What is asked, with the state and the context, while the stage is suspended."""
        return self._check.function

    @property
    def wakes_by_itself(self) -> bool:
        """Whether a signal or its time wakes it: it declares a signal, or its code says how.

        Its code does with `Suspended(..., signal=...)`, `Suspended(..., then=...)`, or one of
        `Suspended.for_signal`, `Suspended.for_duration` and `Suspended.until`.
        """
        return self.signal is not None or _says_what_wakes(
            getattr(inspect.unwrap(self.function), "__code__", None)
        )

    def check(self, function: Check) -> Check:
        """Take a function as the check of this stage; used as a decorator, once.

        Raises:
            InvalidWorkflow: The stage has a check already.
        """
        if self._check.function is not None:
            raise InvalidWorkflow(f'Stage "{self.id}" has a check already; it can have one')
        if len(inspect.signature(function).parameters) != 2:  # noqa: PLR2004 - state and ctx
            raise InvalidWorkflow(
                f'The check of stage "{self.id}" takes two parameters: state, ctx'
            )
        self._check.function = function
        return function


Dependencies: TypeAlias = Iterable[str | Stage[Any, Any]] | str | Stage[Any, Any]
"""Stages that must come earlier, as stages or as ids; a single one needs no list."""


WAKING_KEYWORDS = frozenset({"signal", "then"})
WAKING_NAMES = frozenset({"for_signal", "for_duration", "until"})


def _says_what_wakes(code: CodeType | None) -> bool:
    """Tell whether some call in the code has such a keyword, or such a name.

    CPython keeps the keywords of a call as a tuple among the constants.
    """
    return code is not None and (
        not WAKING_NAMES.isdisjoint(code.co_names)
        or any(
            _says_what_wakes(constant)
            if isinstance(constant, CodeType)
            else isinstance(constant, tuple) and not WAKING_KEYWORDS.isdisjoint(constant)
            for constant in code.co_consts
        )
    )


class Decorator(Protocol):
    """Makes a stage of a function."""

    @overload
    def __call__(
        self,
        function: Callable[
            [StageContext[In, Any]], Awaitable[Completed[Out] | Suspended[Any] | Failed]
        ],
        /,
    ) -> Stage[In, Out]: ...
    @overload
    def __call__(
        self,
        function: Callable[
            [StageContext[In, Any]], Awaitable[Out | Completed[Out] | Suspended[Any] | Failed]
        ],
        /,
    ) -> Stage[In, Out]: ...
    @overload
    def __call__(
        self,
        function: Callable[[StageContext[In, Any]], Completed[Out] | Suspended[Any] | Failed],
        /,
    ) -> Stage[In, Out]: ...
    @overload
    def __call__(
        self,
        function: Callable[[StageContext[In, Any]], Out | Completed[Out] | Suspended[Any] | Failed],
        /,
    ) -> Stage[In, Out]: ...
    @overload
    def __call__(
        self,
        function: Callable[[SyncStageContext[In, Any]], Completed[Out] | Suspended[Any] | Failed],
        /,
    ) -> Stage[In, Out]: ...
    @overload
    def __call__(
        self,
        function: Callable[
            [SyncStageContext[In, Any]], Out | Completed[Out] | Suspended[Any] | Failed
        ],
        /,
    ) -> Stage[In, Out]: ...


@overload
def stage(
    function: Callable[
        [StageContext[In, Any]], Awaitable[Completed[Out] | Suspended[Any] | Failed]
    ],
    /,
) -> Stage[In, Out]: ...
@overload
def stage(
    function: Callable[
        [StageContext[In, Any]], Awaitable[Out | Completed[Out] | Suspended[Any] | Failed]
    ],
    /,
) -> Stage[In, Out]: ...
@overload
def stage(
    function: Callable[[StageContext[In, Any]], Completed[Out] | Suspended[Any] | Failed], /
) -> Stage[In, Out]: ...
@overload
def stage(
    function: Callable[[StageContext[In, Any]], Out | Completed[Out] | Suspended[Any] | Failed], /
) -> Stage[In, Out]: ...
@overload
def stage(
    function: Callable[[SyncStageContext[In, Any]], Completed[Out] | Suspended[Any] | Failed], /
) -> Stage[In, Out]: ...
@overload
def stage(
    function: Callable[[SyncStageContext[In, Any]], Out | Completed[Out] | Suspended[Any] | Failed],
    /,
) -> Stage[In, Out]: ...
@overload
def stage(
    *,
    id: str | None = None,
    name: str | None = None,
    description: str = "",
    dependencies: Dependencies = (),
    retry: Retry = ...,
    timeout: float | None = None,
    state: Type = ...,
    signal: str | None = None,
    payload: Type = ...,
    input: Type = ...,
    config: Type = ...,
    output: Type = ...,
) -> Decorator: ...
def stage(
    function: Callable[..., Any] | None = None,
    /,
    *,
    id: str | None = None,
    name: str | None = None,
    description: str = "",
    dependencies: Dependencies = (),
    retry: Retry = Retry(),  # noqa: B008 - frozen
    timeout: float | None = None,
    state: Type = UNSAID,
    signal: str | None = None,
    payload: Type = UNSAID,
    input: Type = UNSAID,
    config: Type = UNSAID,
    output: Type = UNSAID,
) -> Any:
    """Make a stage of a function; used as a decorator, bare or with options.

    The schemas come from the annotations: `ctx: StageContext[Input, Config]`, or, for a plain
    function, `SyncStageContext[Input, Config]`, and what is returned.

    Args:
        function: An `async def`, or a plain function, which runs in a thread.
        id: By default the function's name, with `-` for `_`.
        name: For people; by default made of the id.
        description: For people; by default the first line of the docstring.
        dependencies: Stages, or their ids, that must be in an earlier group.
        retry: When a failed attempt is made again.
        timeout: Seconds that one attempt may take.
        state: The schema of the state that the stage suspends with, where the annotation does not
            say it with `Suspended[State]`.
        signal: The signal that wakes the stage when it suspends.
        payload: The schema of what that signal brings; it is checked when the signal is sent, and
            `ctx.signal` is of it.
        input: The input schema, where the annotation cannot say it.
        config: The config schema, likewise.
        output: The output schema, likewise.

    Raises:
        InvalidWorkflow: The annotations do not say what the stage takes and gives, or an option
            makes no sense.
    """
    frame = inspect.currentframe()
    caller = frame.f_back if frame is not None else None

    def make(given: Callable[..., Any]) -> Stage[Any, Any]:
        checked_function(given)
        stage_id = checked_id(_id_of(given) if id is None else id)
        names = names_around(caller, getattr(inspect.unwrap(given), "__globals__", {}))
        signature = read_signature(
            given, names, input=input, config=config, output=output, state=state
        )
        return Stage(
            id=stage_id,
            name=_title(stage_id) if name is None else name,
            description=description or _first_line(given),
            dependencies=_ids(dependencies),
            retry=checked_retry(stage_id, retry),
            timeout=checked_timeout(stage_id, timeout),
            signal=checked_signal(stage_id, signal),
            suspends=signature.suspends,
            function=given,
            payload_schema=_payload_schema(stage_id, signal, payload, names),
            **_schemas(stage_id, signature, names),
        )

    return make if function is None else make(function)


def _id_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "").replace("_", "-")


def _schemas(
    stage_id: str, signature: Signature, names: Mapping[str, object]
) -> dict[str, Schema[Any]]:
    """Make the schemas of a stage; they read what was stored, so unknown fields do no harm."""
    ends = {
        "input_schema": ("input", signature.input),
        "config_schema": ("config", signature.config),
        "output_schema": ("output", signature.output),
        "state_schema": ("suspended state", signature.state),
    }
    for _, tp in ends.values():
        learn_names(tp, names)
    return {
        attribute: Schema(tp, f'the {word} of stage "{stage_id}"', exact=False)
        for attribute, (word, tp) in ends.items()
    }


def _payload_schema(
    stage_id: str, signal: str | None, payload: Type, names: Mapping[str, object]
) -> Schema[Any] | None:
    if payload is UNSAID:
        return None
    if signal is None:
        raise InvalidWorkflow(
            f'Stage "{stage_id}" has a payload, but no signal that brings it; name it: '
            '@stage(signal="...", payload=...)'
        )
    learn_names(payload, names)
    return Schema(payload, f'the payload of signal "{signal}"', exact=False)


def _ids(dependencies: Dependencies) -> tuple[str, ...]:
    if isinstance(dependencies, str | Stage):
        dependencies = (dependencies,)
    return tuple(each if isinstance(each, str) else each.id for each in dependencies)


def _title(stage_id: str) -> str:
    words = stage_id.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def _first_line(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]
