"""The converters that all schemas share: quick ones, and thorough ones that miss no problem.

Both are strict in the same way. A quick one stops at the first problem; whoever hears of one asks
the thorough one, which goes through every part once.
"""

import functools
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

import msgspec
from cattrs import Converter
from typing_extensions import TypeAliasType

from eventflow.definition.data import classes, containers, leaves, models, unions
from eventflow.definition.data.problems import Hook
from eventflow.definition.data.records import Type, is_pydantic, is_record, origin_of


@functools.cache
def converter(*, thorough: bool, exact: bool) -> Converter:
    """Give the converter of one kind.

    Args:
        thorough: Whether every problem is found, and not only the first.
        exact: Whether unknown fields are refused, as in what users give, or ignored, as in what
            was stored by another release of the application.
    """
    made = _Strict(detailed_validation=False)

    def register(predicate: Callable[[Any], bool], make: Callable[[Any], Hook]) -> None:
        made.register_structure_hook_factory(predicate, make)

    for tp, hook in leaves.LEAVES.items():
        made.register_structure_hook(tp, hook)
    register(_is_anything, functools.partial(_given, leaves.read_anything))
    register(_is_literal, leaves.literal_hook)
    register(containers.is_mapping, lambda tp: containers.mapping_hook(tp, made, thorough=thorough))
    register(containers.is_array, lambda tp: containers.array_hook(tp, made, thorough=thorough))
    register(containers.is_fixed_tuple, lambda tp: containers.tuple_hook(tp, made))
    register(unions.is_union, lambda tp: unions.union_hook(tp, made))
    make_class = classes.thorough_hook if thorough else classes.quick_hook
    register(is_record, lambda tp: make_class(tp, made, exact=exact))
    register(is_pydantic, lambda tp: models.model_hook(tp, exact=exact))
    register(_is_alias, lambda tp: made.get_structure_hook(tp.__value__))
    register(_is_constrained, lambda tp: _constrained(tp, made))
    return made


class _Strict(Converter):
    """Looks for subclasses of the plain types first, which cattrs would take for their bases."""

    def get_structure_hook(self, type: Type, cache_result: bool = True) -> Hook:  # noqa: FBT001, FBT002 - as cattrs has it
        """Give the hook of a type."""
        hook = leaves.subclass_hook(type)
        return super().get_structure_hook(type, cache_result) if hook is None else hook


def _constrained(tp: Type, made: Converter) -> Hook:
    return leaves.constrained_hook(made.get_structure_hook(get_args(tp)[0]), tp)


def _given(hook: Hook, _: Type) -> Hook:
    return hook


def _is_anything(tp: Type) -> bool:
    return tp is Any or tp is object


def _is_alias(tp: Type) -> bool:
    return isinstance(tp, TypeAliasType)


def _is_literal(tp: Type) -> bool:
    return origin_of(tp) is Literal


def _is_constrained(tp: Type) -> bool:
    return origin_of(tp) is Annotated and any(
        isinstance(each, msgspec.Meta) for each in get_args(tp)[1:]
    )
