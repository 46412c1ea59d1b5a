"""Processes that die at any moment: what PostgreSQL has acknowledged is not lost, nor repeated."""

from pathlib import Path

import pytest

from tests.simulation import crashes, waits
from tests.simulation.crashes import Storm

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]


async def test_workers_that_are_killed_lose_nothing(postgres_url: str, tmp_path: Path) -> None:
    """Every run ends as it should, and the log is sound."""
    storm = Storm(seed=1, runs=40, rounds=8, pauses=True)
    report = await crashes.killed_workers(postgres_url, tmp_path, storm)
    assert report.runs == 40


async def test_a_worker_that_comes_back_too_late_changes_nothing(
    postgres_url: str, tmp_path: Path
) -> None:
    """The stage completes once, by the worker that took over."""
    await crashes.paused_worker(postgres_url, tmp_path)


async def test_a_fan_out_of_a_thousand_items_survives_kills(
    postgres_url: str, tmp_path: Path
) -> None:
    """A step is never done again once its event was acknowledged."""
    await waits.killed_fan_out(postgres_url, tmp_path, items=1_000, kills=4, seed=1)


async def test_progress_reaches_a_follower_while_the_stage_runs(
    postgres_url: str, tmp_path: Path
) -> None:
    """In another process, which the stage here waits for."""
    await waits.followed_progress(postgres_url, tmp_path)


async def test_a_suspended_stage_survives_the_end_of_every_process(
    postgres_url: str, tmp_path: Path
) -> None:
    """Whether it waits for a provider, for a person or for a time."""
    await waits.killed_while_suspended(postgres_url, tmp_path)


@pytest.mark.deep
async def test_a_fan_out_whose_workers_die_around_a_commit_repeats_only_what_was_in_flight(
    postgres_url: str, tmp_path: Path
) -> None:
    """Before the commit as well as between the commit and its answer."""
    await waits.dying_fan_out(postgres_url, tmp_path, items=500, appends=8)


@pytest.mark.deep
async def test_a_key_has_one_run_however_often_its_creator_dies(
    postgres_url: str, tmp_path: Path
) -> None:
    """Whether it was killed before the commit, or between the commit and the answer."""
    report = await crashes.dying_creators(postgres_url, tmp_path, deaths=30, runs=100)
    assert report.runs == 100


@pytest.mark.deep
async def test_workers_that_die_around_a_commit_lose_nothing(
    postgres_url: str, tmp_path: Path
) -> None:
    """Scenario 17: whatever is durable is gone on from, whoever was told of it."""
    await crashes.dying_workers(postgres_url, tmp_path, runs=5)


@pytest.mark.deep
async def test_a_stage_that_kills_its_process_ends_failed(
    postgres_url: str, tmp_path: Path
) -> None:
    """Scenario 19: after its three attempts, with the reason."""
    await crashes.deadly_stage(postgres_url, tmp_path)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2, 5))
async def test_long_storms_lose_nothing(postgres_url: str, tmp_path: Path, seed: int) -> None:
    """Also when workers are paused, and come back to find that others have taken over."""
    storm = Storm(seed=seed, runs=300, rounds=60, workers=4, pauses=True)
    report = await crashes.killed_workers(postgres_url, tmp_path, storm)
    assert report.runs == 300
