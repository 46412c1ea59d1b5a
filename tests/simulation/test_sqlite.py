"""Processes that die at any moment: what SQLite has acknowledged is not lost, nor repeated."""

from pathlib import Path

import pytest

from tests.simulation import crashes, waits
from tests.simulation.crashes import Storm


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """The URL of an empty store."""
    return f"sqlite:///{tmp_path}/log.db"


async def test_workers_that_are_killed_lose_nothing(store_url: str, tmp_path: Path) -> None:
    """Every run ends as it should, and the log is sound."""
    report = await crashes.killed_workers(store_url, tmp_path, Storm(seed=1, runs=40, rounds=10))
    assert report.runs == 40


async def test_a_worker_that_comes_back_too_late_changes_nothing(
    store_url: str, tmp_path: Path
) -> None:
    """The stage completes once, by the worker that took over."""
    await crashes.paused_worker(store_url, tmp_path)


async def test_a_key_has_one_run_however_often_its_creator_dies(
    store_url: str, tmp_path: Path
) -> None:
    """Whether it was killed before the commit, or between the commit and the answer."""
    report = await crashes.dying_creators(store_url, tmp_path, deaths=8, runs=24)
    assert report.runs == 24


async def test_workers_that_die_around_a_commit_lose_nothing(
    store_url: str, tmp_path: Path
) -> None:
    """Scenario 17: whatever is durable is gone on from, whoever was told of it."""
    await crashes.dying_workers(store_url, tmp_path, runs=1)


async def test_a_stage_that_kills_its_process_ends_failed(store_url: str, tmp_path: Path) -> None:
    """Scenario 19: after its three attempts, with the reason."""
    await crashes.deadly_stage(store_url, tmp_path)


async def test_a_fan_out_whose_workers_die_around_a_commit_repeats_only_what_was_in_flight(
    store_url: str, tmp_path: Path
) -> None:
    """A step is never done again once its event was acknowledged."""
    await waits.dying_fan_out(store_url, tmp_path, items=200, appends=8)


async def test_a_fan_out_of_a_thousand_items_survives_kills(store_url: str, tmp_path: Path) -> None:
    """Whatever moment they come at, and only the items in flight are done again."""
    await waits.killed_fan_out(store_url, tmp_path, items=1_000, kills=4, seed=1)


async def test_progress_reaches_a_follower_while_the_stage_runs(
    store_url: str, tmp_path: Path
) -> None:
    """In another process, which the stage here waits for."""
    await waits.followed_progress(store_url, tmp_path)


async def test_a_suspended_stage_survives_the_end_of_every_process(
    store_url: str, tmp_path: Path
) -> None:
    """Whether it waits for a provider, for a person or for a time."""
    await waits.killed_while_suspended(store_url, tmp_path)


@pytest.mark.deep
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(2, 6))
async def test_many_kills_of_a_fan_out_repeat_nothing(
    store_url: str, tmp_path: Path, seed: int
) -> None:
    """Also when there is hardly a moment between them."""
    await waits.killed_fan_out(store_url, tmp_path, items=3_000, kills=30, seed=seed)


@pytest.mark.deep
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(2, 8))
async def test_long_storms_lose_nothing(store_url: str, tmp_path: Path, seed: int) -> None:
    """Also when workers are paused, and come back to find that others have taken over."""
    storm = Storm(seed=seed, runs=300, rounds=60, workers=4, pauses=True)
    report = await crashes.killed_workers(store_url, tmp_path, storm)
    assert report.runs == 300


@pytest.mark.deep
@pytest.mark.timeout(300)
async def test_creators_that_die_often_repeat_nothing(store_url: str, tmp_path: Path) -> None:
    """A hundred times, each around another commit."""
    report = await crashes.dying_creators(store_url, tmp_path, deaths=100, runs=300)
    assert report.runs == 300


@pytest.mark.deep
@pytest.mark.timeout(300)
async def test_many_runs_survive_workers_that_always_die(store_url: str, tmp_path: Path) -> None:
    """None of them ever stops in peace."""
    await crashes.dying_workers(store_url, tmp_path, runs=20)
