"""What a seed stands for: which runs are asked for, what becomes of them, and what breaks when."""

from random import Random

from attrs import frozen

from eventflow.core.values import JSON
from eventflow.testing.simulation.line import Weather
from eventflow.testing.simulation.workload import CHECKS, ENDS, WORKFLOWS

HARMLESS = ("returns", "notes", "raises", "waits", "waits for a signal")
"""Acts that bring no run down."""

ASKS = ("cancel", "rerun", "fork", "signal", "annotate", "look", "drive", "create again")

STRIKES = ("crash", "crash", "pause", "sleep", "stop")


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
    """What befalls a worker right before a step; `victim` is its number, counted round."""

    step: int
    kind: str
    victim: int
    seconds: float


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
    runs: tuple[PlannedRun, ...]
    strikes: tuple[Strike, ...]
    weather: Weather


def scenario(seed: int) -> Scenario:
    """Draw a scenario; the same seed gives the same one, in any process."""
    chance = Random(f"scenario {seed}")
    calm = chance.random() < 0.25
    count = chance.choice((1, 1, 2, 3))
    return Scenario(
        seed=seed,
        calm=calm,
        workers=chance.choice((1, 2, 2, 3)),
        concurrency=chance.choice((1, 2, 4)),
        lease=chance.choice((1.5, 3.0)),
        look_interval=chance.choice((0.5, 1.0)),
        drift=0.0 if calm else chance.choice((0.0, 0.0, 0.01, 0.1)),
        runs=tuple(_planned(chance, number, calm=calm) for number in range(count)),
        strikes=() if calm else _strikes(chance),
        weather=_weather(chance, calm=calm),
    )


def _planned(chance: Random, number: int, *, calm: bool) -> PlannedRun:
    workflow = chance.choice((*WORKFLOWS[:3], chance.choice(WORKFLOWS)))
    stages = workflow.plan.stage_ids()
    ends = HARMLESS if calm else tuple(ENDS)
    return PlannedRun(
        number=number,
        workflow=workflow.id,
        input=chance.randrange(1_000),
        priority=chance.choice((1, 5, 5, 9)),
        metadata={
            "number": number,
            "acts": {stage: _acts(chance, ends) for stage in stages},
            "checks": {stage: _acts(chance, tuple(CHECKS)) for stage in stages if not calm},
        },
        after=chance.choice((0.0, 0.0, chance.uniform(0, 3))),
        asks=tuple(
            Ask(chance.choice(ASKS), chance.uniform(0, 2) ** 2)
            for _ in range(chance.choice((0, 1, 1, 2, 4)))
        ),
    )


def _acts(chance: Random, kinds: tuple[str, ...]) -> list[JSON]:
    """Draw what happens at each number; what is not drawn goes well."""
    acts: list[JSON] = []
    while len(acts) < 3 and chance.random() < 0.5:
        seconds = chance.choice((0.0, 0.05, chance.uniform(0, 4)))
        acts.append([chance.choice(("returns", *kinds)) if kinds else "returns", seconds])
    return acts


def _strikes(chance: Random) -> tuple[Strike, ...]:
    return tuple(
        Strike(
            step=int(chance.uniform(20, 1_500)),
            kind=chance.choice(STRIKES),
            victim=chance.randrange(100),
            seconds=chance.choice((0.2, 2.0, 5.0)),
        )
        for _ in range(chance.choice((0, 1, 2, 3)))
    )


def _weather(chance: Random, *, calm: bool) -> Weather:
    lines = Random(chance.random())
    slow, slowest = chance.choice(((0.0, 0.0), (0.5, 0.02), (0.3, 0.2)))
    if calm:
        return Weather(lines, slow, slowest, until=100.0)
    until = chance.uniform(2.0, 12.0)
    outages: tuple[tuple[float, float], ...] = ()
    if chance.random() < 0.2:
        first = chance.uniform(0, until)
        outages = ((first, first + chance.uniform(0.5, 4.0)),)
    return Weather(
        lines,
        slow,
        chance.choice((slowest, 1.5)),
        lost=chance.choice((0.0, 0.0, 0.05)),
        unanswered=chance.choice((0.0, 0.05, 0.15)),
        late=chance.choice((0.0, 0.0, 0.05)),
        deaf=chance.choice((0.0, 0.0, 1.0)),
        outages=outages,
        until=until,
    )
