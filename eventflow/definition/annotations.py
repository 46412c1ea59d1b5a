"""Reads from a stage's annotations what it takes and gives; it never runs the stage."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from types import FrameType, SimpleNamespace
from typing import Any, Final, Union, get_args, get_type_hints

from eventflow.core.frozen import frozen
from eventflow.definition.context import StageContext
from eventflow.definition.data.records import Type, origin_of
from eventflow.definition.data.unions import is_union
from eventflow.definition.outcomes import Completed, Failed, Suspended
from eventflow.definition.sync_context import SyncStageContext
from eventflow.errors import InvalidWorkflow

UNSAID: Final[Any] = object()
"""Stands for a schema that was not named; None would be one."""


@frozen
class Returned:
    """What a return annotation says.

    Attributes:
        outputs: The types that the output may have.
        states: The types that the suspended state may have.
        suspends: Whether the stage may suspend.
    """

    outputs: tuple[Type, ...] = ()
    states: tuple[Type, ...] = ()
    suspends: bool = False


@frozen(kw_only=True)
class Signature:
    """What a stage takes and gives, each as it was named or read from the annotations."""

    input: Type
    config: Type
    output: Type
    state: Type
    suspends: bool


def read_signature(
    function: Callable[..., Any],
    local_names: Mapping[str, object],
    *,
    input: Type = UNSAID,
    config: Type = UNSAID,
    output: Type = UNSAID,
    state: Type = UNSAID,
) -> Signature:
    """Put together what was named explicitly and what the annotations say.

    Raises:
        InvalidWorkflow: Something is neither named nor annotated, or a name cannot be resolved.
    """
    context = _context_types(function, local_names) if UNSAID in (input, config) else (None, None)
    if output is UNSAID:
        returned = _returned(function, local_names)
        output = _union(returned.outputs)
    else:
        returned = _returned_if_known(function, local_names)
    suspends = returned.suspends or state is not UNSAID
    return Signature(
        input=context[0] if input is UNSAID else input,
        config=context[1] if config is UNSAID else config,
        output=output,
        state=(_union(returned.states) if returned.states else Any) if state is UNSAID else state,
        suspends=suspends,
    )


def returned_type(function: Callable[..., Any]) -> Type:
    """Give what any function says that it returns, or, if awaited, comes to; Any if it is silent.

    Raises:
        InvalidWorkflow: A name in the annotation cannot be resolved.
    """
    while isinstance(function, partial):
        function = function.func
    if inspect.isclass(function):
        return function
    if not inspect.isroutine(function):
        function = type(function).__call__
    try:
        annotation = _evaluated(function, "return", {})
    except InvalidWorkflow:
        name = getattr(function, "__qualname__", function)
        raise InvalidWorkflow(
            f'What function "{name}" says that it returns is not known where it is defined; '
            "define or import it at module level"
        ) from None
    if origin_of(annotation) in (Awaitable, Coroutine):
        return get_args(annotation)[-1] if get_args(annotation) else Any
    return Any if annotation is UNSAID else annotation


def names_around(frame: FrameType | None, module: Mapping[str, object]) -> dict[str, object]:
    """Collect the names that annotations may use: those of the functions around the stage."""
    names: dict[str, object] = {}
    nearest = frame
    while frame is not None:
        if frame.f_globals is module and frame.f_locals is not module:
            for name, value in frame.f_locals.items():
                if frame is nearest or name not in module:
                    names.setdefault(name, value)
        frame = frame.f_back
    return names


def _context_types(
    function: Callable[..., Any], local_names: Mapping[str, object]
) -> tuple[Type, Type]:
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) != 1:
        raise InvalidWorkflow(
            f"{_named(function)} takes {len(parameters)} parameters; a stage takes one: "
            "ctx: StageContext[Input, Config]"
        )
    annotation = _evaluated(function, parameters[0], local_names)
    given = get_args(annotation)
    kind = origin_of(annotation)
    if kind is SyncStageContext and inspect.iscoroutinefunction(inspect.unwrap(function)):
        raise InvalidWorkflow(
            f"{_named(function)} is a coroutine, which awaits what its context gives; "
            f"annotate its parameter: {parameters[0]}: StageContext[...]"
        )
    if kind not in (StageContext, SyncStageContext) or not given:
        raise InvalidWorkflow(
            f"{_named(function)} does not say what it takes; annotate its parameter: "
            f"{parameters[0]}: StageContext[Input], StageContext[Input, Config], or "
            "StageContext[None] for no input"
        )
    return (given[0], given[1] if len(given) > 1 else None)


def _returned(function: Callable[..., Any], local_names: Mapping[str, object]) -> Returned:
    annotation = _evaluated(function, "return", local_names)
    returned = Returned() if annotation is UNSAID else _read_returned(annotation)
    if not returned.outputs:
        raise InvalidWorkflow(
            f"{_named(function)} does not say what its output is; annotate what it returns: "
            "-> Output, -> Output | Suspended[State] or -> Completed[Output], "
            "or name it: @stage(output=Output)"
        )
    return returned


def _returned_if_known(function: Callable[..., Any], local_names: Mapping[str, object]) -> Returned:
    """Look whether the stage may suspend; its output is known already."""
    try:
        annotation = _evaluated(function, "return", local_names)
    except InvalidWorkflow:
        return Returned()
    return Returned() if annotation is UNSAID else _read_returned(annotation)


def _read_returned(annotation: Type) -> Returned:
    outputs: list[Type] = []
    states: list[Type] = []
    suspends = False
    for each in get_args(annotation) if is_union(annotation) else (annotation,):
        kind = origin_of(each)
        if kind is Suspended:
            suspends = True
            states += get_args(each)
        elif kind is Completed:
            outputs += get_args(each)
        elif kind is not Failed:
            outputs.append(each)
    return Returned(tuple(outputs), tuple(states), suspends)


def _union(types: tuple[Type, ...]) -> Type:
    return types[0] if len(types) == 1 else Union[types]  # noqa: UP007 - made at run time


def _evaluated(function: Callable[..., Any], name: str, local_names: Mapping[str, object]) -> Type:
    """Give an annotation with all its names resolved; UNSAID if there is none."""
    plain = inspect.unwrap(function)
    annotations = getattr(plain, "__annotations__", {})
    if name not in annotations:
        return UNSAID
    holder = SimpleNamespace(__annotations__={name: annotations[name]})
    try:
        return get_type_hints(
            holder,
            globalns=getattr(plain, "__globals__", {}),
            localns=dict(local_names),
            include_extras=True,
        )[name]
    except NameError as missing:
        raise InvalidWorkflow(
            f"{_named(function)} names {missing.name!r} in an annotation, which is not known where "
            "the stage is defined; import it there at run time, or name the schemas: "
            "@stage(input=..., config=..., output=...)"
        ) from None


def _named(function: Callable[..., Any]) -> str:
    return f'Stage function "{getattr(function, "__name__", function)}"'
