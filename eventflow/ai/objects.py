"""Values of any schema kind from the answers of models: described, read, checked, complained of."""

import json
import re
from typing import Any

from attrs import frozen
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.tools import ToolDefinition

from eventflow.definition.schema import Schema
from eventflow.errors import InvalidData, InvalidInput, InvalidWorkflow, Problem

TOOL = "final_result"
"""The tool by which models that cannot answer in JSON hand over an object."""

WRAPPED = "value"
"""The field that holds a value which is no object, since models only give objects."""

_FENCED = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)


@frozen
class Read:
    """What an answer holds: a value or what is wrong with it, and the tool call it came in."""

    value: Any = None
    problems: tuple[Problem, ...] = ()
    call: ToolCallPart | None = None


class Wanted:
    """A type of which a value is asked for."""

    def __init__(self, tp: Any) -> None:  # noqa: ANN401 - any schema kind
        try:
            self._schema: Schema[Any] = Schema(tp, "the answer")
        except InvalidWorkflow as error:
            raise InvalidInput(str(error)) from None
        described = _unfolded(self._schema.json_schema())
        self._wraps = described.get("type") != "object"
        self._described = _wrapped(described) if self._wraps else described

    def parameters(self) -> ModelRequestParameters:
        """Describe the type to a model, in whichever way the model can be asked for objects."""
        described = self._described
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", self._schema.name)[:60]
        return ModelRequestParameters(
            output_mode="auto",
            output_object=OutputObjectDefinition(json_schema=described, name=name),
            output_tools=[
                ToolDefinition(
                    name=TOOL,
                    parameters_json_schema=described,
                    description="The answer, in the form that is asked for.",
                    kind="output",
                )
            ],
            allow_text_output=False,
        )

    def read(self, response: ModelResponse) -> Read:
        """Read an answer, and check it against the schema."""
        call = next((each for each in response.tool_calls if each.tool_name == TOOL), None)
        data: Any
        try:
            if call is not None:
                data = call.args_as_dict(raise_if_invalid=True)
            else:
                data = json.loads(_bare(response.text))
        except (ValueError, AssertionError) as error:
            return Read(problems=(Problem("", f"it is no JSON: {error}"),), call=call)
        if self._wraps:
            if not isinstance(data, dict) or WRAPPED not in data:
                return Read(problems=(Problem(WRAPPED, "it is missing"),), call=call)
            data = data[WRAPPED]
        try:
            return Read(self._schema.parse(data), call=call)
        except InvalidData as error:
            return Read(problems=error.problems, call=call)

    def complaint(self, read: Read) -> ModelRequest:
        """Tell a model what is wrong with its answer."""
        listed = "\n".join(f"- {problem}" for problem in read.problems)
        text = (
            f"The answer does not fit what was asked for:\n{listed}\nGive a whole answer that does."
        )
        if read.call is None:
            return ModelRequest(parts=[UserPromptPart(text)])
        returned = ToolReturnPart(TOOL, text, tool_call_id=read.call.tool_call_id)
        return ModelRequest(parts=[returned])


def _bare(text: str | None) -> str:
    """Take JSON out of the fence that some models put around it."""
    if text is None:
        return ""
    fenced = _FENCED.match(text)
    return fenced[1] if fenced else text


def _unfolded(described: dict[str, Any]) -> dict[str, Any]:
    """Put the definition that a schema refers to in its place: models want to see an object."""
    reference = described.get("$ref")
    definitions = described.get("$defs", {})
    if not isinstance(reference, str):
        return described
    name = reference.rpartition("/")[2]
    whole = {**definitions[name], "$defs": definitions}
    if f'"{reference}"' not in json.dumps({**definitions[name], "others": definitions}):
        whole["$defs"] = {key: each for key, each in definitions.items() if key != name}
    return whole if whole["$defs"] else {key: whole[key] for key in whole if key != "$defs"}


def _wrapped(described: dict[str, Any]) -> dict[str, Any]:
    inner = {key: value for key, value in described.items() if key != "$defs"}
    wrapped: dict[str, Any] = {
        "type": "object",
        "properties": {WRAPPED: inner},
        "required": [WRAPPED],
        "additionalProperties": False,
    }
    return {**wrapped, "$defs": described["$defs"]} if "$defs" in described else wrapped
