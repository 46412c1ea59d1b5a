"""Turns any value that can be stored into plain JSON data, by what it is and not by what it says.

It never guesses: what has no meaning in JSON, such as NaN, is refused with its place.
"""

import dataclasses
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any
from uuid import UUID  # noqa: TID251 - a type of users' values; no id is drawn

import msgspec

from eventflow.core.values import JSON
from eventflow.definition.data.problems import Misfit, Step, gather, misfit
from eventflow.definition.data.records import fields_of, is_pydantic, is_record

_ENCODED = (bytes, bytearray, datetime, date, time, timedelta, UUID)


def plain(value: object) -> JSON:
    """Give a value as plain JSON data that shares nothing with it.

    Raises:
        Misfit: Some part of it has no meaning in JSON.
    """
    kind = value.__class__
    if kind is str:
        return _text(value)  # type: ignore[arg-type]
    if value is None or kind is int or kind is bool:
        return value
    if kind is float:
        return _number(value)  # type: ignore[arg-type]
    if kind is list:
        return _array(value)  # type: ignore[arg-type]
    if kind is dict:
        return _object(value)  # type: ignore[arg-type]
    return _other(value)


def _other(value: Any) -> JSON:  # noqa: ANN401, C901 - one case for each kind of value
    if is_record(type(value)):
        return _record(value)
    match value:
        case Enum():
            return plain(value.value)
        case Decimal():
            return _decimal(value)
        case _ if isinstance(value, _ENCODED):
            return msgspec.to_builtins(value)
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
        case Set():
            return _ordered(value)
        case _ if is_pydantic(type(value)):
            return plain(value.model_dump(mode="json", by_alias=True))
    raise misfit(
        f"{type(value).__qualname__} cannot be stored as JSON; use an attrs class, a dataclass, "
        "a TypedDict, a msgspec struct, a pydantic model or plain JSON types"
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


def _decimal(value: Decimal) -> JSON:
    if not value.is_finite():
        raise misfit(f"{value} is not a finite number; use null or a text instead")
    return str(value)


def _array(value: Sequence[object]) -> JSON:
    try:
        return [plain(each) for each in value]
    except Misfit:
        return gather((index, lambda e=each: plain(e)) for index, each in enumerate(value))  # type: ignore[misc]


def _ordered(value: Set[object]) -> JSON:
    """Give the members of a set in an order that does not change from process to process."""
    members: list[Any] = [plain(each) for each in value]
    return sorted(members, key=lambda each: msgspec.json.encode(each, order="sorted"))


def _object(value: Mapping[Any, object]) -> JSON:
    try:
        return {key_text(key): plain(each) for key, each in value.items()}
    except Misfit:
        keys = gather((str(key), lambda k=key: key_text(k)) for key in value)  # type: ignore[misc]
        return _gathered(list(zip(keys, value.values(), strict=True)))


def _record(value: Any) -> JSON:  # noqa: ANN401 - an instance of any kind of class with fields
    fields = fields_of(type(value))
    try:
        data = {each.key: plain(getattr(value, each.name)) for each in fields}
    except Misfit:
        return _gathered([(each.key, getattr(value, each.name)) for each in fields])
    tag = tag_of(type(value))
    return data if tag is None else {tag[0]: tag[1], **data}


def _gathered(items: Sequence[tuple[str, object]]) -> JSON:
    parts: list[tuple[Step, Any]] = [(key, lambda e=each: plain(e)) for key, each in items]  # type: ignore[misc]
    return dict(zip((key for key, _ in items), gather(parts), strict=True))


def key_text(key: object) -> str:
    """Give the key of a mapping as JSON has it: as text."""
    text = key if key.__class__ is str else plain(key)
    match text:
        case str():
            return _text(text)
        case bool() | int() | float():
            return msgspec.json.encode(text).decode()
    raise misfit(f"{type(key).__qualname__} cannot be a key in JSON; use text or a number")


def tag_of(cls: Any) -> tuple[str, str | int] | None:  # noqa: ANN401 - any class
    """Give the key and the value by which a tagged msgspec struct is told from others."""
    if not (isinstance(cls, type) and issubclass(cls, msgspec.Struct)):
        return None
    config = cls.__struct_config__
    return (
        None if config.tag is None or config.tag_field is None else (config.tag_field, config.tag)
    )
