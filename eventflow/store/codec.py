"""Events to JSON bytes and back, under names and schema numbers that outlive the classes.

It never refuses what a newer release has added: unknown types, higher schema numbers and extra
fields can all be read.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec
from attrs import NOTHING, fields
from msgspec import Raw

from eventflow.core.events import (
    EVENT_TYPES,
    Event,
    JobClaimed,
    Note,
    RunStarted,
    StageScheduled,
    Transition,
    UnknownEvent,
)
from eventflow.core.plan import Plan
from eventflow.core.values import JSON
from eventflow.errors import InvalidData, Problem

Upcaster: TypeAlias = Callable[[dict[str, JSON]], dict[str, JSON]]
"""Turns the data of an event into that of the next schema number; it must not fail."""

SCHEMAS: Mapping[str, int] = MappingProxyType(dict.fromkeys(EVENT_TYPES, 1))
"""The schema number under which each type is written now."""

UPCASTERS: Mapping[tuple[str, int], Upcaster] = MappingProxyType({})
"""The step from each older schema number of a type to the next one."""

_KINDS: Mapping[type, tuple[str, int]] = {
    kind: (name, SCHEMAS[name]) for name, kind in EVENT_TYPES.items()
}
_NUMERIC = {float, JSON, dict[str, JSON]}
_numeric = {
    kind: tuple(each.name for each in fields(kind) if each.type in _NUMERIC)
    for kind in EVENT_TYPES.values()
}
_OWN = frozenset({RunStarted, StageScheduled, JobClaimed})
"""The types that hold nothing that users give, and so nothing that could not be read again."""


def _outline(kind: type) -> type:
    """Give the shape of an event whose plan is left as it is written."""
    shape: list[Any] = []
    for each in fields(kind):
        found = (each.name, Raw if each.type is Plan else each.type)
        make = getattr(each.default, "factory", None)
        if make is not None:
            shape.append((*found, msgspec.field(default_factory=make)))
        else:
            shape.append(found if each.default is NOTHING else (*found, each.default))
    return msgspec.defstruct(kind.__name__, shape)


@lru_cache(maxsize=1_000)
def _plan(data: bytes) -> Plan:
    """Read a plan; those that are written alike are one, as most runs of a workflow have it."""
    return msgspec.json.decode(data, type=Plan)


def _reader(kind: type[Transition | Note]) -> Callable[[bytes], Event]:
    """Make what reads the data of a type."""
    names = [each.name for each in fields(kind)]
    if "plan" not in names:
        return msgspec.json.Decoder(kind).decode
    outline: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_outline(kind))
    make: Any = kind

    def read(data: bytes) -> Event:
        found = outline.decode(data)
        given: dict[str, Any] = {name: getattr(found, name) for name in names}
        event: Event = make(**given | {"plan": _plan(bytes(found.plan))})
        return event

    return read


_encoder = msgspec.json.Encoder()
_readers = {(name, SCHEMAS[name]): _reader(kind) for name, kind in EVENT_TYPES.items()}


def encode(event: Event) -> tuple[str, int, bytes]:
    """Write an event as its type, its schema number and its JSON; an unknown one as it was read.

    Raises:
        InvalidData: A value of the event is not JSON, such as NaN, infinity or a lone surrogate,
            or is of another type than its field: nothing is written that cannot be read.
    """
    if isinstance(event, UnknownEvent):
        return event.type, event.schema, event.data
    kind, schema = _KINDS[type(event)]
    try:
        data = _encoder.encode(event)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidData(f"A {kind} event cannot be written as JSON: {error}") from error
    if type(event) not in _OWN:
        if b"null" in data:
            _refuse_not_finite(kind, event)
        _refuse_unreadable(kind, schema, data)
    return kind, schema, data


def _refuse_unreadable(kind: str, schema: int, data: bytes) -> None:
    """Read back what is about to be written, since a log cannot be mended."""
    try:
        _readers[kind, schema](data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidData(f"A {kind} event cannot hold this: {error}") from None


def decode(
    type: str,
    schema: int,
    data: bytes,
    upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
) -> Event:
    """Read an event; what this release does not know becomes an `UnknownEvent`.

    Raises:
        InvalidData: The bytes are not JSON, or not the data of an event of this type.
    """
    read = _readers.get((type, schema))
    try:
        if read is not None:
            return read(data)
        if type not in SCHEMAS or schema > SCHEMAS[type]:
            return UnknownEvent(type, schema, data)
        return _decode_older(type, schema, data, upcasters)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidData(f"The data of a {type} event cannot be read: {error}") from error


def _decode_older(
    type: str, schema: int, data: bytes, upcasters: Mapping[tuple[str, int], Upcaster]
) -> Event:
    value = msgspec.json.decode(data, type=dict[str, object])
    for number in range(schema, SCHEMAS[type]):
        step = upcasters.get((type, number))
        if step is None:
            raise InvalidData(f"Nothing reads schema {number} of a {type} event")
        value = step(value)
    return msgspec.convert(value, EVENT_TYPES[type])


def _refuse_not_finite(kind: str, event: Transition | Note) -> None:
    """Find the NaN or infinity behind a `null`, which is all that the encoder leaves of it."""
    problems = [
        Problem(path, "NaN and infinity are not JSON")
        for name in _numeric[type(event)]
        for path in _not_finite(name, getattr(event, name))
    ]
    if problems:
        raise InvalidData(f"A {kind} event cannot be written as JSON:", problems)


def _not_finite(path: str, value: JSON) -> Iterator[str]:
    """Yield the place of each number that is none."""
    if isinstance(value, float):
        if not math.isfinite(value):
            yield path
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _not_finite(f"{path}.{key}", each)
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _not_finite(f"{path}[{index}]", each)
