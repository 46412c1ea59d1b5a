"""The fields of every kind of class that is an object in JSON, read in one way for all kinds."""

import dataclasses
import functools
import sys
from collections.abc import Callable, Mapping
from typing import (
    Any,
    NotRequired,
    Required,
    TypeAlias,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs
import msgspec
from attrs import field
from typing_extensions import ReadOnly, is_typeddict

from eventflow.core.frozen import frozen

Type: TypeAlias = Any
"""Whatever may stand in an annotation."""

_FACTORY: Any = type(attrs.Factory(list))


@frozen
class Field:
    """One field of a class.

    Attributes:
        name: The attribute of an instance.
        key: The key in JSON.
        argument: The name that the constructor knows it by.
        type: Its type, with the parameters of a generic class filled in.
        required: Whether it must be given.
        default: Makes its default, if it has one that needs no instance.
    """

    name: str
    key: str
    argument: str
    type: Type
    required: bool
    default: Callable[[], Any] | None = field(default=None)


def origin_of(tp: Type) -> Type:
    """Give the class behind a generic alias, or the type itself."""
    origin: Any = get_origin(tp)
    return tp if origin is None else origin


def is_record(tp: Type) -> bool:
    """Tell whether a type is a class with fields: attrs, dataclass, TypedDict or msgspec struct."""
    cls = origin_of(tp)
    return isinstance(cls, type) and (
        attrs.has(cls)
        or dataclasses.is_dataclass(cls)
        or is_typeddict(cls)
        or issubclass(cls, msgspec.Struct)
    )


def is_pydantic(tp: Type) -> bool:
    """Tell whether a type is a pydantic model, without ever importing pydantic."""
    pydantic = sys.modules.get("pydantic")
    model = getattr(pydantic, "BaseModel", None)
    return isinstance(model, type) and isinstance(tp, type) and issubclass(tp, model)


@functools.lru_cache(maxsize=4096)
def fields_of(tp: Type) -> tuple[Field, ...]:
    """List the fields of a record that can be given.

    Raises:
        NameError: A name in its annotations is not known.
    """
    cls = origin_of(tp)
    if attrs.has(cls):
        attrs.resolve_types(cls)
        found = [_of_attrs(each) for each in attrs.fields(cls) if each.init]
    elif is_typeddict(cls):
        found = [_of_typed_dict(cls, *each) for each in _hints(cls).items()]
    elif issubclass(cls, msgspec.Struct):
        found = [_of_struct(each) for each in msgspec.structs.fields(cls)]
    else:
        hints = _hints(cls)
        found = [_of_dataclass(e, hints[e.name]) for e in dataclasses.fields(cls) if e.init]
    given = parameters(tp)
    return tuple(attrs.evolve(each, type=substitute(each.type, given)) for each in found)


def resolve(tp: Type, names: Mapping[str, object]) -> None:
    """Let a class find the names in its annotations that only the functions around it know.

    Raises:
        NameError: A name is not among them, either.
    """
    try:
        fields_of(tp)
    except NameError:
        cls = origin_of(tp)
        known = {cls.__name__: cls, **names}
        if attrs.has(cls):
            attrs.resolve_types(cls, localns=known)
        else:
            cls.__annotations__.update(get_type_hints(cls, localns=known, include_extras=True))


def parameters(tp: Type) -> Mapping[Any, Type]:
    """Say what stands for each type variable of a generic class."""
    known: dict[Any, Type] = {}
    origin = origin_of(tp)
    for base in getattr(origin, "__orig_bases__", ()):
        known.update(parameters(base))
    variables = getattr(origin, "__parameters__", ())
    known.update(zip(variables, get_args(tp), strict=False))
    return known


def substitute(tp: Type, given: Mapping[Any, Type]) -> Type:
    """Put types in the place of type variables; one that is not given may be anything."""
    if isinstance(tp, TypeVar):
        return substitute(given[tp], given) if given.get(tp, tp) is not tp else Any
    variables = getattr(tp, "__parameters__", ())
    if not variables or isinstance(tp, type):
        return tp
    return tp[tuple(substitute(each, given) for each in variables)]


def _hints(cls: Type) -> dict[str, Type]:
    return get_type_hints(cls, include_extras=True)


def _of_attrs(each: "attrs.Attribute[Any]") -> Field:
    default: Any = each.default
    make: Callable[[], Any] | None = None
    if isinstance(default, _FACTORY):
        make = None if default.takes_self else default.factory
    elif default is not attrs.NOTHING:
        make = functools.partial(_same, default)
    return Field(
        name=each.name,
        key=each.alias or each.name,
        argument=each.alias or each.name,
        type=Any if each.type is None else each.type,
        required=default is attrs.NOTHING,
        default=make,
    )


def _of_dataclass(each: "dataclasses.Field[Any]", tp: Type) -> Field:
    make: Callable[[], Any] | None = None
    if each.default_factory is not dataclasses.MISSING:
        make = each.default_factory
    elif each.default is not dataclasses.MISSING:
        make = functools.partial(_same, each.default)
    return Field(each.name, each.name, each.name, tp, required=make is None, default=make)


def _of_struct(each: msgspec.structs.FieldInfo) -> Field:
    make: Callable[[], Any] | None = None
    if each.default_factory is not msgspec.NODEFAULT:
        make = each.default_factory
    elif each.default is not msgspec.NODEFAULT:
        make = functools.partial(_same, each.default)
    return Field(
        each.name, each.encode_name, each.name, each.type, required=each.required, default=make
    )


def _of_typed_dict(cls: Type, name: str, tp: Type) -> Field:
    required = name in cls.__required_keys__
    while origin_of(tp) in {Required, NotRequired, ReadOnly}:
        required = origin_of(tp) is Required or (required and origin_of(tp) is not NotRequired)
        tp = get_args(tp)[0]
    return Field(name, name, name, tp, required=required)


def _same(value: object) -> object:
    return value
