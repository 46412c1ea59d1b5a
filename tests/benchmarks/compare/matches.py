"""Which contender does what: the plan of the comparison, as data."""

from collections.abc import Sequence

from attrs import frozen

EVENTFLOW = "eventflow"
BARE = "bare appends"


@frozen
class Match:
    """One measure, on one database, by several contenders in turn.

    Attributes:
        id: Names it in results and plots.
        title: For people.
        unit: Of the values; for `ms` less is better.
        database: `sqlite` or `postgresql`.
        measure: What the contenders are told to do.
        in_flight: How much is under way at once.
        counts: How much each contender does, by name: the fast ones more, so that each takes
            seconds.
    """

    id: str
    title: str
    unit: str
    database: str
    measure: str
    in_flight: int
    counts: dict[str, int]


def matches() -> Sequence[Match]:
    """List what is compared."""
    return [*_on("sqlite", "SQLite"), *_on("postgresql", "PostgreSQL"), _jobs()]


def _on(database: str, name: str) -> Sequence[Match]:
    """List what is compared on both databases."""
    return [
        *(_throughput(database, name, in_flight) for in_flight in (1, 20, 100)),
        Match(
            f"{database}-rest",
            f"one workflow of three steps at rest, {name}",
            "ms",
            database,
            "rest",
            1,
            {EVENTFLOW: 100, "DBOS": 60},
        ),
        Match(
            f"{database}-appends",
            f"events appended, one stream at a time, {name}",
            "events/s",
            database,
            "appends",
            1,
            {EVENTFLOW: 200, "eventsourcing": 60},
        ),
        Match(
            f"{database}-limit",
            f"runs of eventflow beside its bare appends, 100 in flight, {name}",
            "runs/s",
            database,
            "throughput",
            100,
            {EVENTFLOW: 1_500, BARE: 1_500},
        ),
    ]


def _throughput(database: str, name: str, in_flight: int) -> Match:
    return Match(
        f"{database}-{in_flight}",
        f"workflows of three steps, {in_flight} in flight, {name}",
        "workflows/s",
        database,
        "throughput",
        in_flight,
        {EVENTFLOW: 300 if in_flight == 1 else 1_500, "DBOS": 120, "DBOS, queued": 60},
    )


def _jobs() -> Match:
    return Match(
        "jobs",
        "stages or jobs worked off by one worker, PostgreSQL",
        "stages/s",
        "postgresql",
        "jobs",
        10,
        {EVENTFLOW: 1_500, "procrastinate": 800, "pgqueuer": 8_000},
    )
