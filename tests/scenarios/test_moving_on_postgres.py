"""Scenario 22 once more, from and to PostgreSQL."""

from pathlib import Path

import pytest

from tests.postgres import postgres, postgres_url
from tests.scenarios.test_moving import *  # noqa: F403 - all tests of the module, as they are
from tests.scenarios.test_moving import Urls, url_of

__all__ = ["postgres", "postgres_url", "urls"]

pytestmark = pytest.mark.postgres


@pytest.fixture(  # type: ignore[no-redef]
    params=["sqlite to postgres", "postgres to sqlite", "postgres to memory"]
)
def urls(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Urls:
    """The URLs of an empty source and an empty target, one of them on PostgreSQL."""
    source, target = (
        postgres_url if kind == "postgres" else url_of(kind, tmp_path / "log.db")
        for kind in request.param.split(" to ")
    )
    return source, target
