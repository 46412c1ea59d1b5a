"""What a seed stands for: which runs are asked for, what becomes of them, and what breaks when."""

from collections.abc import Callable, Iterable
from random import Random

from attrs import frozen

from eventflow.core.values import JSON
from eventflow.testing.simulation.line import Weather
from eventflow.testing.simulation.workload import CHECKS, ENDS, WORKFLOWS

HARMLESS = (
    "returns",
    "notes",
    "raises",
    "waits",
    "waits for a signal",
    "steps",
    "steps, then raises",
)
"""Acts that bring no run down."""

HARMLESS_CHECKS = ("ready", "pending", "reenters")
"""Checks that only wait, or let their stage go on."""

ASKS = (
    *("cancel", "rerun", "rerun twice", "fork", "signal", "annotate", "look", "drive"),
    "create again",
)

STRIKES = ("crash", "crash", "pause", "sleep", "stop", "cut off", "cut off")


@frozen
class Ask:
    """Something that a caller asks of a run, so many seconds after what it asked before."""

    kind: str
    after: float


@frozen
class PlannedRun:
    """A run that a caller will create, and what it asks of it then."""

    number: int
    workflow: str
    input: int
    priority: int
    metadata: dict[str, JSON]
    after: float
    asks: tuple[Ask, ...]


@frozen
class Strike:
    """What befalls a process.

    Attributes:
        kind: What it is.
        seconds: How long it lasts.
        step: Right before which step; 0 for none.
        victim: Whom then: its number among those alive, counted round.
        append: Right behind the how manieth append, before who has asked for it hears of it.
        job: At the beginning of the how manieth job.
    """

    kind: str
    seconds: float
    step: int = 0
    victim: int = 0
    append: int = 0
    job: int = 0


@frozen
class Scenario:
    """One simulation, as far as it is known before it begins.

    Attributes:
        seed: What it was drawn from.
        calm: Whether nothing breaks, so that nothing may be taken from anybody.
        workers: How many processes execute.
        concurrency: How many jobs each has in hand at once.
        lease: Seconds that a claim holds without a heartbeat.
        look_interval: Seconds between two looks for jobs whose time has come.
        drift: By how much clocks are too fast or too slow.
        callers_work: Whether those who ask for runs execute jobs as well.
        runs: What callers ask for.
        strikes: What befalls workers.
        weather: How badly all lines behave.
    """

    seed: int
    calm: bool
    workers: int
    concurrency: int
    lease: float
    look_interval: float
    drift: float
    callers_work: bool
    runs: tuple[PlannedRun, ...]
    strikes: tuple[Strike, ...]
    weather: Weather


def scenario(seed: int) -> Scenario:
    """Draw a scenario; the same seed gives the same one, in any process."""
    chance = Random(f"scenario {seed}")
    calm = chance.random() < 0.25
    count = chance.choice((1, 1, 1, 2, 3))
    lease = chance.choice((1.8, 3.0))
    return Scenario(
        seed=seed,
        calm=calm,
        workers=chance.choice((1, 2, 2, 3)),
        concurrency=chance.choice((1, 2, 4)),
        lease=lease,
        look_interval=chance.choice((0.6, 1.0, 1.0)),
        drift=0.0 if calm else chance.choice((0.0, 0.0, 0.01, 0.1)),
        callers_work=chance.random() < 0.25,
        runs=tuple(_planned(chance, number, calm=calm) for number in range(count)),
        strikes=_strikes(chance, lease, calm=calm),
        weather=_weather(chance, calm=calm),
    )


def _planned(chance: Random, number: int, *, calm: bool) -> PlannedRun:
    workflow = chance.choice((*WORKFLOWS[:3], chance.choice(WORKFLOWS)))
    stages = [
        f"{stage}.{generation}" for generation in (0, 1) for stage in workflow.plan.stage_ids()
    ]
    ends, checks = (HARMLESS, HARMLESS_CHECKS) if calm else (tuple(ENDS), tuple(CHECKS))
    habit = chance.choice(("waits for a signal", "returns")) if chance.random() < 0.15 else None
    return PlannedRun(
        number=number,
        workflow=workflow.id,
        input=chance.randrange(1_000),
        priority=chance.choice((1, 5, 5, 9)),
        metadata={
            "number": number,
            "pace": chance.choice((0.0, 0.0, chance.uniform(0, 2.5))),
            "acts": _drawn(stages, lambda: _acts(chance, ends, habit)),
            "checks": _drawn(stages, lambda: _acts(chance, checks)),
        },
        after=chance.choice((0.0, 0.0, chance.uniform(0, 3))),
        asks=tuple(
            Ask(chance.choice(("two signals", *ASKS)), chance.uniform(0, 2) ** 2)
            for _ in range(chance.choice((0, 1, 1, 2, 4)))
        ),
    )


def _drawn(stages: Iterable[str], acts: Callable[[], list[JSON]]) -> dict[str, JSON]:
    """Draw acts for each stage, and leave out those that just work: all of this is stored."""
    drawn = {stage: acts() for stage in stages}
    return {stage: each for stage, each in drawn.items() if each}


def _acts(chance: Random, kinds: tuple[str, ...], habit: str | None = None) -> list[JSON]:
    """Draw what happens at each number; what is not drawn goes well."""
    acts: list[JSON] = []
    if habit is None and chance.random() < 0.1:
        habit = chance.choice(kinds)
    while len(acts) < 3 and (habit is not None or chance.random() < 0.5):
        seconds = chance.choice((0.0, 0.05, chance.uniform(0, 2.5)))
        acts.append([habit or chance.choice(kinds), seconds])
    return acts


def _strikes(chance: Random, lease: float, *, calm: bool) -> tuple[Strike, ...]:
    kinds = ("stop",) if calm else STRIKES
    return tuple(
        _strike(chance, chance.choice(kinds), lease) for _ in range(chance.choice((0, 1, 2, 3)))
    )


def _strike(chance: Random, kind: str, lease: float) -> Strike:
    """Draw when it strikes: often right at what matters."""
    seconds = chance.choice((0.2, lease * chance.uniform(1, 1.8), 4.0))
    when = "step" if kind == "stop" else chance.choice(("step", "append", "job"))
    if when == "append":
        return Strike(kind, seconds, append=int(chance.uniform(1, 5) ** 2))
    if when == "job":
        return Strike(kind, seconds, job=int(chance.uniform(1, 3) ** 2))
    return Strike(kind, seconds, step=int(30 ** chance.uniform(1, 2.1)), victim=chance.randrange(9))


def _weather(chance: Random, *, calm: bool) -> Weather:
    lines = Random(chance.random())
    slow, slowest = chance.choice(((0.0, 0.0), (0.5, 0.02), (0.3, 0.2)))
    if calm:
        return Weather(lines, slow, slowest, until=100.0)
    until = chance.uniform(2.0, 8.0)
    outages: tuple[tuple[float, float], ...] = ()
    if chance.random() < 0.2:
        first = chance.uniform(0, until)
        outages = ((first, first + chance.uniform(0.5, 4.0)),)
    return Weather(
        lines,
        slow,
        chance.choice((slowest, 1.5)),
        lost=chance.choice((0.0, 0.0, 0.05)),
        unanswered=chance.choice((0.0, 0.05, 0.15, 0.3)),
        late=chance.choice((0.0, 0.0, 0.05)),
        deaf=chance.choice((0.0, 0.0, 1.0)),
        outages=outages,
        until=until,
    )
