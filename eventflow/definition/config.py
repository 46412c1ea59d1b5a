"""The config of a workflow's stages: defaults, what users give over them, and every problem."""

from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Any

from eventflow.core.naming import meant
from eventflow.core.values import JSON
from eventflow.definition.data.plain import plain
from eventflow.definition.data.problems import Data, Misfit, below, expected, shown
from eventflow.definition.schema import Schema
from eventflow.definition.stage import Stage
from eventflow.errors import InvalidConfig, Problem

Stages = Sequence[Stage[Any, Any]]


def default_config(stages: Stages) -> dict[str, dict[str, JSON]]:
    """Give what is known without being given, by stage id."""
    return {each.id: each.config_schema.defaults() for each in configurable(stages)}


def configurable(stages: Stages) -> Iterable[Stage[Any, Any]]:
    """Yield the stages that take a config."""
    return (each for each in stages if each.config_schema.type is not NoneType)


def checked_config(
    workflow_id: str, stages: Stages, given: Mapping[str, object]
) -> dict[str, JSON]:
    """Merge what is given over the defaults, and check all of it.

    Raises:
        InvalidConfig: With every stage and field that is wrong.
    """
    merged, problems = _merged(stages, given)
    result: dict[str, JSON] = {}
    for each in configurable(stages):
        if each.id in merged:
            try:
                result[each.id] = _complete(each.config_schema.strict(), merged[each.id])
            except InvalidConfig as error:
                problems += below(each.id, error.problems)
    if problems:
        raise InvalidConfig(f'The config of workflow "{workflow_id}" does not fit:', problems)
    return result


def merged_config(workflow_id: str, stages: Stages, given: Mapping[str, object]) -> dict[str, JSON]:
    """Put what is given over the defaults, stage by stage and field by field.

    Raises:
        InvalidConfig: Something is given to a stage that does not exist or takes no config, or
            cannot be JSON.
    """
    merged, problems = _merged(stages, given)
    if problems:
        raise InvalidConfig(f'The config of workflow "{workflow_id}" does not fit:', problems)
    return merged


def _merged(stages: Stages, given: Data) -> tuple[dict[str, JSON], list[Problem]]:
    """Merge, and leave out the stages for which that makes no sense."""
    if not isinstance(given, Mapping):
        return {}, [Problem("", f"expected a mapping from stage id to config, got {shown(given)}")]
    problems = _misplaced(stages, given)
    merged: dict[str, JSON] = {}
    for each in configurable(stages):
        try:
            merged[each.id] = _over(each.config_schema, given.get(each.id))
        except Misfit as error:
            problems += below(each.id, error.problems)
    return merged, problems


def _over(schema: Schema[Any], given: object) -> JSON:
    """Put the given fields over the defaults; a config without fields is taken as it is."""
    defaults = schema.defaults()
    data = plain(given)
    if data is None:
        return defaults if schema.has_fields else None
    if isinstance(data, dict):
        return {**defaults, **data}
    if schema.has_fields:
        raise expected(f"an object ({schema.name})", data)
    return data


def _complete(schema: Schema[Any], data: JSON) -> JSON:
    """Check a config, and give all of it, as the stage is to see it."""
    return schema.dump(schema.parse(data, InvalidConfig), InvalidConfig)


def _misplaced(stages: Stages, given: Mapping[str, object]) -> list[Problem]:
    known = [each.id for each in stages]
    taking = {each.id for each in configurable(stages)}
    there = ", ".join(f'"{each}"' for each in known)
    problems: list[Problem] = []
    for stage_id, value in given.items():
        if stage_id not in known:
            reason = f"no such stage; there is: {there}{meant(stage_id, known)}"
            problems += below(str(stage_id), [Problem("", reason)])
        elif stage_id not in taking and value is not None and value != {}:
            problems += below(stage_id, [Problem("", "the stage takes no config")])
    return problems
