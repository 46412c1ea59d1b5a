"""Unions: the member that a value belongs to is found by its kind in JSON, then by what fits."""

from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, TypeAlias, Union, get_args

from cattrs import Converter
from typing_extensions import TypeAliasType

from eventflow.definition.data.containers import is_array, is_mapping
from eventflow.definition.data.leaves import ENCODED_TYPES
from eventflow.definition.data.plain import plain, tag_of
from eventflow.definition.data.problems import Hook, Misfit, expected, problems_of
from eventflow.definition.data.records import Type, fields_of, is_pydantic, is_record, origin_of
from eventflow.errors import InvalidWorkflow

Kinds: TypeAlias = frozenset[str]

ANYTHING: Kinds = frozenset({"null", "boolean", "integer", "number", "text", "array", "object"})
_KIND_OF_CLASS = {
    NoneType: "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "text",
    list: "array",
    dict: "object",
}
_KINDS_OF_LEAF: dict[Any, Kinds] = {
    None: frozenset({"null"}),
    NoneType: frozenset({"null"}),
    bool: frozenset({"boolean"}),
    int: frozenset({"integer"}),
    float: frozenset({"integer", "number"}),
    str: frozenset({"text"}),
    **dict.fromkeys(ENCODED_TYPES, frozenset({"text"})),
}


def is_union(tp: Type) -> bool:
    """Tell whether a type is a union."""
    return origin_of(tp) in {Union, UnionType}


def bare(tp: Type) -> Type:
    """Take off what says nothing about the data: Annotated, NewType and the names of aliases."""
    while True:
        if origin_of(tp) is Annotated:
            tp = get_args(tp)[0]
        elif isinstance(tp, NewType):
            tp = tp.__supertype__
        elif isinstance(tp, TypeAliasType):
            tp = tp.__value__
        else:
            return tp


def members_of(tp: Type) -> tuple[Type, ...]:
    """List the types of a union, also of unions within it; any other type is its only member."""
    tp = bare(tp)
    if not is_union(tp):
        return (tp,)
    return tuple(member for each in get_args(tp) for member in members_of(each))


def kinds_of(tp: Type) -> Kinds:
    """Say what a value of a type can be in JSON; everything, if that cannot be told."""
    tp = bare(tp)
    if is_union(tp):
        return frozenset().union(*(kinds_of(each) for each in get_args(tp)))
    if origin_of(tp) is Literal:
        return frozenset(_KIND_OF_CLASS[type(plain(each))] for each in get_args(tp))
    if isinstance(tp, type) and issubclass(tp, Enum):
        return frozenset(_KIND_OF_CLASS[type(plain(each.value))] for each in tp)
    if is_pydantic(tp) and tp.__pydantic_root_model__:
        return ANYTHING
    if is_record(tp) or is_pydantic(tp) or is_mapping(tp):
        return frozenset({"object"})
    if is_array(tp):
        return frozenset({"array"})
    return _KINDS_OF_LEAF.get(tp, ANYTHING)


def union_hook(tp: Type, converter: Converter) -> Hook:
    """Accept what fits one member; of several, the one that gives the same data back."""
    members = members_of(tp)
    refuse_ambiguous(tp, members)
    candidates: dict[str, list[tuple[Hook, Type]]] = {kind: [] for kind in ANYTHING}
    for member in members:
        for kind in kinds_of(member):
            candidates[kind].append((converter.get_structure_hook(member), member))
    words = " or ".join(dict.fromkeys(name_of(each) for each in members))

    def read(value: object, _: object) -> object:
        found = candidates.get(_KIND_OF_CLASS.get(type(value), ""), ())
        if len(found) == 1:
            hook, member = found[0]
            return hook(value, member)
        if not found:
            raise expected(words, value)
        return _best(value, found)

    return read


def _best(value: object, candidates: list[tuple[Hook, Type]]) -> object:
    """Prefer a member that gives back exactly the data, then the first that fits.

    Raises:
        Misfit: None fits; with the problems of the member that has the fewest.
    """
    fitting: list[object] = []
    fewest: tuple[Any, ...] | None = None
    for hook, member in candidates:
        try:
            converted = hook(value, member)
        except Exception as error:  # noqa: BLE001 - validators of users raise anything
            problems = problems_of(error)
            fewest = problems if fewest is None or len(problems) < len(fewest) else fewest
            continue
        if plain(converted) == value:
            return converted
        fitting.append(converted)
    if fitting:
        return fitting[0]
    raise Misfit(fewest or ())


def refuse_ambiguous(tp: Type, members: tuple[Type, ...]) -> None:
    """Refuse a union whose members look the same in JSON.

    Raises:
        InvalidWorkflow: Naming two members that cannot be told apart.
    """
    marks: dict[object, Type] = {}
    for member in members:
        mark = _mark(member)
        if mark is None:
            continue
        if mark in marks and marks[mark] != member:
            raise InvalidWorkflow(
                f"{name_of(tp)} is ambiguous: {name_of(marks[mark])} and {name_of(member)} look "
                "the same in JSON; give one of the classes a field with a Literal type that names "
                "it, or use a single type"
            )
        marks[mark] = member


def _mark(member: Type) -> object:
    """Give what tells a member from others in JSON, or None if trying tells."""
    if member is str or member in ENCODED_TYPES:
        return "text"
    if is_record(member) and tag_of(member) is None:
        fields = fields_of(member)
        literals = tuple(each.type for each in fields if origin_of(each.type) is Literal)
        return (frozenset(each.key for each in fields), literals)
    return None


def name_of(tp: Type) -> str:
    """Name a type in messages."""
    if tp is None or tp is NoneType:
        return "None"
    if is_union(tp):
        return " | ".join(name_of(each) for each in get_args(tp))
    if isinstance(tp, type) and not get_args(tp):
        return tp.__qualname__.rpartition("<locals>.")[2]
    if get_args(tp) and isinstance(origin_of(tp), type):
        inner = ", ".join("..." if each is ... else name_of(each) for each in get_args(tp))
        return f"{name_of(origin_of(tp))}[{inner}]"
    return str(tp).replace("typing.", "")
