"""A schema: what a value must be, whatever kind of class says so, and how it is kept as JSON.

Nothing passes a schema unchecked, and nothing is guessed: `"5"` is not 5, and true is not 1.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import NoneType
from typing import Any, Generic, TypeAlias, get_args

from attrs import field
from cattrs.errors import StructureHandlerNotFoundError
from typing_extensions import TypeVar, is_typeddict

from eventflow.core.frozen import frozen
from eventflow.core.values import JSON
from eventflow.definition.data.converter import converter
from eventflow.definition.data.json_schema import json_schemas
from eventflow.definition.data.plain import plain
from eventflow.definition.data.problems import Hook, Misfit, misfit, problems_of
from eventflow.definition.data.records import (
    Type,
    fields_of,
    is_pydantic,
    is_record,
    origin_of,
    resolve,
)
from eventflow.definition.data.unions import bare, kinds_of, name_of
from eventflow.errors import InvalidData, InvalidWorkflow

T_co = TypeVar("T_co", covariant=True)

ErrorClass: TypeAlias = type[InvalidData]


def dump_json(value: object, error: ErrorClass = InvalidData, what: str = "the value") -> JSON:
    """Give any value that can be stored as plain JSON data.

    Raises:
        InvalidData: The given class of it, naming every part that has no meaning in JSON.
    """
    try:
        return plain(value)
    except Misfit as misfits:
        raise error(f"{_sentence(what)} cannot be stored as JSON:", misfits.problems) from None


def _or_nothing(tp: Type) -> Type:
    return NoneType if tp is None else tp


def learn_names(tp: Type, names: Mapping[str, object]) -> None:
    """Let the classes within a type find what their annotations name: functions' local classes.

    A name that is not known here, either, is left for the schema to complain about.
    """
    with suppress(NameError):
        for _ in _parts(tp, names, set()):
            pass


@frozen(eq=False)
class Schema(Generic[T_co]):
    """What a value must be.

    Attributes:
        type: An attrs class, a dataclass, a TypedDict, a msgspec struct, a pydantic model, or a
            plain JSON type.
        what: What the value is, in messages, such as `the input of stage "count"`.
        exact: Whether unknown fields are refused, as in what users give, or ignored, as in what
            another release of the application may have stored.

    Raises:
        InvalidWorkflow: The type, or a part of it, has no form in JSON.
    """

    type: Any = field(converter=_or_nothing)
    what: str = "the value"
    exact: bool = True
    _read: Hook = field(init=False, repr=False)
    _check: Hook = field(init=False, repr=False)
    _class: Any = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_read", self._quick(exact=self.exact))
        object.__setattr__(self, "_check", self._quick(exact=True))
        wanted = origin_of(bare(self.type))
        object.__setattr__(self, "_class", wanted if _has_instances(wanted) else None)

    @property
    def name(self) -> str:
        """The name of the type, for people."""
        return name_of(self.type)

    @property
    def has_fields(self) -> bool:
        """Whether a value is an object, so that its fields can be given one by one."""
        return kinds_of(self.type) == frozenset({"object"})

    def strict(self) -> "Schema[T_co]":
        """Give the same schema for what users give: unknown fields are refused."""
        return self if self.exact else Schema(self.type, self.what, exact=True)

    def parse(self, data: object, error: ErrorClass = InvalidData) -> T_co:
        """Turn plain data, or a value that is typed already, into a checked and typed value.

        Raises:
            InvalidData: The given class of it, with every field that is wrong.
        """
        try:
            value: T_co = self._read(data, self.type)
        except Exception:  # noqa: BLE001 - the thorough way says what is wrong
            return self._parse_thoroughly(data, error, exact=self.exact)
        return value

    def dump(self, value: object, error: ErrorClass = InvalidData) -> JSON:
        """Turn a typed value into plain data, and check that it fits, down to its last field.

        Raises:
            InvalidData: The given class of it, with every field that is wrong.
        """
        try:
            self._refuse_another_class(value)
            data = plain(value)
        except Misfit as misfits:
            raise self._error(error, misfits) from None
        try:
            self._check(data, self.type)
        except Exception:  # noqa: BLE001 - the thorough way says what is wrong
            self._parse_thoroughly(data, error, exact=True)
        return data

    def defaults(self) -> dict[str, JSON]:
        """Give the defaults of the fields that have one, as plain data by key."""
        tp = bare(self.type)
        made: dict[str, Callable[[], Any]] = {}
        if not self.has_fields:
            return {}
        if is_pydantic(tp):
            made = {
                info.alias or name: functools.partial(info.get_default, call_default_factory=True)
                for name, info in tp.model_fields.items()
                if not info.is_required()
            }
        elif is_record(tp):
            made = {each.key: each.default for each in fields_of(tp) if each.default is not None}
        return {key: plain(make()) for key, make in made.items()}

    def json_schema(self) -> dict[str, Any]:
        """Describe the type as JSON Schema."""
        (schema,), definitions = json_schemas([self.type])
        return {**schema, "$defs": definitions} if definitions else schema

    def _parse_thoroughly(self, data: object, error: ErrorClass, *, exact: bool) -> T_co:
        try:
            hook = converter(thorough=True, exact=exact).get_structure_hook(self.type)
            value: T_co = hook(plain(data), self.type)
        except Exception as wrong:  # noqa: BLE001 - validators of users raise anything
            raise self._error(error, wrong) from None
        return value

    def _error(self, error: ErrorClass, wrong: Exception) -> InvalidData:
        made: InvalidData = error(
            f"{_sentence(self.what)} does not fit {self.name}:", problems_of(wrong)
        )
        return made

    def _refuse_another_class(self, value: object) -> None:
        """Refuse an instance of another class, even if it has the same fields."""
        wanted = self._class
        if wanted is None or isinstance(value, wanted):
            return
        if _has_instances(type(value)):
            raise misfit(f"expected {self.name}, got {name_of(type(value))}")

    def _quick(self, *, exact: bool) -> Hook:
        """Find the hook of the type, and make sure that each part of the type has one."""
        quick = converter(thorough=False, exact=exact)
        try:
            for part in _parts(self.type, {}, set()):
                quick.get_structure_hook(part)
            return quick.get_structure_hook(self.type)
        except InvalidWorkflow as wrong:
            raise InvalidWorkflow(f"{_sentence(self.what)}: {wrong}") from None
        except NameError as wrong:
            raise InvalidWorkflow(
                f"{_sentence(self.what)}: {self.name} names {wrong.name!r} in its annotations, "
                "which is not known there; define or import it at module level"
            ) from None
        except Exception as wrong:
            raise InvalidWorkflow(
                f"{_sentence(self.what)} cannot be {self.name}: {_why_not(wrong)}; use attrs "
                "classes, dataclasses, TypedDicts, msgspec structs, pydantic models or plain JSON "
                "types"
            ) from wrong


def _parts(tp: Type, names: Mapping[str, object], seen: set[Any]) -> Iterator[Type]:
    """Yield a type and all types within it, each once."""
    tp = bare(tp)
    if tp is ... or isinstance(tp, (str, int, bytes)) or tp in seen:
        return
    seen.add(tp)
    if is_record(tp):
        resolve(tp, names)
        inner: list[Type] = [each.type for each in fields_of(tp)]
    else:
        inner = [] if name_of(tp).startswith("Literal") else list(get_args(tp))
    for each in inner:
        yield from _parts(each, names, seen)
    yield tp


def _has_instances(tp: Type) -> bool:
    """Tell whether a type is a class of its own; a TypedDict is only a dict."""
    return is_pydantic(tp) or (is_record(tp) and not is_typeddict(tp))


def _why_not(wrong: Exception) -> str:
    """Say why a type has no form in JSON; what cattrs advises is not for users of eventflow."""
    if isinstance(wrong, StructureHandlerNotFoundError):
        return f"{name_of(wrong.type_)} has no form in JSON"
    return str(wrong).rstrip(".")


def _sentence(what: str) -> str:
    return what[:1].upper() + what[1:]
