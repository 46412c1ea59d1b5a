"""Turns any value that can be stored into plain JSON data, by what it is and not by what it says.

It never guesses: what has no meaning in JSON, such as NaN, is refused with its place.
"""

import functools
from collections.abc import Awaitable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from pathlib import PurePath
from typing import Any
from uuid import UUID  # noqa: TID251 - a type of users' values; no id is drawn

import msgspec

from eventflow.core.frozen import frozen
from eventflow.core.values import JSON
from eventflow.definition.data.problems import Data, Misfit, Step, gather, misfit
from eventflow.definition.data.records import Type, fields_of, is_pydantic, is_record

_WRITTEN = (bytes, bytearray, datetime, date, time, timedelta, UUID, Decimal, PurePath)


def plain(value: Data) -> JSON:
    """Give a value as plain JSON data that shares nothing with it.

    Raises:
        Misfit: Some part of it has no meaning in JSON.
    """
    kind = value.__class__
    if kind is str:
        return _text(value)
    if value is None or kind is int or kind is bool:
        return value
    if kind is float:
        return _number(value)
    if kind is list:
        return _array(value)
    if kind is dict:
        return _object(value)
    return _other(value)


def _other(value: Data) -> JSON:  # noqa: C901 - one case for each kind of value
    kind: Type = type(value)
    shape = _shape(kind)
    if shape is not None:
        return _record(value, shape)
    match value:
        case Enum():
            return plain(value.value)
        case _ if isinstance(value, _WRITTEN):
            return _written(value)
        case str():
            return _text(str.__str__(value))
        case int():
            return int(value)
        case float():
            return _number(float(value))
        case Mapping():
            return _object(value)
        case Sequence():
            return _array(value)
        case AbstractSet():
            return _ordered(value)
        case _ if is_pydantic(type(value)):
            return plain(value.model_dump(mode="json", by_alias=True))
        case Awaitable():
            raise misfit(f"{type(value).__qualname__} is not a value yet; was an await forgotten?")
        case _:
            raise misfit(
                f"{type(value).__qualname__} cannot be stored as JSON; use an attrs class, a "
                "dataclass, a TypedDict, a msgspec struct, a pydantic model or plain JSON types"
            )


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise misfit("the text holds half a surrogate pair, which is not Unicode") from None
    return value


def _number(value: float) -> float:
    if not isfinite(value):
        raise misfit(f"{value} is not a JSON number; use null or a text instead")
    return value


def _written(value: Data) -> JSON:
    """Write what has a form as text: times, UUIDs, bytes, decimal numbers, paths."""
    if isinstance(value, PurePath):
        return _text(str(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise misfit(f"{value} is not a finite number; use null or a text instead")
        return str(value)
    return msgspec.to_builtins(value)


def _array(value: Sequence[object]) -> JSON:
    try:
        return [plain(each) for each in value]
    except Misfit:
        return gather((index, lambda e=each: plain(e)) for index, each in enumerate(value))  # type: ignore[misc]


def _ordered(value: AbstractSet[object]) -> JSON:
    """Give the members of a set in an order that does not change from process to process."""
    members: list[Any] = [plain(each) for each in value]
    return sorted(members, key=lambda each: msgspec.json.encode(each, order="sorted"))


def _object(value: Mapping[Any, object]) -> JSON:
    try:
        return {key_text(key): plain(each) for key, each in value.items()}
    except Misfit:
        keys = gather((str(key), lambda k=key: key_text(k)) for key in value)  # type: ignore[misc]
        return _gathered(list(zip(keys, value.values(), strict=True)))


@frozen
class _Shape:
    """How the instances of a class are written.

    Attributes:
        names: The key in JSON and the attribute, for each field.
        tag: What else is written, so that a tagged msgspec struct is told from others.
    """

    names: tuple[tuple[str, str], ...]
    tag: dict[str, JSON]


@functools.lru_cache(maxsize=4096)
def _shape(cls: Type) -> _Shape | None:
    """Look up how a class is written; None for a class without fields."""
    if not is_record(cls):
        return None
    tag = tag_of(cls)
    names = tuple((each.key, each.name) for each in fields_of(cls))
    return _Shape(names, {} if tag is None else dict([tag]))


def _record(value: Data, shape: _Shape) -> JSON:
    try:
        data = {key: plain(getattr(value, name)) for key, name in shape.names}
    except Misfit:
        return _gathered([(key, getattr(value, name)) for key, name in shape.names])
    return {**shape.tag, **data} if shape.tag else data


def _gathered(items: Sequence[tuple[str, object]]) -> JSON:
    parts: list[tuple[Step, Any]] = [(key, lambda e=each: plain(e)) for key, each in items]
    return dict(zip((key for key, _ in items), gather(parts), strict=True))


def key_text(key: object) -> str:
    """Give the key of a mapping as JSON has it: as text."""
    text = key if key.__class__ is str else plain(key)
    match text:
        case str():
            return _text(text)
        case bool() | int() | float():
            return msgspec.json.encode(text).decode()
        case _:
            raise misfit(f"{type(key).__qualname__} cannot be a key in JSON; use text or a number")


def tag_of(cls: Type) -> tuple[str, str | int] | None:
    """Give the key and the value by which a tagged msgspec struct is told from others."""
    if not (isinstance(cls, type) and issubclass(cls, msgspec.Struct)):
        return None
    config = cls.__struct_config__
    if config.tag is None or config.tag_field is None:
        return None
    return (config.tag_field, config.tag)
