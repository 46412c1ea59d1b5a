"""Classes with fields: converted by generated code, and in case of trouble field by field."""

import re
from typing import Any

import attrs
import msgspec
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn
from typing_extensions import is_typeddict

from eventflow.definition.data.plain import tag_of
from eventflow.definition.data.problems import (
    Data,
    Hook,
    Misfit,
    below,
    expected,
    problems_of,
)
from eventflow.definition.data.records import Field, Type, fields_of, origin_of
from eventflow.definition.data.unions import name_of
from eventflow.errors import Problem


def quick_hook(tp: Type, converter: Converter, *, exact: bool) -> Hook:
    """Make a hook that is fast, and says little about what is wrong."""
    origin = origin_of(tp)
    if is_typeddict(origin) or issubclass(origin, msgspec.Struct):
        return thorough_hook(tp, converter, exact=exact)
    convert: Any = make_dict_structure_fn(
        tp,
        converter,
        _cattrs_use_alias=True,
        _cattrs_forbid_extra_keys=exact,
        _cattrs_detailed_validation=False,
    )

    def read(value: Data, _: object) -> Data:
        if value.__class__ is not dict:
            raise expected(f"an object ({name_of(tp)})", value)
        return convert(value, tp)

    return read


def thorough_hook(tp: Type, converter: Converter, *, exact: bool) -> Hook:
    """Make a hook that finds every field that is wrong.

    The hooks of the fields are looked up when they are first needed, so that a class may contain
    itself.
    """
    cls = origin_of(tp)

    def read(given: Data, _: object) -> object:
        if given.__class__ is not dict:
            raise expected(f"an object ({name_of(tp)})", given)
        fields = fields_of(tp)
        tag = tag_of(cls)
        problems = _unknown(given, fields, tag) if exact else []
        if tag is not None and given.get(tag[0], tag[1]) != tag[1]:
            problems.append(Problem(tag[0], f"expected {tag[1]!r}"))
        values = _converted(given, fields, converter, problems)
        problems += _refused(cls, _defaults(given, fields) | values)
        if problems:
            raise Misfit(problems)
        return cls(**{each.argument: values[each.name] for each in fields if each.name in values})

    return read


def _unknown(
    given: dict[Any, Any], fields: tuple[Field, ...], tag: tuple[str, str | int] | None
) -> list[Problem]:
    known = {each.key for each in fields} | ({tag[0]} if tag is not None else set())
    there = ", ".join(sorted(known)) or "none"
    return [
        problem
        for key in given
        if key not in known
        for problem in below(str(key), [Problem("", f"unknown field; there is: {there}")])
    ]


def _defaults(given: dict[Any, Any], fields: tuple[Field, ...]) -> dict[str, Any]:
    """Give the defaults of the fields that are not given, by name."""
    return {
        each.name: each.default()
        for each in fields
        if each.default is not None and each.key not in given
    }


def _converted(
    given: dict[Any, Any],
    fields: tuple[Field, ...],
    converter: Converter,
    problems: list[Problem],
) -> dict[str, Any]:
    """Convert the fields that are given, by name, and note what is wrong with them."""
    values: dict[str, Any] = {}
    for each in fields:
        if each.key not in given:
            if each.required:
                problems += below(each.key, [Problem("", "required, but missing")])
            continue
        try:
            hook = converter.get_structure_hook(each.type)
            values[each.name] = hook(given[each.key], each.type)
        except Exception as error:  # noqa: BLE001 - validators of users raise anything
            problems += below(each.key, problems_of(error))
    return values


def _refused(cls: Type, values: dict[str, Any]) -> list[Problem]:
    """Ask the validators of an attrs class about each field, as its constructor would.

    A validator may look at other fields; one that stumbles over a field that is missing or wrong
    has no verdict here, and the constructor has the last word.
    """
    if not attrs.has(cls):
        return []
    draft = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(draft, name, value)
    problems: list[Problem] = []
    for each in attrs.fields(cls):
        if each.validator is None or each.name not in values:
            continue
        try:
            each.validator(draft, each, values[each.name])
        except AttributeError:
            continue
        except Exception as error:  # noqa: BLE001 - validators of users raise anything
            reason = _reason(each.name, error)
            problems += below(each.alias or each.name, [Problem("", reason)])
    return problems


def _reason(name: str, error: Exception) -> str:
    """Leave out the field's name, which the path already says."""
    return re.sub(rf"^'{re.escape(name)}' ", "", problems_of(error)[0].reason)
