"""JSON Schema of every kind of schema, with shared definitions."""

from collections.abc import Sequence
from typing import Any, TypeAlias, get_args

import msgspec

from eventflow.definition.data.containers import is_array, is_fixed_tuple, is_mapping
from eventflow.definition.data.records import Type, fields_of, is_pydantic, is_record
from eventflow.definition.data.unions import bare, is_union, members_of, name_of

Described: TypeAlias = dict[str, Any]

_REF = "#/$defs/{name}"


def json_schemas(types: Sequence[Type]) -> tuple[list[Described], Described]:
    """Describe several types, with the definitions that their `$ref`s point to.

    A type that JSON Schema cannot tell exactly is described by its title alone.
    """
    definitions: Described = {}
    found = [_described(tp, definitions) for tp in types]
    return found, dict(sorted(definitions.items()))


def _described(tp: Type, definitions: Described) -> Described:
    if tp is object or tp is Any:
        return {}
    try:
        (schema,), components = msgspec.json.schema_components(
            [tp], schema_hook=_hook, ref_template=_REF
        )
    except TypeError:
        return _put_together(bare(tp), definitions)
    for name, component in components.items():
        definitions[name] = _lifted(component, definitions)
    described: Described = _lifted(schema, definitions)
    return described


def _hook(tp: Type) -> Described:
    """Describe what msgspec does not know."""
    if is_pydantic(tp):
        schema: Described = tp.model_json_schema()
        return schema
    return {"title": "anything" if tp is object else name_of(tp)}


def _put_together(tp: Type, definitions: Described) -> Described:
    """Describe a type by its parts, which msgspec does not do for unions of several classes."""
    if is_union(tp):
        return {"anyOf": [_described(each, definitions) for each in members_of(tp)]}
    if is_record(tp):
        return _record(tp, definitions)
    if is_fixed_tuple(tp):
        places = [_described(each, definitions) for each in get_args(tp)]
        length = len(places)
        return {"type": "array", "prefixItems": places, "minItems": length, "maxItems": length}
    if is_array(tp) and get_args(tp):
        return {"type": "array", "items": _described(get_args(tp)[0], definitions)}
    if is_mapping(tp) and get_args(tp):
        return {"type": "object", "additionalProperties": _described(get_args(tp)[1], definitions)}
    return {"title": name_of(tp)}


def _record(tp: Type, definitions: Described) -> Described:
    name = name_of(tp).replace("[", "_").replace("]", "_")
    if name not in definitions:
        definitions[name] = {}  # a class may contain itself
        fields = fields_of(tp)
        definitions[name] = {
            "title": name_of(tp),
            "type": "object",
            "properties": {each.key: _described(each.type, definitions) for each in fields},
            "required": [each.key for each in fields if each.required],
        }
    return {"$ref": _REF.format(name=name)}


def _lifted(schema: Any, definitions: Described) -> Any:  # noqa: ANN401 - any part of a schema
    """Move the definitions that pydantic nests to where all definitions are."""
    if isinstance(schema, list):
        return [_lifted(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    for name, each in schema.get("$defs", {}).items():
        definitions[name] = _lifted(each, definitions)
    return {key: _lifted(each, definitions) for key, each in schema.items() if key != "$defs"}
