"""What the benchmark can measure, and how much of it."""

from enum import StrEnum

from attrs import frozen


class Part(StrEnum):
    """What can be measured alone."""

    THROUGHPUT = "throughput"
    REST = "rest"
    HANDOVER = "handover"
    CLAIMS = "claims"
    GROWTH = "growth"
    PROCESSES = "processes"
    HISTORIES = "histories"
    MEMORY = "memory"


SHARED = frozenset({Part.HANDOVER, Part.PROCESSES})
"""What needs a store that several processes can open."""


@frozen
class Effort:
    """How much is measured.

    Attributes:
        rounds: How often each thing is measured.
        runs: How many runs a round completes.
        in_flight: How many runs are under way at once, one measurement each.
        at_rest: How many runs are measured alone.
        handovers: How many runs another process starts.
        claims: How many jobs a round claims.
        backlogs: How many jobs wait while others are claimed, one measurement each.
        stored: How many runs the store has while others are completed, one measurement each.
        processes: How many processes work on one store.
        histories: How long the runs are that are opened, one measurement each.
        memory: How many runs are completed while the memory is looked at.
    """

    rounds: int = 5
    runs: int = 1_000
    in_flight: tuple[int, ...] = (1, 20, 100, 500)
    at_rest: int = 200
    handovers: int = 60
    claims: int = 160
    backlogs: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    stored: tuple[int, ...] = (1_000, 1_000_000)
    processes: int = 4
    histories: tuple[int, ...] = (10, 1_000, 10_000)
    memory: int = 20_000


QUICK = Effort(
    rounds=2,
    runs=200,
    in_flight=(1, 100),
    at_rest=30,
    handovers=10,
    claims=64,
    backlogs=(1_000, 10_000),
    stored=(1_000, 10_000),
    processes=2,
    histories=(10, 1_000),
    memory=2_000,
)
