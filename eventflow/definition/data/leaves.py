"""Single JSON values and the types that are written as one: strict, so that nothing is guessed."""

from base64 import b64decode
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any, get_args
from uuid import UUID  # noqa: TID251 - a type of users' values; no id is drawn

import msgspec

from eventflow.definition.data.plain import plain
from eventflow.definition.data.problems import Data, Hook, expected, misfit
from eventflow.definition.data.records import Type

_WORDS = {
    datetime: "a date and time as text (RFC 3339)",
    date: "a date as text (YYYY-MM-DD)",
    time: "a time as text (HH:MM:SS)",
    timedelta: "a duration as text (ISO 8601, such as PT30S)",
    UUID: "a UUID as text",
    bytes: "bytes as text (base64)",
}
ENCODED_TYPES = (*_WORDS, Decimal, Path)


def read_none(value: Data, _: object) -> None:
    """Accept null alone."""
    if value is not None:
        raise expected("null", value)


def read_bool(value: Data, _: object) -> bool:
    """Accept true and false, and no number."""
    if value.__class__ is bool:
        return value
    raise expected("true or false", value)


def read_int(value: Data, _: object) -> int:
    """Accept an integer, and neither true nor a text."""
    if value.__class__ is int:
        return value
    raise expected("an integer", value)


def read_float(value: Data, _: object) -> float:
    """Accept a finite number; an integer is one."""
    if value.__class__ is float and isfinite(value):
        return value
    if value.__class__ is int:
        try:
            return float(value)
        except OverflowError:
            raise misfit("the number is too large") from None
    if value.__class__ is float:
        raise misfit(f"{value} is not a JSON number; use null or a text instead")
    raise expected("a number", value)


def read_str(value: Data, _: object) -> str:
    """Accept a text."""
    if value.__class__ is str:
        return value
    raise expected("text", value)


def read_anything(value: Data, _: object) -> object:
    """Accept any JSON, and give a copy."""
    return plain(value)


def read_decimal(value: Data, _: object) -> Decimal:
    """Accept a decimal number as text, or an integer; a float would not be exact."""
    if value.__class__ is str or value.__class__ is int:
        try:
            number = Decimal(value)
        except ArithmeticError:
            raise expected("a decimal number as text", value) from None
        if number.is_finite():
            return number
    raise expected("a decimal number as text", value)


def read_path(value: Data, _: object) -> Path:
    """Accept the path of a file as text."""
    if value.__class__ is str:
        return Path(value)
    raise expected("a path as text", value)


def read_encoded(value: Data, kind: Type) -> Data:
    """Accept what is written as text in JSON: times, UUIDs, bytes."""
    if value.__class__ is str:
        try:
            if kind is bytes:
                return b64decode(value, validate=True)
            return msgspec.convert(value, kind)
        except (ValueError, msgspec.ValidationError):
            pass
    raise expected(_WORDS[kind], value)


LEAVES: dict[Any, Hook] = {
    NoneType: read_none,
    bool: read_bool,
    int: read_int,
    float: read_float,
    str: read_str,
    Decimal: read_decimal,
    Path: read_path,
    **dict.fromkeys(_WORDS, read_encoded),
}


def subclass_hook(tp: Type) -> Hook | None:
    """Give the hook of an enum, or of any other class that a single value is made into."""
    if not isinstance(tp, type) or tp in LEAVES:
        return None
    if issubclass(tp, Enum):
        return enum_hook(tp)
    base = next((each for each in tp.__mro__ if each in LEAVES), None)
    return None if base is None else _made_by(tp, base)


def _made_by(cls: Type, base: Type) -> Hook:
    read_base = LEAVES[base]

    def read(value: Data, _: object) -> object:
        return cls(read_base(value, base))

    return read


def enum_hook(kind: type[Enum]) -> Hook:
    """Accept the values of an enum's members."""
    return _one_of([(plain(member.value), member) for member in kind])


def literal_hook(tp: Type) -> Hook:
    """Accept the values that a Literal lists."""
    return _one_of([(plain(option), option) for option in get_args(tp)])


def _one_of(options: list[tuple[Any, Any]]) -> Hook:
    """Tell options by class and value: `True` is not `1`."""
    by_value = {(type(data), _hashable(data)): option for data, option in options}
    words = "one of " + ", ".join(msgspec.json.encode(data).decode() for data, _ in options)

    def read(value: Data, _: object) -> object:
        try:
            return by_value[(type(value), _hashable(value))]
        except KeyError:
            raise expected(words, value) from None

    return read


def _hashable(value: Data) -> object:
    return msgspec.json.encode(value, order="sorted") if isinstance(value, list | dict) else value


def constrained_hook(inner: Hook, tp: Type) -> Hook:
    """Accept what fits, and also keeps to the `msgspec.Meta` constraints of the annotation."""

    def read(value: Data, _: object) -> object:
        converted = inner(value, tp)
        try:
            msgspec.convert(value, tp)
        except msgspec.ValidationError as error:
            raise misfit(str(error)) from None
        return converted

    return read
