"""Asks for the rows of many values at once, in few statements that stay prepared."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

_MOST = 512


def chunks(values: Iterable[object]) -> Iterator[list[object]]:
    """Split values into lists whose lengths are powers of two.

    The last value is repeated to fill up, which means nothing in `IN (...)`.
    """
    rest = iter(values)
    while chunk := list(islice(rest, _MOST)):
        width = 1 << (len(chunk) - 1).bit_length()
        yield chunk + chunk[-1:] * (width - len(chunk))


def places(chunk: Sequence[object]) -> str:
    """Write the question marks for a chunk."""
    return ", ".join("?" * len(chunk))


def select_in(
    connection: sqlite3.Connection, sql: str, values: Iterable[object], *arguments: object
) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a query whose `IN ({})` takes the values, and whose `?` the arguments."""
    for chunk in chunks(values):
        yield from connection.execute(sql.format(places(chunk)), (*chunk, *arguments)).fetchall()
