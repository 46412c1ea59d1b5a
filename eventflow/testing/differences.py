"""Where two values differ, as paths and in words; it compares plain JSON and never user objects."""

import json
from collections.abc import Iterator
from itertools import zip_longest

from attrs import frozen

from eventflow.core.values import JSON
from eventflow.definition.data.problems import Step, join
from eventflow.store.blobs import key_of

LONGEST_SHOWN = 72
LONGEST_BYTES = 4_096
_BEFORE = 16


class Missing:
    """What stands for a value where there is none."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = Missing()


@frozen
class Difference:
    """One place at which two values differ.

    Attributes:
        path: The place, such as `words[3].text`; empty for the value as a whole.
        old: What was there; `MISSING` if nothing was.
        new: What is there now; `MISSING` if nothing is.
    """

    path: str
    old: JSON
    new: JSON

    def __str__(self) -> str:
        """Say it in one line."""
        old, new = shown_beside(self.old, self.new)
        return f"{self.path or 'the value'}: {old} -> {new}"


def differences(old: JSON, new: JSON) -> Iterator[Difference]:
    """Yield every place at which two values differ, in the order in which they are written."""
    match old, new:
        case dict(), dict():
            for key in {**old, **new}:
                yield from _below(key, old.get(key, MISSING), new.get(key, MISSING))
        case list() | tuple(), list() | tuple():
            for index, pair in enumerate(zip_longest(old, new, fillvalue=MISSING)):
                yield from _below(index, *pair)
        case _:
            if not _equal(old, new):
                yield Difference("", old, new)


def _below(step: Step, old: JSON, new: JSON) -> Iterator[Difference]:
    for found in differences(old, new):
        yield Difference(join(step, found.path), found.old, found.new)


def _equal(old: JSON, new: JSON) -> bool:
    """Compare as JSON does: true is not 1, while 1 and 1.0 are one number."""
    return old == new and isinstance(old, bool) == isinstance(new, bool)


def shown_beside(old: JSON, new: JSON) -> tuple[str, str]:
    """Show two values so that where they differ can be seen, however long they are."""
    first, second = _written(old), _written(new)
    if max(len(first), len(second)) <= LONGEST_SHOWN:
        return first, second
    pairs = enumerate(zip(first, second, strict=False))
    same = min(len(first), len(second))
    begin = max(0, next((n for n, (a, b) in pairs if a != b), same) - _BEFORE)
    return _cut(first, begin), _cut(second, begin)


def shown(value: JSON) -> str:
    """Show a value on one line, cut where it is too long."""
    return _cut(_written(value), 0)


def _written(value: JSON) -> str:
    if isinstance(value, Missing):
        return repr(value)
    if isinstance(value, bytes):
        long = len(value) > LONGEST_BYTES
        return f"{len(value):,} bytes, {key_of(value)}" if long else repr(value)
    return json.dumps(value, ensure_ascii=False, default=repr)


def _cut(text: str, begin: int) -> str:
    part = text[begin : begin + LONGEST_SHOWN]
    before = "..." if begin else ""
    after = "..." if begin + LONGEST_SHOWN < len(text) else ""
    return before + part + after
