"""The retry policy: which errors are tried again, and how long the next attempt waits."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.core.retry import ANY_DELAY, Retry, error_names


def delays(policy: Retry, attempts: int, random: float = 0.5) -> list[float]:
    """List the delays in seconds after the first so many failed attempts."""
    return [policy.delay(attempt, random).total_seconds() for attempt in range(1, attempts + 1)]


def test_three_attempts_two_and_four_seconds_apart() -> None:
    """The default policy makes three attempts, after 2 s and after 4 s."""
    assert Retry().max_attempts == 3
    assert delays(Retry(), 2) == [2.0, 4.0]


def test_no_delay_passes_the_longest() -> None:
    """Delays grow up to `max_delay` and stay there."""
    assert delays(Retry(initial=1, factor=10, max_delay=50), 4) == [1.0, 10.0, 50.0, 50.0]


@pytest.mark.parametrize(("random", "delay"), [(0.0, 5.0), (0.5, 10.0), (1.0, 15.0)])
def test_jitter_spreads_a_delay_evenly(random: float, delay: float) -> None:
    """A jitter of one half moves a delay by up to half of it, as the random number says."""
    assert delays(Retry(initial=10, jitter=0.5), 1, random) == [delay]


def test_jitter_never_passes_the_longest_delay() -> None:
    """A delay that is spread upwards still ends at `max_delay`."""
    assert delays(Retry(initial=10, jitter=1, max_delay=12), 1, random=1.0) == [12.0]


def test_a_delay_that_overflows_is_the_longest() -> None:
    """After thousands of attempts the delay is `max_delay`, not an overflow."""
    assert Retry(max_delay=60).delay(5_000, 0.5).total_seconds() == 60.0


def test_no_delay_stays_no_delay() -> None:
    """An initial delay of zero stays zero, also after thousands of attempts."""
    assert Retry(initial=0).delay(5_000, 0.5).total_seconds() == 0.0


@given(
    initial=st.floats(0, ANY_DELAY),
    factor=st.floats(1, 1e300),
    max_delay=st.floats(0, ANY_DELAY),
    jitter=st.floats(0, 1),
    attempt=st.integers(1, 10_000),
    random=st.floats(0, 1),
)
def test_every_delay_is_within_its_bounds(*, attempt: int, random: float, **policy: float) -> None:
    """Whatever the policy, a delay is neither negative nor longer than `max_delay`."""
    delay = Retry(**policy).delay(attempt, random)  # type: ignore[arg-type]
    assert 0 <= delay.total_seconds() <= policy["max_delay"] + 1e-6


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 0},
        {"initial": -1},
        {"initial": math.inf},
        {"initial": math.nan},
        {"factor": 0.5},
        {"factor": math.inf},
        {"factor": math.nan},
        {"max_delay": -1},
        {"max_delay": ANY_DELAY + 1},
        {"jitter": 1.5},
        {"jitter": -0.1},
    ],
    ids=str,
)
def test_a_policy_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    """A policy without an attempt, with a negative delay or with an infinite one is refused."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Retry(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_attempts": "3"}, "max_attempts is a whole number, not '3'"),
        ({"max_attempts": 2.5}, "max_attempts is a whole number, not 2.5"),
        ({"initial": "2"}, "initial is a number, not '2'"),
        ({"jitter": True}, "jitter is a number, not True"),
        ({"initial": timedelta(1)}, r"is a number, not .*; give duration\.total_seconds\(\)"),
    ],
)
def test_what_is_no_number_is_refused(wrong: dict[str, object], message: str) -> None:
    """A text, a truth or a duration is refused by the name of the field, with what to write."""
    with pytest.raises(ValueError, match=message):
        Retry(**wrong)  # type: ignore[arg-type]


def test_one_error_needs_no_list() -> None:
    """A single class, or name, stands for itself."""
    policy = Retry(retry_on=OSError, give_up_on="builtins.TimeoutError")
    assert policy == Retry(retry_on=[OSError], give_up_on=[TimeoutError])


def test_an_error_is_known_by_its_bases() -> None:
    """An error goes by the names of its class and of all bases that are errors."""
    assert error_names(ConnectionResetError) == (
        "builtins.ConnectionResetError",
        "builtins.ConnectionError",
        "builtins.OSError",
        "builtins.Exception",
        "builtins.BaseException",
    )


def test_every_error_is_tried_again_by_default() -> None:
    """A policy that names no errors covers all of them."""
    assert Retry().covers(error_names(ValueError))
    assert Retry().covers(())


def test_retry_on_covers_subclasses_and_nothing_else() -> None:
    """With `retry_on`, an error of the class or of a subclass is tried again, and no other."""
    policy = Retry(retry_on=(OSError,))
    assert policy.covers(error_names(ConnectionResetError))
    assert not policy.covers(error_names(ValueError))


def test_give_up_on_beats_retry_on() -> None:
    """An error that is in both lists is final."""
    policy = Retry(retry_on=(OSError,), give_up_on=(PermissionError,))
    assert policy.covers(error_names(OSError))
    assert not policy.covers(error_names(PermissionError))


def test_errors_can_be_given_by_name() -> None:
    """A qualified name does what the class does, without importing it."""
    assert Retry(retry_on=("builtins.OSError",)) == Retry(retry_on=(OSError,))
