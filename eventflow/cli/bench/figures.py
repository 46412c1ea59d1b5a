"""What was measured: several values of one thing, and the limit that they are compared with."""

import statistics
from collections.abc import Sequence

from attrs import frozen


@frozen
class Figure:
    """One line of the result.

    Attributes:
        part: What was measured: `throughput`, `rest` and so on.
        name: How it was measured, for people.
        unit: Of the values.
        values: As they were measured, one of each round, or one of each run.
        limit: What they are compared with, round by round; empty where there is nothing.
        against: What that is, for people.
        median: Of the values.
        lowest: Of the values.
        highest: Of the values.
        p99: The value that one of a hundred is beyond.
        ratio: The median as a part of the median of the limit; None without a limit.
        grown: The median as a part of that of the smallest size of the same; None of that itself.
    """

    part: str
    name: str
    unit: str
    median: float
    lowest: float
    highest: float
    p99: float
    ratio: float | None
    grown: float | None
    values: Sequence[float]
    limit: Sequence[float]
    against: str


def figure(
    part: str,
    name: str,
    unit: str,
    values: Sequence[float],
    *,
    limit: Sequence[float] = (),
    against: str = "",
    smallest: Sequence[float] = (),
) -> Figure:
    """Work out the rest of a figure."""
    ordered = sorted(values)
    middle = statistics.median(ordered)
    return Figure(
        part=part,
        name=name,
        unit=unit,
        median=middle,
        lowest=ordered[0],
        highest=ordered[-1],
        p99=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        ratio=middle / statistics.median(limit) if limit else None,
        grown=middle / statistics.median(smallest) if smallest else None,
        values=tuple(values),
        limit=tuple(limit),
        against=against,
    )
