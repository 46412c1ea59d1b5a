"""Checks single values that callers give, before any store is asked, so that all answer alike."""

from collections.abc import Mapping
from math import isnan

from eventflow.core.values import JSON
from eventflow.definition.names import is_unicode
from eventflow.definition.schema import dump_json
from eventflow.errors import InvalidData, InvalidInput

MOST = 2**31 - 1
A_CENTURY = 3.2e9


def checked_text(given: object, what: str, error: type[InvalidData] = InvalidInput) -> str:
    """Give a text that every store can hold.

    Raises:
        InvalidInput: It is none; or the given class of error.
    """
    if isinstance(given, str) and is_unicode(given):
        return given
    raise error(f"{what} is a text, not {given!r:.300}")


def checked_key(given: object, error: type[InvalidData] = InvalidInput) -> str:
    """Give the key of an annotation, which is not empty.

    Raises:
        InvalidInput: It is none; or the given class of error.
    """
    key = checked_text(given, "The key of an annotation", error)
    if not key:
        raise error("The key of an annotation is a text, and not an empty one")
    return key


def checked_count(given: object, what: str) -> int:
    """Give a number of things to ask for.

    Raises:
        InvalidInput: It is not a whole number, or none, or more than any store counts.
    """
    if type(given) is int and 1 <= given <= MOST:
        return given
    raise InvalidInput(f"{what} is a whole number, at least one and at most {MOST}, not {given!r}")


def checked_timeout(given: object) -> float | None:
    """Give for how many seconds to wait; a century stands for all that is longer.

    Raises:
        InvalidInput: It is not a number.
    """
    if given is None:
        return None
    if not isinstance(given, int | float) or isnan(given):
        raise InvalidInput(f"A timeout is a number of seconds, or None, not {given!r}")
    return min(given, A_CENTURY)


def checked_metadata(given: object) -> dict[str, JSON]:
    """Give metadata as plain data, in the one form in which it is stored and looked for.

    Raises:
        InvalidInput: A value has no meaning in JSON, or a key is not text.
    """
    if not isinstance(given, Mapping):
        raise InvalidInput(f"Metadata are values by name, not {given!r:.300}")
    return {
        checked_text(name, "A key of metadata"): dump_json(
            value, InvalidInput, f'the metadata "{name}"'
        )
        for name, value in given.items()
    }
