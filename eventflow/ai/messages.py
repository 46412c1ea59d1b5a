"""Requests and responses of the library as plain data: what matters of them, in a stable shape."""

import hashlib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    UserContent,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from eventflow.ai.ledger import storable
from eventflow.ai.redaction import Redactor, without_secrets
from eventflow.core.ai import Tokens
from eventflow.core.values import JSON
from eventflow.errors import InvalidInput

_OF_THE_CALL = frozenset({"messages", "parts", "kind", "instructions"})
_NOT_OF_A_PART = frozenset(
    {
        "content_file_digests",
        "id",
        "identifier",
        "metadata",
        "outcome",
        "provider_details",
        "provider_name",
        "scope",
        "signature",
        "timestamp",
    }
)
_NOT_OF_SETTINGS = frozenset({"extra_headers"})
"""Headers carry keys, and no answer depends on them."""

_URLS = Redactor()
"""The URL of an image may carry a password or a signature."""


def content_of(prompt: Any) -> str | list[UserContent]:  # noqa: ANN401 - what users give
    """Read a prompt: a text, or parts of which some are paths of files.

    Raises:
        InvalidInput: It is neither.
    """
    if isinstance(prompt, str):
        return str(prompt)
    parts = [prompt] if isinstance(prompt, Path) or hasattr(prompt, "kind") else prompt
    if not isinstance(parts, Sequence) or isinstance(parts, bytes):
        raise _no_prompt(prompt)
    if not parts:
        raise InvalidInput("A prompt has at least one part")
    for each in parts:
        if not isinstance(each, str | Path) and not hasattr(each, "kind"):
            raise _no_prompt(each)
    return [BinaryContent.from_path(each) if isinstance(each, Path) else each for each in parts]


def _no_prompt(given: Any) -> InvalidInput:  # noqa: ANN401 - what users give
    return InvalidInput(
        f"A prompt is a text, or a list of texts, paths of files and parts such as "
        f"BinaryContent or ImageUrl of pydantic_ai, not {type(given).__name__}"
    )


def history_of(given: Sequence[Any]) -> list[ModelMessage]:
    """Read the conversation so far.

    Raises:
        InvalidInput: It is none.
    """
    if isinstance(given, str) or not all(
        isinstance(each, ModelRequest | ModelResponse) for each in given
    ):
        raise InvalidInput("A history is the `messages` of an earlier text")
    return list(given)


def prompt_of(
    messages: Sequence[ModelMessage],
    settings: Mapping[str, Any] | None,
    parameters: ModelRequestParameters,
) -> JSON:
    """Give all that an answer depends on, and nothing that differs between two equal requests.

    Files are kept as their digest, type and size.
    """
    dumped = ModelMessagesTypeAdapter.dump_python(list(messages), mode="json", exclude_none=True)
    prompt: dict[str, JSON] = {"messages": [_message(each) for each in dumped]}
    chosen = {k: v for k, v in (settings or {}).items() if k not in _NOT_OF_SETTINGS}
    if chosen:
        plain = _is_plain(chosen)
        prompt["settings"] = without_secrets(storable(chosen)) if plain else repr(sorted(chosen))
    if parameters.function_tools:
        prompt["tools"] = [_tool(each) for each in parameters.function_tools]
    if parameters.output_object is not None:
        prompt["schema"] = storable(parameters.output_object.json_schema)
    elif parameters.output_tools:
        prompt["schema"] = storable(parameters.output_tools[0].parameters_json_schema)
    return prompt


def response_of(response: ModelResponse) -> JSON:
    """Give the parts of a response, such that `revived` makes the same of them again."""
    (dumped,) = ModelMessagesTypeAdapter.dump_python([response], mode="json", exclude_none=True)
    return storable(dumped["parts"])


def revived(parts: JSON) -> ModelResponse:
    """Make a response of its recorded parts.

    Raises:
        ValueError: They are not such parts.
    """
    (response,) = ModelMessagesTypeAdapter.validate_python([{"kind": "response", "parts": parts}])
    if not isinstance(response, ModelResponse):
        raise ValueError("the recorded answer is no response")  # noqa: TRY004 - the data is wrong, not a type
    return response


def tokens_of(usage: Any) -> Tokens | None:  # noqa: ANN401 - of a request, or of a run of an agent
    """Give what a call used; None if the provider did not say."""
    if usage.unmeasured_requests or not (usage.input_tokens or usage.output_tokens):
        return None
    return Tokens(
        input=usage.input_tokens,
        output=usage.output_tokens,
        cache_read=usage.cache_read_tokens,
        cache_write=usage.cache_write_tokens,
        reasoning=usage.output_reasoning_tokens or usage.details.get("reasoning_tokens", 0),
    )


def _message(dumped: Mapping[str, Any]) -> JSON:
    kept = {key: value for key, value in dumped.items() if key in _OF_THE_CALL}
    kept["parts"] = [_part(each) for each in dumped["parts"]]
    return kept


def _part(dumped: Mapping[str, Any]) -> JSON:
    return {key: _content(value) for key, value in dumped.items() if key not in _NOT_OF_A_PART}


def _content(value: Any) -> JSON:  # noqa: ANN401 - plain data
    match value:
        case {"kind": "binary", "data": str(data), "media_type": media_type}:
            content = b64decode(data)
            digest = hashlib.sha256(content).hexdigest()
            return {"media_type": media_type, "sha256": digest, "size": len(content)}
        case dict():
            kept = {str(key): _content(each) for key, each in value.items() if key != "identifier"}
            is_link = "url" in kept and str(kept.get("kind")).endswith("-url")
            return {**kept, "url": _URLS.text(str(kept["url"]))} if is_link else kept
        case list():
            return [_content(each) for each in value]
        case _:
            return storable(value)


def _tool(tool: ToolDefinition) -> JSON:
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, "parameters": storable(tool.parameters_json_schema), **described}


def _is_plain(value: Any) -> bool:  # noqa: ANN401 - what users give
    match value:
        case None | bool() | int() | float() | str():
            return True
        case list() | tuple():
            return all(map(_is_plain, value))
        case dict():
            return all(map(_is_plain, value.values()))
        case _:
            return False
