"""When a failed attempt is made again: a policy as data, and the one function that reads it."""

import math
from collections.abc import Iterable
from datetime import timedelta

from attrs import Attribute, field, validators

from eventflow.core.frozen import frozen
from eventflow.core.numbers import as_float, in_seconds, is_number

ANY_DELAY = 365 * 24 * 3600.0


def qualified_name(kind: type[BaseException]) -> str:
    """Name a class so that the name still means the same in another process."""
    return f"{kind.__module__}.{kind.__qualname__}"


def error_names(kind: type[BaseException]) -> tuple[str, ...]:
    """Name a class of errors and all its bases, which is what a policy is matched against."""
    return tuple(qualified_name(each) for each in kind.__mro__ if issubclass(each, BaseException))


def _names(
    kinds: Iterable[type[BaseException] | str] | type[BaseException] | str,
) -> tuple[str, ...]:
    if isinstance(kinds, str | type):
        kinds = (kinds,)
    return tuple(kind if isinstance(kind, str) else qualified_name(kind) for kind in kinds)


def _is_a_count(_: object, attribute: "Attribute[int]", value: object) -> None:
    if type(value) is not int:
        raise ValueError(f"{attribute.name} is a whole number, not {value!r}")


def _is_a_number(_: object, attribute: "Attribute[float]", value: object) -> None:
    if not is_number(value):
        raise ValueError(f"{attribute.name} is a number, not {value!r}{in_seconds(value)}")


@frozen
class Retry:
    """How often a stage is tried, and how long after a failure the next attempt waits.

    The delay before attempt n + 1 is `initial * factor ** (n - 1)` seconds, at most `max_delay`.
    With `jitter` it is spread evenly over plus and minus that fraction, so that many runs that
    failed together do not come back together.

    Attributes:
        max_attempts: Attempts in all, the first one included; at least 1.
        initial: Seconds before the second attempt.
        factor: By how much each further delay is longer.
        max_delay: Seconds that no delay passes.
        jitter: The fraction, from 0 to 1, by which a delay varies.
        retry_on: If given, only these errors (classes or qualified names, or one of them) are tried
            again.
        give_up_on: These errors are final at once, whatever `retry_on` says.
    """

    max_attempts: int = field(default=3, validator=[_is_a_count, validators.ge(1)])
    initial: float = field(
        default=2.0,
        converter=as_float,
        validator=[_is_a_number, validators.ge(0), validators.le(ANY_DELAY)],
    )
    factor: float = field(
        default=2.0,
        converter=as_float,
        validator=[_is_a_number, validators.ge(1), validators.lt(math.inf)],
    )
    max_delay: float = field(
        default=3600.0,
        converter=as_float,
        validator=[_is_a_number, validators.ge(0), validators.le(ANY_DELAY)],
    )
    jitter: float = field(
        default=0.0,
        converter=as_float,
        validator=[_is_a_number, validators.ge(0), validators.le(1)],
    )
    retry_on: tuple[str, ...] = field(default=(), converter=_names)
    give_up_on: tuple[str, ...] = field(default=(), converter=_names)

    def covers(self, names: Iterable[str]) -> bool:
        """Tell whether an error, given by the names of its class and bases, may be tried again."""
        given = set(names)
        if given.intersection(self.give_up_on):
            return False
        return not self.retry_on or bool(given.intersection(self.retry_on))

    def delay(self, attempt: int, random: float) -> timedelta:
        """Say how long to wait after this many failed attempts.

        Args:
            attempt: The attempts made so far, from 1.
            random: A number from 0 to 1, drawn by the caller and kept in the event.
        """
        try:
            plain = self.initial * self.factor ** (attempt - 1)
        except OverflowError:
            plain = self.max_delay if self.initial else 0.0
        spread = 1 + self.jitter * (2 * random - 1)
        return timedelta(seconds=min(min(plain, self.max_delay) * spread, self.max_delay))
