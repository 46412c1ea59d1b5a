"""JSON Schema of every kind of schema, with shared definitions."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from eventflow.definition.data.records import Type, is_pydantic
from eventflow.definition.data.unions import name_of

Described: TypeAlias = dict[str, Any]


def json_schemas(types: Sequence[Type]) -> tuple[list[Described], Described]:
    """Describe several types, with the definitions that their `$ref`s point to.

    A type that JSON Schema cannot tell exactly is described by its title alone.
    """
    definitions: Described = {}
    found = [_described(tp, definitions) for tp in types]
    return found, dict(sorted(definitions.items()))


def _described(tp: Type, definitions: Described) -> Described:
    try:
        (schema,), components = msgspec.json.schema_components(
            [tp], schema_hook=_hook, ref_template="#/$defs/{name}"
        )
    except TypeError:
        return {"title": name_of(tp)}
    definitions.update(_lifted(components, definitions))
    described: Described = _lifted(schema, definitions)
    return described


def _hook(tp: Type) -> Described:
    """Describe what msgspec does not know."""
    if is_pydantic(tp):
        schema: Described = tp.model_json_schema()
        return schema
    return {} if tp is object else {"title": name_of(tp)}


def _lifted(schema: Any, definitions: Described) -> Any:  # noqa: ANN401 - any part of a schema
    """Move the definitions that pydantic nests to where all definitions are."""
    if isinstance(schema, list):
        return [_lifted(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    for name, each in schema.get("$defs", {}).items():
        definitions[name] = _lifted(each, definitions)
    return {key: _lifted(each, definitions) for key, each in schema.items() if key != "$defs"}
