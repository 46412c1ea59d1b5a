"""What a stage may answer is checked when it is made."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventflow.definition.outcomes import Completed, Failed, Pending, Ready, Reenter, Suspended


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


NO_SECONDS: list[Any] = [0, -1, math.nan, math.inf, 10**400, "5", timedelta(1), [1]]


@pytest.mark.parametrize("seconds", NO_SECONDS)
def test_times_are_positive(seconds: Any) -> None:  # noqa: ANN401 - also what is no number
    """A time that would never come, or was over before it began, is refused."""
    with pytest.raises(ValueError, match="check_after is a positive number of seconds"):
        Suspended("state", check_after=seconds)
    with pytest.raises(ValueError, match="max_wait is a positive number of seconds"):
        Suspended("state", max_wait=seconds)
    with pytest.raises(ValueError, match="check_after is a positive number of seconds"):
        Pending(seconds)


def test_a_wait_ends_on_a_day_that_calendars_have() -> None:
    """A thousand years are enough; what is longer is a mistake."""
    assert Suspended("state", max_wait=3e10).max_wait == 3e10
    with pytest.raises(ValueError, match="max_wait is at most 31,622,400,000 seconds, not 1e"):
        Suspended.for_signal("go", max_wait=1e300)
    with pytest.raises(ValueError, match="check_after is at most 31,622,400,000 seconds"):
        Pending(1e12)


WRONG: dict[str, tuple[Callable[..., object], dict[str, object], str]] = {
    "no wait at all": (Suspended, {"max_wait": None}, "max_wait is a positive number of sec"),
    "signal": (Suspended, {"signal": 5}, "5 cannot be the name of a signal; give a text of"),
    "empty signal": (Suspended, {"signal": ""}, "'' cannot be the name of a signal"),
    "half a character": (Suspended, {"signal": "\ud800"}, "cannot be the name of a signal"),
    "end": (Suspended, {"then": "fail"}, r"then is Reenter\(\) or Ready\(output\), not 'fail'"),
    "end that waits": (Suspended, {"then": Pending()}, "then is Reenter"),
    "moment": (Suspended, {"time": "2027-01-01"}, "time is a datetime with a time zone"),
    "message": (Failed, {}, "message is a text, not 5"),
    "retryable": (Failed, {"retryable": "no"}, "retryable is True or False, not 'no'"),
    "metrics": (Completed, {"metrics": 5}, "metrics are values by name, not 5"),
    "metric": (Ready, {"metrics": {1: 2}}, "metrics are values by name"),
    "artifacts": (Completed, {"artifacts": ["a"]}, "artifacts are values by name"),
    "annotations": (Completed, {"annotations": {5: 1}}, "annotations are values by name"),
}


@pytest.mark.parametrize(("outcome", "wrong", "problem"), WRONG.values(), ids=WRONG)
def test_what_an_outcome_cannot_hold_is_refused_where_it_is_made(
    outcome: Callable[..., object], wrong: dict[str, object], problem: str
) -> None:
    """The error names the field, and says what it may be."""
    first: object = 5 if outcome is Failed and not wrong else "state"
    with pytest.raises(ValueError, match=problem):
        outcome(first, **wrong)


@pytest.mark.parametrize("wrong", ["1", True, timedelta(seconds=1)])
def test_what_is_no_number_of_seconds_is_refused(wrong: Any) -> None:  # noqa: ANN401 - wrong
    """A text is not read as a number, and a duration is asked for its seconds."""
    with pytest.raises(ValueError, match=r"max_wait is a positive number of seconds, not "):
        Suspended("state", max_wait=wrong)
    with pytest.raises(ValueError, match=r"check_after is a positive number of seconds, not "):
        Pending(wrong)


def test_the_helpers_are_short_for_a_suspension() -> None:
    """Each says what a `Suspended` with more arguments would."""
    moment = datetime(2027, 1, 1, tzinfo=UTC)
    assert Suspended.for_signal("go", 1, max_wait=5) == Suspended(1, None, 5, "go")
    assert Suspended.for_duration(5) == Suspended(None, None, 5, then=Reenter(), asleep=True)
    assert Suspended.for_duration(timedelta(hours=1)).max_wait == 3600
    assert Suspended.until(moment, then=Ready(1)) == Suspended(
        None, None, then=Ready(1), time=moment, asleep=True
    )


@pytest.mark.parametrize("duration", [0, -1, math.inf, timedelta(0)])
def test_a_sleep_takes_time(duration: float | timedelta) -> None:
    """A duration is positive."""
    with pytest.raises(ValueError, match="max_wait is a positive number of seconds"):
        Suspended.for_duration(duration)


def test_a_moment_has_a_time_zone() -> None:
    """A time of nowhere is refused, since it would mean another one on each machine."""
    with pytest.raises(ValueError, match="time is a datetime with a time zone"):
        Suspended.until(datetime(2027, 1, 1))  # noqa: DTZ001 - to be refused


def test_what_a_wait_comes_to_has_no_metrics() -> None:
    """Nothing is measured when a stage suspends."""
    with pytest.raises(ValueError, match="then has an output and no metrics"):
        Suspended.for_duration(5, then=Ready(1, {"tokens": 3}))
