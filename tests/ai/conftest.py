"""A provider on this machine, keys that must never be seen, and tests that print no log."""

from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs

from tests.ai.provider import LoopbackProvider


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Print no log."""
    with capture_logs():
        yield


@pytest.fixture
async def provider() -> AsyncIterator[LoopbackProvider]:
    """A provider that answers what the test lets it answer."""
    async with LoopbackProvider() as opened:
        yield opened
