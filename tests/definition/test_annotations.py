"""Annotations that are text, as with postponed evaluation, mean the same as others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen

from eventflow.definition.annotations import returned_type
from eventflow.definition.context import StageContext
from eventflow.definition.outcomes import Failed, Suspended
from eventflow.definition.stage import Stage, stage
from eventflow.errors import InvalidWorkflow

if TYPE_CHECKING:
    from tests.definition.kinds import AttrsOrder


@frozen
class Outer:
    value: int


@stage
async def at_module_level(ctx: StageContext[Outer]) -> int | Failed:
    """Use what the module knows."""
    return ctx.input.value


def make_stage() -> tuple[Stage[Any, Any], type]:
    """Make a stage of classes that only this function knows."""

    @frozen
    class Local:
        value: int

    @frozen
    class Pair:
        left: Local

    def inner() -> Stage[Any, Any]:
        @stage(timeout=1)
        async def local(ctx: StageContext[None, Local]) -> Pair | Suspended[Local]:
            return Pair(ctx.config)

        return local

    return inner(), Local


def test_names_of_the_module_are_known() -> None:
    """A text that names a class of the module is that class."""
    assert at_module_level.input_schema.type is Outer
    assert at_module_level.output_schema.type is int


def test_names_of_the_functions_around_are_known() -> None:
    """A class that is local to a function, or to one further out, is found."""
    made, local = make_stage()
    assert made.config_schema.type is local
    assert made.state_schema.type is local
    assert made.output_schema.name == "Pair"


def test_an_unknown_name_is_told() -> None:
    """A name that only the type checker knows is named, with what to do."""

    async def hidden(ctx: StageContext[AttrsOrder]) -> int:
        return ctx.input.count

    with pytest.raises(InvalidWorkflow, match=r'"hidden" names \'AttrsOrder\'.*@stage\(input='):
        stage(hidden)


def test_an_unknown_name_can_be_replaced() -> None:
    """Schemas that are named make the annotations unnecessary."""

    @stage(input=Outer, config=None, output=int)
    async def hidden(ctx: StageContext[AttrsOrder]) -> AttrsOrder:
        return ctx.input

    assert hidden.input_schema.type is Outer
    assert hidden.output_schema.type is int


def test_what_any_function_returns_is_read_as_well() -> None:
    """Names of the module are found; those that are only there for type checkers are refused."""

    def known() -> list[Outer]:
        return []

    def unknown() -> AttrsOrder: ...  # type: ignore[empty-body]

    assert returned_type(known) == list[Outer]
    assert returned_type(lambda: 1) is Any
    with pytest.raises(InvalidWorkflow, match=r'unknown" says that it returns is not known'):
        returned_type(unknown)
