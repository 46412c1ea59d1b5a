"""Arrays and mappings of values, each part converted by the hook of its own type."""

import collections
from collections.abc import (
    Collection,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
)
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, get_args

import msgspec
from cattrs import Converter

from eventflow.definition.data.leaves import ENCODED_TYPES
from eventflow.definition.data.problems import Data, Hook, expected, gather, misfit
from eventflow.definition.data.records import Type, origin_of

_ARRAYS: dict[Any, Any] = {
    list: list,
    Sequence: list,
    MutableSequence: list,
    Collection: list,
    Iterable: list,
    collections.deque: collections.deque,
    set: set,
    MutableSet: set,
    AbstractSet: frozenset,
    frozenset: frozenset,
    tuple: tuple,
}
_MAPPINGS: dict[Any, Any] = {
    dict: dict,
    Mapping: dict,
    MutableMapping: dict,
    collections.OrderedDict: collections.OrderedDict,
}


def is_array(tp: Type) -> bool:
    """Tell whether a type is an array in JSON."""
    return _is_in(_ARRAYS, tp)


def is_mapping(tp: Type) -> bool:
    """Tell whether a type is an object in JSON whose keys are not known beforehand."""
    return _is_in(_MAPPINGS, tp)


def is_fixed_tuple(tp: Type) -> bool:
    """Tell whether a type is a tuple with a type for each of its places."""
    return origin_of(tp) is tuple and get_args(tp)[-1:] not in {(), (...,)}


def array_hook(tp: Type, converter: Converter, *, thorough: bool) -> Hook:
    """Accept an array, and build the collection that the type names."""
    build = _ARRAYS[origin_of(tp)]
    element = (get_args(tp) or (Any,))[0]
    convert = converter.get_structure_hook(element)

    def read(value: Data, _: object) -> Data:
        if value.__class__ is not list:
            raise expected("an array", value)
        if thorough:
            return build(gather((i, partial(convert, e, element)) for i, e in enumerate(value)))
        return build([convert(each, element) for each in value])

    return read


def tuple_hook(tp: Type, converter: Converter) -> Hook:
    """Accept an array with as many elements as the tuple has places."""
    elements = get_args(tp)
    hooks = [converter.get_structure_hook(each) for each in elements]

    def read(value: Data, _: object) -> Data:
        if value.__class__ is not list or len(value) != len(elements):
            raise expected(f"an array of {len(elements)}", value)
        places = enumerate(zip(hooks, value, elements, strict=True))
        return tuple(gather((i, partial(hook, each, of)) for i, (hook, each, of) in places))

    return read


def mapping_hook(tp: Type, converter: Converter, *, thorough: bool) -> Hook:
    """Accept an object, and convert its keys and values."""
    build = _MAPPINGS[origin_of(tp)]
    key_type, value_type = get_args(tp) or (Any, Any)
    read_key = _key_hook(key_type, converter)
    convert = converter.get_structure_hook(value_type)

    def read(value: Data, _: object) -> Data:
        if value.__class__ is not dict:
            raise expected("an object", value)
        if thorough:
            pairs = (
                (k, partial(_pair, read_key, convert, value_type, k, v)) for k, v in value.items()
            )
            return build(gather((str(key), convert_pair) for key, convert_pair in pairs))
        return build([(read_key(k), convert(v, value_type)) for k, v in value.items()])

    return read


def _pair(read_key: Any, convert: Hook, value_type: Type, key: Any, value: Any) -> Any:  # noqa: ANN401
    return read_key(key), convert(value, value_type)


def _key_hook(key_type: Type, converter: Converter) -> Any:  # noqa: ANN401 - a function of one key
    """Read keys, which are text in JSON, also as numbers."""
    if key_type in {Any, object}:
        return partial(_text_key, str, converter.get_structure_hook(str))
    hook = converter.get_structure_hook(key_type)
    if key_type is str or key_type in ENCODED_TYPES:
        return partial(_text_key, key_type, hook)
    return partial(_number_key, key_type, hook)


def _text_key(key_type: Type, hook: Hook, key: object) -> object:
    return hook(key, key_type)


def _number_key(key_type: Type, hook: Hook, key: Data) -> object:
    """Try a key as the text that it is, then as the number that it spells."""
    if key.__class__ is not str:
        raise expected("text as a key", key)
    try:
        return hook(key, key_type)
    except Exception:  # noqa: BLE001 - whatever it was, the key may still be a number
        try:
            number = msgspec.json.decode(key)
        except msgspec.DecodeError:
            raise misfit(f"{key!r} is not a key of this mapping") from None
        return hook(number, key_type)


def _is_in(kinds: dict[Any, Any], tp: Type) -> bool:
    origin = origin_of(tp)
    return isinstance(origin, type) and origin in kinds
