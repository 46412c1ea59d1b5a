"""Simulations of many workers on one store: virtual time, virtual processes, and no chance at all.

A seed stands for a scenario: which runs are asked for, what each attempt at a stage does, how badly
the lines to the store behave, which workers crash at which step, whose clock is wrong. The same
seed always gives the same simulation, step by step. `python -m eventflow.testing.simulation SEED`
plays it and shows what happened.
"""

from collections.abc import Iterable

from eventflow.testing.simulation.judge import judge
from eventflow.testing.simulation.playing import Played, play

__all__ = ["Played", "UnsoundSeed", "judge", "play", "play_all"]

MOST_SHOWN = 10


class UnsoundSeed(AssertionError):
    """A simulation came to something that must never be.

    Attributes:
        seed: Its seed.
        findings: What is wrong.
    """

    def __init__(self, seed: int, findings: list[str]) -> None:
        self.seed = seed
        self.findings = findings
        shown = [f"- {finding}" for finding in findings[:MOST_SHOWN]]
        head = f"Seed {seed} is not sound; python -m eventflow.testing.simulation {seed} repeats it"
        super().__init__("\n".join([head, *shown]))


def play_all(seeds: Iterable[int]) -> int:
    """Play one simulation after the other; tell how many.

    Raises:
        UnsoundSeed: At the first that is not sound.
    """
    played = 0
    for seed in seeds:
        findings = judge(play(seed))
        if findings:
            raise UnsoundSeed(seed, findings)
        played += 1
    return played
