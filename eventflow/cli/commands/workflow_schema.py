"""`eventflow workflow schema`: JSON Schema of what goes into a workflow, and what comes out."""

from enum import StrEnum
from typing import Annotated, Any

from cyclopts import Parameter

from eventflow.cli.arguments import WorkflowName
from eventflow.cli.output import print_json
from eventflow.cli.session import SessionArgument
from eventflow.cli.workflows import workflow_of


class Part(StrEnum):
    """What to describe."""

    INPUT = "input"
    OUTPUT = "output"
    CONFIG = "config"
    STAGES = "stages"


def schema(
    workflow: WorkflowName,
    /,
    *,
    part: Annotated[Part | None, Parameter(alias="-p")] = None,
    session: SessionArgument,
) -> None:
    """Print the JSON Schema of a workflow: input, output, config and outputs of its stages.

    Args:
        part: Only this part.
    """
    whole: dict[str, Any] = workflow_of(session, workflow).json_schema()
    if part is None:
        print_json(whole)
        return
    found = whole[part]
    print_json({**found, "$defs": whole["$defs"]} if whole.get("$defs") else found)
