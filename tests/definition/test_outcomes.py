"""What a stage may answer is checked when it is made."""

import math

import pytest

from eventflow.definition.outcomes import Completed, Failed, Pending, Ready, Suspended


def test_defaults_are_those_of_the_documentation() -> None:
    """A suspended stage is checked every 30 seconds, for a day; a failure is final."""
    suspended = Suspended("state")
    assert (suspended.check_after, suspended.max_wait, suspended.signal) == (30.0, 86_400.0, None)
    assert Failed("why").retryable is False
    assert Ready().output is None
    assert Pending().check_after is None
    assert Completed(1).metrics == {}


def test_only_a_signal_may_wake() -> None:
    """Without a time to check, only the signal wakes the stage."""
    assert Suspended("state", check_after=None, signal="approval").check_after is None


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf])
def test_times_are_positive(seconds: float) -> None:
    """A time that would never come, or was over before it began, is refused."""
    with pytest.raises(ValueError, match="check_after is a positive number of seconds"):
        Suspended("state", check_after=seconds)
    with pytest.raises(ValueError, match="max_wait is a positive number of seconds"):
        Suspended("state", max_wait=seconds)
    with pytest.raises(ValueError, match="check_after is a positive number of seconds"):
        Pending(seconds)
