"""The simulation finds each bug that is planted, so it would find the like."""

import pytest

from eventflow.testing.simulation import judge, play
from tests.simulation.mutants import MUTANTS, Mutant

MOST_SEEDS = 1_000
"""So many seeds are enough for any of them."""

RARE = {
    "signals used twice": 167,
    "unfenced steps": 318,
    "unheard signals": 104,
    "youngest signals first": 198,
    "uncounted checks": 239,
    "foreign claims": 317,
    "kept jobs": 144,
}
"""The first seeds that found bugs of rare occasions: tried before all others, to save time."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_found(mutant: Mutant) -> None:
    """One of the first seeds is not sound while the bug is there."""
    for seed in (RARE.get(mutant.name, 0), *range(MOST_SEEDS)):
        with mutant.planted():
            played = play(seed)
        if judge(played):
            return
    pytest.fail(f"{mutant.place} was broken ({mutant.name}), and no seed has noticed")


def test_a_bug_is_taken_out_again() -> None:
    """What was planted is there for as long as asked, and leaves nothing behind."""
    for mutant in MUTANTS:
        before = mutant.sound
        with mutant.planted():
            assert mutant.sound is not before
        assert mutant.sound is before


def test_there_are_mutants_of_every_floor() -> None:
    """Bugs are planted in the core, in the engine, in the runtime and in a store."""
    floors = {mutant.place.split(".")[1] for mutant in MUTANTS}
    assert floors == {"core", "engine", "runtime", "store"}
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
