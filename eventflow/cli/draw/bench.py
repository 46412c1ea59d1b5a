"""A table of what was measured: medians, between what they lay, and the ratio to a limit."""

from collections.abc import Sequence

from rich.text import Text

from eventflow.cli.bench.figures import Figure
from eventflow.cli.draw.console import console, table

_ROOM_FOR_SPREAD = 90


def draw_figures(figures: Sequence[Figure]) -> None:
    """Draw one line for each figure."""
    screen = console()
    wide = screen.width >= _ROOM_FOR_SPREAD
    spread = ("lowest", "highest", "p99") if wide else ()
    headers = ("part", "measured", "median", "unit", *spread, "ratio", "grown")
    drawn = table(*headers, right=("median", *spread, "grown"))
    for each in figures:
        beside = (each.lowest, each.highest, each.p99) if wide else ()
        drawn.add_row(
            each.part,
            each.name,
            Text(_number(each.median), style="bold"),
            each.unit,
            *map(_number, beside),
            "" if each.ratio is None else f"{each.ratio:.0%} of {each.against}",
            "" if each.grown is None else f"{each.grown:.0%}",
        )
    screen.print(drawn)


def _number(value: float) -> str:
    """Write a number with no more digits than were measured."""
    size = abs(value)
    if size >= 100:  # noqa: PLR2004 - three digits say enough
        return f"{value:,.0f}"
    digits = 1 if size >= 1 else 2 if size >= 0.1 else 3  # noqa: PLR2004 - as above
    return f"{value:.{digits}f}"
