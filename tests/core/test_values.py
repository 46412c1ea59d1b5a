"""The words of the core: which statuses are final."""

import pytest

from eventflow.core.values import Status


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        (Status.PENDING, False),
        (Status.RUNNING, False),
        (Status.SUSPENDED, False),
        (Status.COMPLETED, True),
        (Status.FAILED, True),
        (Status.CANCELLED, True),
    ],
)
def test_completed_failed_and_cancelled_are_ended(status: Status, *, ended: bool) -> None:
    """Three statuses are final, and the other three are not."""
    assert status.ended is ended
