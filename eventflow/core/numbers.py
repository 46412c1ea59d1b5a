"""Numbers as people give them: a text or a duration is no number, and true is none, either."""

from datetime import timedelta


def is_number(given: object) -> bool:
    """Tell whether something is a number."""
    return isinstance(given, int | float) and not isinstance(given, bool)


def as_float(given: float) -> float:
    """Give a number as a float, and leave anything else to whoever checks it."""
    return float(given) if is_number(given) else given


def in_seconds(given: object) -> str:
    """Say how a duration becomes a number of seconds, to whoever gave one."""
    return "; give duration.total_seconds()" if isinstance(given, timedelta) else ""
