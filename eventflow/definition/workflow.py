"""A workflow: stages in execution groups, put together by a builder and never changed after."""

import hashlib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Generic

import msgspec
from attrs import field
from typing_extensions import TypeVar

from eventflow.core.frozen import frozen
from eventflow.core.naming import meant
from eventflow.core.plan import Plan, StagePlan
from eventflow.core.values import JSON
from eventflow.definition.config import checked_config, configurable, default_config, merged_config
from eventflow.definition.data.json_schema import json_schemas
from eventflow.definition.schema import Schema
from eventflow.definition.stage import Stage
from eventflow.errors import StageNotFound

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)

AnyStage = Stage[Any, Any]
Groups = tuple[tuple[AnyStage, ...], ...]


@frozen(eq=False, kw_only=True)
class Workflow(Generic[In_contra, Out_co]):
    """A typed pipeline of stages.

    Attributes:
        id: Unique among the workflows of an application.
        name: For people.
        description: For people, too.
        groups: The stages of each execution group; group 1 is the first.
        plan: The same as data, which each run takes with it.
        input_schema: What a run is given.
        output_schema: What a run gives, if that is checked.
        stages: All stages, in execution order.
        signals: What the signals bring whose payload is checked, by name.
    """

    id: str
    name: str
    description: str
    groups: Groups = field(repr=False)
    plan: Plan = field(repr=False)
    input_schema: Schema[Any] = field(repr=False)
    output_schema: Schema[Any] | None = field(repr=False)
    stages: tuple[AnyStage, ...] = field(init=False, repr=False)
    signals: Mapping[str, Schema[Any]] = field(init=False, repr=False)
    _by_id: Mapping[str, AnyStage] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        stages = tuple(stage for group in self.groups for stage in group)
        object.__setattr__(self, "stages", stages)
        object.__setattr__(self, "signals", _signals(stages))
        object.__setattr__(self, "_by_id", {stage.id: stage for stage in stages})

    def find(self, stage_id: str) -> AnyStage | None:
        """Give a stage, or None if there is none with this id."""
        return self._by_id.get(stage_id)

    def stage(self, stage_id: str) -> AnyStage:
        """Give a stage.

        Raises:
            StageNotFound: There is none with this id; the message names those that there are.
        """
        found = self.find(stage_id)
        if found is not None:
            return found
        there = ", ".join(f'"{stage.id}"' for stage in self.stages)
        raise StageNotFound(
            f'Stage "{stage_id}" not found in workflow "{self.id}" (it has: {there})'
            + meant(stage_id, self._by_id)
        )

    def group_of(self, stage_id: str) -> int:
        """Give the number of the execution group of a stage, from 1.

        Raises:
            StageNotFound: There is no stage with this id.
        """
        wanted = self.stage(stage_id)
        return next(n for n, group in enumerate(self.groups, start=1) if wanted in group)

    def default_config(self) -> dict[str, dict[str, JSON]]:
        """Give the config of each stage as far as it has defaults, by stage id."""
        return default_config(self.stages)

    def merge_config(self, given: Mapping[str, object]) -> dict[str, JSON]:
        """Put what is given over the defaults, stage by stage and field by field.

        Raises:
            InvalidConfig: Something is given to a stage that does not exist or takes no config.
        """
        return merged_config(self.id, self.stages, given)

    def validate_config(self, config: Mapping[str, object]) -> dict[str, JSON]:
        """Merge a config over the defaults and check all of it; give it as plain data.

        Raises:
            InvalidConfig: With every stage and field that is wrong.
        """
        return checked_config(self.id, self.stages, config)

    def describe(self) -> str:
        """Tell the execution order, for people."""
        lines = [f"{self.id}: {self.name}", f"  input: {self.input_schema.name}"]
        for number, group in enumerate(self.groups, start=1):
            if len(group) == 1:
                lines.append(f"  {number}. {_described(group[0])}")
            else:
                lines.append(f"  {number}. in parallel:")
                lines += [f"     - {_described(stage)}" for stage in group]
        lines.append(f"  output: {self._output_name()}")
        return "\n".join(lines)

    def json_schema(self) -> dict[str, Any]:
        """Describe input, output, configs, outputs of stages and signals, as JSON Schema."""
        configurables = tuple(configurable(self.stages))
        ends = [self.input_schema, self.output_schema or Schema(object)]
        schemas = [
            *ends,
            *(stage.config_schema for stage in configurables),
            *(stage.output_schema for stage in self.stages),
            *self.signals.values(),
        ]
        found, definitions = json_schemas([schema.type for schema in schemas])
        _, configs, outputs, payloads = _split(
            found, len(ends), len(configurables), len(self.stages)
        )
        return {
            "title": self.name,
            "input": found[0],
            "output": found[1] if self.output_schema is not None else self._last(outputs),
            "config": {s.id: schema for s, schema in zip(configurables, configs, strict=True)},
            "stages": {s.id: schema for s, schema in zip(self.stages, outputs, strict=True)},
            "signals": dict(zip(self.signals, payloads, strict=True)),
            "$defs": definitions,
        }

    def _last(self, outputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Describe the output by the last group: of its one stage, or of all, by id."""
        last = self.groups[-1]
        described = outputs[-len(last) :]
        if len(last) == 1:
            return described[0]
        ids = [stage.id for stage in last]
        properties = dict(zip(ids, described, strict=True))
        return {"type": "object", "properties": properties, "required": ids}

    def _output_name(self) -> str:
        if self.output_schema is not None:
            return self.output_schema.name
        last = self.groups[-1]
        if len(last) == 1:
            return last[0].output_schema.name
        return "{" + ", ".join(f"{each.id}: {each.output_schema.name}" for each in last) + "}"


def make_plan(workflow_id: str, name: str, groups: Groups, ends: tuple[Schema[Any], ...]) -> Plan:
    """Reduce a workflow to data.

    Args:
        workflow_id: Its id.
        name: Its name.
        groups: Its stages.
        ends: The schemas of its input and, if it has one, of its output.
    """
    relevant = {
        "id": workflow_id,
        "ends": [schema.json_schema() for schema in ends],
        "groups": [[_relevant(stage) for stage in group] for group in groups],
    }
    digest = hashlib.sha256(msgspec.json.encode(relevant, order="deterministic")).hexdigest()
    plans = tuple(
        tuple(StagePlan(s.id, s.name, s.retry, s.timeout) for s in group) for group in groups
    )
    return Plan(workflow_id, name, plans, digest[:16])


def _relevant(stage: AnyStage) -> dict[str, object]:
    """Give all of a stage that a run can notice."""
    schemas = [stage.input_schema, stage.config_schema, stage.output_schema, stage.state_schema]
    if stage.payload_schema is not None:
        schemas.append(stage.payload_schema)
    return {
        "id": stage.id,
        "dependencies": stage.dependencies,
        "retry": stage.retry,
        "timeout": stage.timeout,
        "signal": stage.signal,
        "checked": stage.check_function is not None,
        "schemas": [[schema.name, schema.json_schema()] for schema in schemas],
    }


def _signals(stages: Iterable[AnyStage]) -> dict[str, Schema[Any]]:
    return {
        stage.signal: stage.payload_schema
        for stage in stages
        if stage.signal is not None and stage.payload_schema is not None
    }


def _split(found: list[dict[str, Any]], *lengths: int) -> list[list[dict[str, Any]]]:
    """Cut a list into pieces of these lengths, and the rest."""
    rest = iter(found)
    return [*(list(islice(rest, length)) for length in lengths), list(rest)]


def _described(stage: AnyStage) -> str:
    return f"{stage.id}: {stage.input_schema.name} -> {stage.output_schema.name}"
