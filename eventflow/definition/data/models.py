"""Pydantic models: converted by pydantic itself, as strictly as every other kind of schema."""

from typing import Any

import msgspec

from eventflow.definition.data.plain import plain
from eventflow.definition.data.problems import Hook, Misfit, join
from eventflow.errors import Problem


def model_hook(model: Any, *, exact: bool) -> Hook:  # noqa: ANN401 - a pydantic model class
    """Accept what a pydantic model accepts in its strict mode.

    Where a model leaves open what happens to unknown fields, they are refused if `exact`.
    """
    known = _known_keys(model) if exact and model.model_config.get("extra") is None else None

    def read(value: object, _: object) -> object:
        problems: list[Problem] = []
        converted: object = None
        if known is not None and isinstance(value, dict):
            problems += _unknown(value, known)
        try:
            converted = model.model_validate_json(msgspec.json.encode(plain(value)), strict=True)
        except ValueError as error:
            problems += _problems(error)
        if problems:
            raise Misfit(problems)
        return converted

    return read


def _known_keys(model: Any) -> frozenset[str] | None:  # noqa: ANN401 - a pydantic model class
    """List the keys that a model knows, or None where aliases leave that open."""
    if model.__pydantic_root_model__:
        return None
    keys: set[str] = set()
    for name, info in model.model_fields.items():
        if info.validation_alias is not None and not isinstance(info.validation_alias, str):
            return None
        keys |= {name, info.alias or name, info.validation_alias or name}
    return frozenset(keys)


def _unknown(value: dict[Any, Any], known: frozenset[str]) -> list[Problem]:
    there = ", ".join(sorted(known)) or "none"
    return [
        Problem(join(str(key), ""), f"unknown field; there is: {there}")
        for key in value
        if key not in known
    ]


def _problems(error: Any) -> list[Problem]:  # noqa: ANN401 - pydantic's ValidationError
    found: list[Problem] = []
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        path = ""
        for step in reversed(each["loc"]):
            path = join(step, path)
        found.append(Problem(path, each["msg"]))
    return found
