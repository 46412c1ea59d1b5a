"""One class of each kind of schema, all with the same fields: a count and a list of names."""

import dataclasses
from typing import NotRequired, TypedDict

import msgspec
import pydantic
from attrs import field, frozen, validators


@frozen
class AttrsName:
    name: str


@frozen
class AttrsOrder:
    count: int
    names: list[AttrsName] = field(factory=list)


@dataclasses.dataclass(frozen=True)
class DataclassName:
    name: str


@dataclasses.dataclass(frozen=True)
class DataclassOrder:
    count: int
    names: list[DataclassName] = dataclasses.field(default_factory=list)


class TypedName(TypedDict):
    name: str


class TypedOrder(TypedDict):
    count: int
    names: NotRequired[list[TypedName]]


class StructName(msgspec.Struct, frozen=True):
    name: str


class StructOrder(msgspec.Struct, frozen=True):
    count: int
    names: list[StructName] = msgspec.field(default_factory=list)


class ModelName(pydantic.BaseModel):
    name: str


class ModelOrder(pydantic.BaseModel):
    count: int
    names: list[ModelName] = pydantic.Field(default_factory=list)


ORDERS = (AttrsOrder, DataclassOrder, TypedOrder, StructOrder, ModelOrder)


@frozen
class Range:
    """A class with validators, one of which looks at another field."""

    low: int = field(validator=validators.ge(0))
    high: int = field(default=10, validator=validators.ge(0))

    @high.validator
    def _above_low(self, _: object, value: int) -> None:
        if value < self.low:
            raise ValueError("must not be below low")
