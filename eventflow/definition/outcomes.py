"""What a stage or its check may answer: frozen values, which say what is to happen next."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Generic

import attrs
from attrs import field, frozen
from typing_extensions import TypeVar

Out_co = TypeVar("Out_co", covariant=True, default=None)
State_co = TypeVar("State_co", covariant=True, default=Any)

DEFAULT_CHECK_AFTER = 30.0
DEFAULT_MAX_WAIT = 86_400.0
_NO_OUTPUT: Any = None


def _seconds(value: float | None) -> float | None:
    return None if value is None else float(value)


def _positive(_: object, attribute: "attrs.Attribute[Any]", value: float | None) -> None:
    if value is not None and not (value > 0 and isfinite(value)):
        raise ValueError(f"{attribute.name} is a positive number of seconds, not {value}")


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
    metrics: Mapping[str, object] = field(factory=dict)
    artifacts: Mapping[str, object] = field(factory=dict)
    annotations: Mapping[str, object] = field(factory=dict)


@frozen
class Suspended(Generic[State_co]):
    """The stage waits for something outside, and holds no worker meanwhile.

    Attributes:
        state: What its check needs, checked against its state schema.
        check_after: Seconds until the first check, and between checks; None if only the signal
            wakes it.
        max_wait: Seconds after which a last check is made, and then the stage fails.
        signal: The name of the signal that wakes it; without one, the signal that the stage
            declares, if it does.
    """

    state: State_co
    check_after: float | None = field(
        default=DEFAULT_CHECK_AFTER, converter=_seconds, validator=_positive
    )
    max_wait: float = field(default=DEFAULT_MAX_WAIT, converter=float, validator=_positive)
    signal: str | None = None


@frozen
class Pending:
    """A check's answer: not ready yet.

    Attributes:
        check_after: Seconds until the next check; None for the interval of before.
    """

    check_after: float | None = field(default=None, converter=_seconds, validator=_positive)


@frozen
class Ready(Generic[Out_co]):
    """A check's answer: the stage is done.

    Attributes:
        output: What the stage returns, checked against its output schema.
        metrics: Numbers about the wait or its result.
    """

    output: Out_co = field(default=_NO_OUTPUT)
    metrics: Mapping[str, object] = field(factory=dict)


@frozen
class Reenter:
    """A check's answer: execute the stage again, with `ctx.resume_state`."""


@frozen
class Failed:
    """The stage failed, without an exception.

    Attributes:
        message: Why.
        retryable: Whether the retry policy may try again; if not, the failure is final.
    """

    message: str
    retryable: bool = False
