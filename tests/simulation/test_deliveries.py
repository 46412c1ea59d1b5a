"""Subscribers that die at any moment: every event is delivered, in order."""

from pathlib import Path

import pytest

from tests.simulation.deliveries import killed_deliverers


async def test_deliverers_that_are_killed_lose_nothing_on_sqlite(tmp_path: Path) -> None:
    """What was delivered right before a kill may be delivered again, at most a batch of it."""
    times = await killed_deliverers(f"sqlite:///{tmp_path}/log.db", tmp_path, kills=3, runs=100)
    assert sum(count - 1 for count in times.values()) <= 3 * 20


@pytest.mark.postgres
async def test_deliverers_that_are_killed_lose_nothing_on_postgresql(
    postgres_url: str, tmp_path: Path
) -> None:
    """As on SQLite."""
    times = await killed_deliverers(postgres_url, tmp_path, kills=3, runs=100)
    assert sum(count - 1 for count in times.values()) <= 3 * 20


@pytest.mark.deep
@pytest.mark.timeout(300)
async def test_many_deliverers_are_killed(tmp_path: Path) -> None:
    """However often it happens."""
    times = await killed_deliverers(f"sqlite:///{tmp_path}/log.db", tmp_path, kills=30, runs=1_500)
    assert sum(count - 1 for count in times.values()) <= 30 * 20
