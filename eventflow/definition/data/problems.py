"""What is wrong with a value, gathered from all of its parts; it never stops at the first."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from eventflow.errors import Problem

Hook: TypeAlias = Callable[[Any, Any], Any]
"""Turns plain data into a value of a type: called with both."""

Data: TypeAlias = Any
"""A value that came from anywhere, and is told by its class."""

Step: TypeAlias = str | int
"""From a value to a part of it: the name of a field, or an index."""

_PLAIN_NAME = re.compile(r"[\w-]+")
_LONGEST_SHOWN = 40


class Misfit(Exception):
    """A value does not fit; only `Schema` sees it, and turns it into an error of the public tree.

    Attributes:
        problems: Every part that is wrong.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


def misfit(reason: str) -> Misfit:
    """Say that a value as a whole is wrong."""
    return Misfit([Problem("", reason)])


def expected(what: str, value: object) -> Misfit:
    """Say what was expected instead of a value."""
    return misfit(f"expected {what}, got {shown(value)}")


def shown(value: object) -> str:
    """Show a value in a message: its kind, and itself if it is short and plain."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float() | str():
            text = repr(value)
            kind = "the text " if isinstance(value, str) else "the number "
            return kind + (text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")
        case list() | tuple():
            return "an array"
        case dict():
            return "an object"
        case _:
            return type(value).__qualname__


def reason_of(error: Exception) -> str:
    """Say in words why user code, such as a validator, refused a value."""
    text = str(error.args[0]) if error.args else str(error)
    return text or type(error).__qualname__


def problems_of(error: Exception) -> tuple[Problem, ...]:
    """Give the problems behind an error, whoever raised it."""
    if isinstance(error, Misfit):
        return error.problems
    return (Problem("", reason_of(error)),)


def below(step: Step, problems: Iterable[Problem]) -> list[Problem]:
    """Give the problems of a part as problems of the whole."""
    return [Problem(join(step, problem.path), problem.reason) for problem in problems]


def join(step: Step, path: str) -> str:
    """Put a step before a path: `settings` and `max_items` give `settings.max_items`."""
    if isinstance(step, int):
        head = f"[{step}]"
    else:
        head = step if _PLAIN_NAME.fullmatch(step) else f"[{step!r}]"
    return head + path if not path or path.startswith("[") else f"{head}.{path}"


def gather(parts: Iterable[tuple[Step, Callable[[], Any]]]) -> list[Any]:
    """Convert all parts of a value.

    Raises:
        Misfit: With the problems of every part that is wrong.
    """
    values: list[Any] = []
    problems: list[Problem] = []
    for step, convert in parts:
        try:
            values.append(convert())
        except Exception as error:  # noqa: BLE001 - converters and validators of users raise anything
            problems += below(step, problems_of(error))
    if problems:
        raise Misfit(problems)
    return values
