"""Tables of plain text, aligned for a terminal of 100 columns; never wider than that."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

WIDTH = 100
GAP = "  "
WIDEST = 36


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Draw a table: numbers to the right, text to the left, the last column wrapped.

    Of a long text in another column, such as a path, only the end is shown.
    """
    filled = [list(row) for row in rows]
    cells = [list(headers), *(_cells(row) for row in filled)]
    columns = range(len(headers) - 1)
    widths = [max(len(row[column]) for row in cells) for column in columns]
    right = [
        all(isinstance(row[column], int | float | None) for row in filled) for column in columns
    ]
    rule = ["-" * width for width in widths] + ["-" * _room(widths)]
    lines = [cells[0], rule, *cells[1:]]
    return "\n".join(line for row in lines for line in _lines(row, widths, right))


def _cells(row: Sequence[object]) -> list[str]:
    *texts, last = map(_text, row)
    return [
        *(text if len(text) <= WIDEST else f"...{text[3 - WIDEST :]}" for text in texts),
        last,
    ]


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.1f}"
        case _:
            return str(value)


def _lines(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    aligned = [
        cell.rjust(width) if numeric else cell.ljust(width)
        for cell, width, numeric in zip(row, widths, right, strict=False)
    ]
    first, *more = textwrap.wrap(row[-1], _room(widths)) or [""]
    yield GAP.join([*aligned, first]).rstrip()
    indent = " " * (sum(widths) + len(GAP) * len(widths))
    yield from (indent + line for line in more)


def _room(widths: Sequence[int]) -> int:
    """Tell how wide the last column may be."""
    return max(16, WIDTH - sum(widths) - len(GAP) * len(widths))
