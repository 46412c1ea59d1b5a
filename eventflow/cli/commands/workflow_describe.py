"""`eventflow workflow describe`: the stages of a workflow, in the order of their execution."""

from collections.abc import Sequence

from eventflow.cli.arguments import WorkflowName
from eventflow.cli.output import print_json
from eventflow.cli.session import SessionArgument
from eventflow.cli.workflows import workflow_of
from eventflow.definition.workflow import AnyStage


def describe(workflow: WorkflowName, /, *, session: SessionArgument) -> None:
    """Describe a workflow and its stages: what goes in and comes out, retries, config."""
    found = workflow_of(session, workflow)
    if not session.json:
        from eventflow.cli.draw.workflows import draw_workflow  # noqa: PLC0415 - it loads rich

        draw_workflow(found)
        return
    output = found.output_schema
    print_json(
        {
            "id": found.id,
            "name": found.name,
            "description": found.description,
            "fingerprint": found.plan.fingerprint,
            "input": found.input_schema.name,
            "output": None if output is None else output.name,
            "groups": [_group(group) for group in found.groups],
            "default_config": found.default_config(),
        }
    )


def _group(group: Sequence[AnyStage]) -> list[dict[str, object]]:
    return [
        {
            "id": stage.id,
            "name": stage.name,
            "description": stage.description,
            "input": stage.input_schema.name,
            "config": stage.config_schema.name,
            "output": stage.output_schema.name,
            "dependencies": stage.dependencies,
            "timeout": stage.timeout,
            "retry": stage.retry,
            "signal": stage.signal,
        }
        for stage in group
    ]
