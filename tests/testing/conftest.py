"""What the tests of the kit share."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Print no log: structlog's own way to print a traceback takes longer than the tests."""
    with capture_logs():
        yield
