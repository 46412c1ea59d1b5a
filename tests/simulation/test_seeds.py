"""Simulations of many workers in virtual time: whatever a seed breaks, the log is sound."""

import asyncio
import os
import subprocess
import sys

import pytest

from eventflow.testing.simulation import judge, play, play_all

CHUNKS = 10
"""Into how many tests the seeds are divided, so that a failure is told early."""

QUICK, DEEP = 2_000, 200_000


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_seed_is_sound(chunk: int) -> None:
    """No order of steps, crash, pause, lost answer or wrong clock brings a run into disorder."""
    size = QUICK // CHUNKS
    assert play_all(range(chunk * size, (chunk + 1) * size)) == size


@pytest.mark.deep
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("chunk", range(DEEP // QUICK))
def test_every_seed_is_sound_in_depth(chunk: int) -> None:
    """A hundred times more seeds, which no quick test has played."""
    first = QUICK + chunk * QUICK
    assert play_all(range(first, first + QUICK)) == QUICK


@pytest.mark.parametrize("seed", [7, 77, 777])
def test_a_seed_is_played_again_step_by_step(seed: int) -> None:
    """The same seed gives the same steps, in this process and in one that hashes otherwise."""
    code = f"from eventflow.testing.simulation import play; print(play({seed}).world.fingerprint())"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    other = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    first, second = play(seed), play(seed)
    assert first.world.fingerprint() == second.world.fingerprint() == other.stdout.strip()
    assert judge(first) == judge(second)


def test_a_simulation_leaves_nothing_on_a_loop_of_its_caller() -> None:
    """What dead processes begin while they are closed is not left to the loop of this thread."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        play_all(range(20))
        assert not asyncio.all_tasks(loop)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_other_seeds_are_other_simulations() -> None:
    """No two of a hundred seeds have the same steps."""
    assert len({play(seed).world.fingerprint() for seed in range(100)}) == 100
