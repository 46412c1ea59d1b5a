"""What a stage or its check may answer: frozen values, which say what is to happen next."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import inf
from typing import Any, Generic, TypeAlias

import attrs
from attrs import field
from typing_extensions import TypeVar

from eventflow.core.frozen import frozen
from eventflow.core.numbers import in_seconds, is_number
from eventflow.definition.names import ID_RULE, is_id

Out_co = TypeVar("Out_co", covariant=True, default=None)
State_co = TypeVar("State_co", covariant=True, default=Any)

State = TypeVar("State", default=None)

DEFAULT_CHECK_AFTER = 30.0
DEFAULT_MAX_WAIT = 86_400.0
LONGEST_WAIT = 1_000 * 366 * 86_400.0
"""A thousand years in seconds; what is longer may end on a day that no calendar has."""

_NO_OUTPUT: Any = None
NO_STATE: Any = None


_Attribute: TypeAlias = "attrs.Attribute[Any]"


def _seconds(value: Any) -> Any:  # noqa: ANN401 - what is no number is left to the validator
    try:
        return float(value) if is_number(value) else value
    except OverflowError:
        return inf


def _positive(_: object, attribute: _Attribute, value: object) -> None:
    if not isinstance(value, float) or not 0 < value < inf:
        raise ValueError(
            f"{attribute.name} is a positive number of seconds, not {value!r:.300}"
            + in_seconds(value)
        )
    if value > LONGEST_WAIT:
        raise ValueError(f"{attribute.name} is at most {LONGEST_WAIT:,.0f} seconds, not {value:g}")


def _positive_or_none(owner: object, attribute: _Attribute, value: object) -> None:
    if value is not None:
        _positive(owner, attribute, value)


def _text(_: object, attribute: _Attribute, value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{attribute.name} is a text, not {value!r:.300}")  # noqa: TRY004 - as all


def _flag(_: object, attribute: _Attribute, value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{attribute.name} is True or False, not {value!r:.300}")  # noqa: TRY004 - as all


def _by_name(_: object, attribute: _Attribute, value: object) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{attribute.name} are values by name, not {value!r:.300}")


def _name(_: object, attribute: _Attribute, value: object) -> None:
    if value is not None and not is_id(value):
        raise ValueError(f"{value!r:.300} cannot be the name of a {attribute.name}; give {ID_RULE}")


@frozen
class Completed(Generic[Out_co]):
    """The stage is done.

    Attributes:
        output: What it returns, checked against its output schema.
        metrics: Numbers about the attempt, such as tokens or rows.
        artifacts: What it left elsewhere, by name.
        annotations: Facts to attach to the stage, by key, in the same append as the output.
    """

    output: Out_co
    metrics: Mapping[str, object] = field(factory=dict, validator=_by_name)
    artifacts: Mapping[str, object] = field(factory=dict, validator=_by_name)
    annotations: Mapping[str, object] = field(factory=dict, validator=_by_name)


@frozen
class Ready(Generic[Out_co]):
    """A check's answer, or the end of a wait: the stage is done.

    Attributes:
        output: What the stage returns, checked against its output schema.
        metrics: Numbers about the wait or its result.
    """

    output: Out_co = field(default=_NO_OUTPUT)
    metrics: Mapping[str, object] = field(factory=dict, validator=_by_name)


@frozen
class Reenter:
    """A check's answer, or the end of a wait: execute the stage again, with `ctx.resume_state`."""


AGAIN = Reenter()


def _end_of_wait(_: object, attribute: _Attribute, value: object) -> None:
    if value is not None and not isinstance(value, Reenter | Ready):
        raise ValueError(f"{attribute.name} is Reenter() or Ready(output), not {value!r:.300}")
    if isinstance(value, Ready) and value.metrics:
        raise ValueError(f"{attribute.name} has an output and no metrics: nothing is measured yet")


def _aware(_: object, attribute: _Attribute, value: object) -> None:
    if value is None or (isinstance(value, datetime) and value.utcoffset() is not None):
        return
    raise ValueError(
        f"{attribute.name} is a datetime with a time zone, such as UTC, not {value!r:.300}"
    )


@frozen
class Suspended(Generic[State_co]):
    """The stage waits for something outside, and holds no worker meanwhile.

    `Suspended.for_signal`, `Suspended.for_duration` and `Suspended.until` are shorter ways to say
    the everyday cases.

    Attributes:
        state: What its check needs, checked against its state schema.
        check_after: Seconds until the first check, and between checks; None if only the signal
            wakes it.
        max_wait: Seconds after which a last check is made, and then the stage fails.
        signal: The name of the signal that wakes it; without one, the signal that the stage
            declares, if it does.
        then: What becomes of the stage after the last check instead of failing: `Reenter()`
            executes it again, `Ready(output)` completes it.
        time: The moment at which the wait ends, instead of `max_wait` seconds from now.
        asleep: Whether neither the check nor any signal is to wake it before its time.
    """

    state: State_co
    check_after: float | None = field(
        default=DEFAULT_CHECK_AFTER, converter=_seconds, validator=_positive_or_none
    )
    max_wait: float = field(default=DEFAULT_MAX_WAIT, converter=_seconds, validator=_positive)
    signal: str | None = field(default=None, validator=_name)
    then: Reenter | Ready[Any] | None = field(default=None, kw_only=True, validator=_end_of_wait)
    time: datetime | None = field(default=None, kw_only=True, validator=_aware)
    asleep: bool = field(default=False, kw_only=True)

    @staticmethod
    def for_signal(
        name: str,
        state: State = NO_STATE,
        *,
        max_wait: float = DEFAULT_MAX_WAIT,
        then: Reenter | Ready[Any] | None = None,
    ) -> "Suspended[State]":
        """Wait for a signal and nothing else, as for somebody's approval.

        Args:
            name: The signal.
            state: What the stage wants to know again, as `ctx.resume_state`.
            max_wait: Seconds that the signal may take.
            then: What becomes of the stage when it has not come; otherwise the stage fails.
        """
        return Suspended(state, None, max_wait, name, then=then)

    @staticmethod
    def for_duration(
        duration: float | timedelta,
        state: State = NO_STATE,
        *,
        then: Reenter | Ready[Any] = AGAIN,
    ) -> "Suspended[State]":
        """Sleep for a number of seconds, across any restart; no signal cuts it short.

        Args:
            duration: How long; a number is seconds.
            state: What the stage wants to know again, as `ctx.resume_state`.
            then: What becomes of the stage when the time is over: `Reenter()` executes it again,
                with `ctx.resumed`; `Ready(output)` completes it.
        """
        seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
        return Suspended(state, None, seconds, then=then, asleep=True)

    @staticmethod
    def until(
        time: datetime, state: State = NO_STATE, *, then: Reenter | Ready[Any] = AGAIN
    ) -> "Suspended[State]":
        """Sleep until a moment, which has a time zone; one that is over ends the wait at once.

        Args:
            time: The moment, in the store's time.
            state: What the stage wants to know again, as `ctx.resume_state`.
            then: What becomes of the stage when the time has come, as in `for_duration`.
        """
        return Suspended(state, None, then=then, time=time, asleep=True)


@frozen
class Pending:
    """A check's answer: not ready yet.

    Attributes:
        check_after: Seconds until the next check; None for the interval of before.
    """

    check_after: float | None = field(default=None, converter=_seconds, validator=_positive_or_none)


@frozen
class Failed:
    """The stage failed, without an exception.

    Attributes:
        message: Why.
        retryable: Whether the retry policy may try again; if not, the failure is final.
    """

    message: str = field(validator=_text)
    retryable: bool = field(default=False, validator=_flag)
