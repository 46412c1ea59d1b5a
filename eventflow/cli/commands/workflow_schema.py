"""`eventflow workflow schema`: JSON Schema of what goes into a workflow, and what comes out."""

from collections.abc import Iterator, Mapping
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
    SIGNALS = "signals"


def schema(
    workflow: WorkflowName,
    /,
    *,
    part: Annotated[Part | None, Parameter(alias="-p")] = None,
    session: SessionArgument,
) -> None:
    """Print the JSON Schema of a workflow: input, output, config, stages, signals.

    Args:
        part: Only this part.
    """
    whole: dict[str, Any] = workflow_of(session, workflow).json_schema()
    if part is None:
        print_json(whole)
        return
    found = whole[part]
    used = _used(found, whole.get("$defs", {}))
    print_json({**found, "$defs": used} if used else found)


def _used(schema: object, definitions: Mapping[str, object]) -> dict[str, object]:
    """Give the definitions that a schema refers to, and those that they refer to, in order."""
    names: set[str] = set()
    rest = [schema]
    while rest:
        fresh = set(_references(rest.pop())) & (definitions.keys() - names)
        names |= fresh
        rest += [definitions[name] for name in fresh]
    return {name: each for name, each in definitions.items() if name in names}


def _references(schema: object) -> Iterator[str]:
    """Name the definitions that are referred to anywhere in a schema."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.removeprefix("#/$defs/")
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)
