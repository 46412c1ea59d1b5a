"""The page of the comparison: what is written by hand stays, and the tables are put in anew."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from tests.benchmarks.compare.matches import BARE, EVENTFLOW

BEGIN = "<!-- figures: written by `make compare` -->"
END = "<!-- end of the figures -->"


@frozen
class Result:
    """What the contenders of one match came to: medians, and between what the values lay."""

    id: str
    title: str
    unit: str
    medians: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]]


@frozen
class Growth:
    """What something costs at a size, as a part of what it costs at the smallest."""

    title: str
    grown: float


@frozen
class Results:
    """Everything that was measured, and on what; `imported` is the processor time of an import."""

    results: Sequence[Result]
    growths: Sequence[Growth]
    imported: float
    versions: Mapping[str, str]
    python: str
    processors: int
    load: tuple[float, float]
    rounds: int

    def median(self, match: str, contender: str) -> float:
        """Give one median."""
        return next(each for each in self.results if each.id == match).medians[contender]


@frozen
class Target:
    """A ratio that eventflow is held to: it is at least something, or at most."""

    title: str
    ratio: float
    least: float = 0.0
    most: float = math.inf

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.least <= self.ratio <= self.most

    @property
    def aim(self) -> str:
        """What is aimed at, in words."""
        return f"at least {self.least:g}" if self.least else f"at most {self.most:g}"


def targets(results: Results) -> list[Target]:
    """Work out the ratios that eventflow is held to."""
    found = []
    for database, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
        ours = results.median(f"{database}-100", EVENTFLOW)
        found += [
            Target(
                f"throughput with 100 in flight over that of DBOS, {name}",
                ours / results.median(f"{database}-100", "DBOS"),
                20.0,
            ),
            Target(
                f"latency of DBOS at rest over that of eventflow, {name}",
                results.median(f"{database}-rest", "DBOS")
                / results.median(f"{database}-rest", EVENTFLOW),
                3.0,
            ),
            Target(
                f"throughput with 100 in flight over the bare append limit, {name}",
                results.median(f"{database}-limit", EVENTFLOW)
                / results.median(f"{database}-limit", BARE),
                0.35,
            ),
        ]
    jobs = results.median("jobs", EVENTFLOW) / results.median("jobs", "pgqueuer")
    return [
        *found,
        Target("stages a second over the jobs of pgqueuer, PostgreSQL", jobs, 1.0),
        *(
            Target(f"{each.title}, over that at the smallest size", each.grown, most=1.1)
            for each in results.growths
        ),
        Target("milliseconds of the processor for an import", 1e3 * results.imported, most=150.0),
    ]


def write_page(path: Path, results: Results) -> None:
    """Put the tables between the two marks of the page."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{figures(results)}\n{END}{after}", encoding="utf-8")


def figures(results: Results) -> str:
    """Write the tables."""
    versions = ", ".join(f"{name} {number}" for name, number in sorted(results.versions.items()))
    before, after = results.load
    machine = f"Python {results.python}, {results.processors} processors shared with the database"
    return "\n".join(
        [
            f"{machine}; medians of rounds: {results.rounds}; {versions}.",
            f"The load average was {before:.1f} before and {after:.1f} after the measurement.",
            "",
            "| what | eventflow | peers |",
            "|---|---|---|",
            *(_row(each) for each in results.results),
            "",
            "| ratio | aim | measured | |",
            "|---|---|---|---|",
            *(
                f"| {each.title} | {each.aim} | {each.ratio:.2f} | "
                f"{'reached' if each.met else 'missed'} |"
                for each in targets(results)
            ),
            "",
        ]
    )


def _row(result: Result) -> str:
    ours = result.medians.get(EVENTFLOW)
    peers = ", ".join(
        f"{name} {_told(name, result)}" for name in result.medians if name != EVENTFLOW
    )
    return f"| {result.title} | {'' if ours is None else _told(EVENTFLOW, result)} | {peers} |"


def _told(name: str, result: Result) -> str:
    """Write a median, and between what the values lay if there are several."""
    low, high = result.ranges[name]
    spread = f" ({_number(low)} to {_number(high)})" if low < high else ""
    return f"{_number(result.medians[name])} {result.unit}{spread}"


def _number(value: float) -> str:
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"
