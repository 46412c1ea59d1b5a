"""Stages that differ in one thing from one that there is, which itself is never changed."""

from collections.abc import Callable
from typing import Any

from attrs import evolve

from eventflow.definition.schema import Schema
from eventflow.definition.stage import Stage
from eventflow.definition.workflow import AnyStage


def with_function(stage: AnyStage, function: Callable[[Any], Any]) -> AnyStage:
    """Give a stage with another function, and all else as it is."""
    return _with_check_of(stage, evolve(stage, function=function))


def without_input(stage: AnyStage) -> AnyStage:
    """Give a stage that works without an input, and all else as it is."""
    return _with_check_of(stage, evolve(stage, input_schema=Schema(None)))


def with_id(stage: AnyStage, stage_id: str) -> AnyStage:
    """Give a stage under another id, and all else as it is."""
    return _with_check_of(stage, evolve(stage, id=stage_id))


def _with_check_of(stage: AnyStage, variant: Stage[Any, Any]) -> AnyStage:
    if stage.check_function is not None:
        variant.check(stage.check_function)
    return variant
