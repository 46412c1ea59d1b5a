"""What a replay is to do otherwise than recorded: with other code, config, input, or answers."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve, frozen

from eventflow.core.change import changed
from eventflow.core.state import RunState
from eventflow.core.values import JSON
from eventflow.definition.config import checked_config
from eventflow.definition.schema import dump_json
from eventflow.definition.stage import Stage
from eventflow.definition.workflow import AnyStage, Workflow
from eventflow.errors import InvalidConfig, InvalidOutput
from eventflow.runtime.requests import UNCHANGED, parsed_input
from eventflow.testing.scene import stored_value
from eventflow.testing.variants import with_function, with_id

Code = Stage[Any, Any] | Callable[[Any], Any]
"""A stage, or a function to call in place of that of a stage."""


@frozen
class Changes:
    """What is otherwise, checked.

    Attributes:
        workflow: The workflow of today, with the stages that were replaced.
        config: By stage id, the fields of the recorded config that are replaced.
        input: The input of the run; `UNCHANGED` for the recorded one.
        outputs: Outputs to take in place of the recorded ones; these stages are not executed.
        steps: By stage id, the outputs of durable steps in place of the recorded ones.
    """

    workflow: Workflow[Any, Any]
    config: Mapping[str, JSON]
    input: object
    outputs: Mapping[str, JSON]
    steps: Mapping[str, Mapping[str, JSON]]

    def apply(self, run: RunState) -> RunState:
        """Give a run with the other input and config.

        Raises:
            InvalidConfig: The changed config of a stage does not fit.
        """
        given = run.input if self.input is UNCHANGED else self.input
        config = {**run.config, **{each: self._config(each, run) for each in self.config}}
        return changed(run, input=given, config=config)

    def _config(self, stage_id: str, run: RunState) -> JSON:
        recorded, given = run.config.get(stage_id), self.config[stage_id]
        if isinstance(recorded, dict) and isinstance(given, dict):
            given = {**recorded, **given}
        stages = [self.workflow.stage(stage_id)]
        return checked_config(self.workflow.id, stages, {stage_id: given}).get(stage_id)


def changes(
    workflow: Workflow[Any, Any],
    *,
    replace: Mapping[str, Code],
    config: Mapping[str, object],
    input: object,
    outputs: Mapping[str, object],
    steps: Mapping[str, Mapping[str, object]],
) -> Changes:
    """Check what is to be otherwise.

    Raises:
        InvalidConfig, InvalidInput, InvalidOutput: A value does not fit.
        StageNotFound: The workflow has no such stage.
    """
    today = _replaced(workflow, replace)
    for stage_id in (*config, *steps):
        today.stage(stage_id)
    return Changes(
        workflow=today,
        config={each: dump_json(value, InvalidConfig) for each, value in config.items()},
        input=UNCHANGED if input is UNCHANGED else parsed_input(today, input),
        outputs={
            each: stored_value(today.stage(each).output_schema, value, InvalidOutput)
            for each, value in outputs.items()
        },
        steps={
            each: {name: dump_json(value, InvalidOutput) for name, value in answers.items()}
            for each, answers in steps.items()
        },
    )


def _replaced(workflow: Workflow[Any, Any], replace: Mapping[str, Code]) -> Workflow[Any, Any]:
    """Give the workflow with other code for some stages, and the same plan."""
    stages = {each: _stage(workflow.stage(each), code) for each, code in replace.items()}
    groups = tuple(tuple(stages.get(stage.id, stage) for stage in g) for g in workflow.groups)
    return evolve(workflow, groups=groups) if stages else workflow


def _stage(stage: AnyStage, code: Code) -> AnyStage:
    return with_id(code, stage.id) if isinstance(code, Stage) else with_function(stage, code)
