"""Whether what one stage gives can be what the next one takes; it says no only when it is sure."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from eventflow.definition.data.records import Type, fields_of, is_pydantic, is_record
from eventflow.definition.data.unions import bare, kinds_of, members_of, name_of

Together: TypeAlias = Mapping[str, Type]
"""What a parallel group gives: the output of each of its stages, by id."""


def reason_against(given: Type, wanted: Type) -> str | None:
    """Say why a value of one type can never be read as the other; None if it may be."""
    reasons = [_against_any(one, wanted) for one in members_of(given)]
    return None if None in reasons else reasons[0]


def reason_against_group(given: Together, wanted: Type) -> str | None:
    """Say why the outputs of a parallel group can never be read as a type; None if they may be."""
    reasons = [_against_mapping(given, one) for one in members_of(wanted)]
    return None if None in reasons else reasons[0]


def _against_any(given: Type, wanted: Type) -> str | None:
    reasons = [_against(given, one) for one in members_of(wanted)]
    return None if None in reasons else reasons[0]


def _against(given: Type, wanted: Type) -> str | None:
    if given == wanted:
        return None
    if not kinds_of(given) & kinds_of(wanted):
        return f"{name_of(given)} is never {name_of(wanted)}"
    if is_record(bare(given)):
        fields = {each.key: each.type for each in fields_of(bare(given))}
        return _missing(fields, wanted, name_of(given)) or _other_kind(fields, wanted)
    return None


def _against_mapping(given: Together, wanted: Type) -> str | None:
    if "object" not in kinds_of(wanted):
        return f"a mapping from stage id to output is never {name_of(wanted)}"
    return _missing(given, wanted, "the mapping") or _other_kind(given, wanted)


def _missing(given: Mapping[str, Type], wanted: Type, name: str) -> str | None:
    missing = [key for key in _required(bare(wanted)) if key not in given]
    if not missing:
        return None
    words = ", ".join(f'"{key}"' for key in missing)
    return f"{name} has no {words}, which {name_of(wanted)} requires"


def _other_kind(given: Mapping[str, Type], wanted: Type) -> str | None:
    """Compare the fields that both have, by their kinds in JSON alone."""
    wanted = bare(wanted)
    if not is_record(wanted):
        return None
    for each in fields_of(wanted):
        if each.key in given and not kinds_of(given[each.key]) & kinds_of(each.type):
            one, other = name_of(given[each.key]), name_of(each.type)
            return f'"{each.key}" of {name_of(wanted)} is {other}, never {one}'
    return None


def _required(tp: Any) -> list[str]:  # noqa: ANN401 - any type
    if is_record(tp):
        return [each.key for each in fields_of(tp) if each.required]
    if is_pydantic(tp) and not tp.__pydantic_root_model__:
        return [
            info.alias or name
            for name, info in tp.model_fields.items()
            if info.is_required() and info.validation_alias == info.alias
        ]
    return []
