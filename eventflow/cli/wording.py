"""Durations, times, sizes and values, in the few characters that people read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from eventflow.cli.output import one_line
from eventflow.core.ai import AIUse
from eventflow.core.references import as_reference
from eventflow.store.inspection import Inspection

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_KILO = 1000
_CENT = Decimal("0.01")


def duration(seconds: float) -> str:
    """Write how long something took, with two units at most."""
    if seconds < 1:
        return f"{1000 * seconds:.0f}ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f}s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)}m {int(seconds % _MINUTE):02}s"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)}h {int(seconds % _HOUR // _MINUTE):02}m"
    return f"{int(seconds // _DAY)}d {int(seconds % _DAY // _HOUR):02}h"


def between(begin: datetime | None, end: datetime | None) -> str:
    """Write how long it was from one time to another; nothing if one is missing."""
    if begin is None or end is None:
        return ""
    return duration(max((end - begin).total_seconds(), 0.0))


def when(time: datetime | None) -> str:
    """Write a time, in UTC, to the second."""
    return "" if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def to_the_millisecond(time: datetime) -> str:
    """Write the time of a day, in UTC, to the millisecond."""
    utc = time.astimezone(UTC)
    return f"{utc:%H:%M:%S}.{utc.microsecond // 1000:03}"


def value(data: object, most: int | None = None) -> str:
    """Write a value as JSON on one line, cut off if it is long."""
    apart = as_reference(data)
    if apart is not None:
        return f"{size(apart.size)} kept apart as {apart.key}"
    text = one_line(msgspec.json.encode(data).decode())
    return text if most is None else shortened(text, most)


def pairs(data: Mapping[str, object]) -> str:
    """Write names with their values."""
    return " ".join(
        f"{one_line(name)}={one_line(each) if isinstance(each, str) and each else value(each)}"
        for name, each in data.items()
    )


def shortened(text: str, most: int) -> str:
    """Cut off what is beyond so many characters."""
    return text if len(text) <= most else f"{text[: max(most - 1, 0)]}…"


def money(dollars: Decimal) -> str:
    """Write an amount in US dollars, to the cent, or as small as it is."""
    digits = 2 if dollars == 0 or dollars >= _CENT else 6
    return f"${dollars:,.{digits}f}"


def paid(use: AIUse) -> str:
    """Write what some calls cost; if no price of them is known, nobody can tell."""
    return "unknown" if use.unpriced and not use.cost else money(use.cost)


def size(octets: int) -> str:
    """Write a number of bytes."""
    number, unit = float(octets), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < _KILO:
            break
        number, unit = number / _KILO, larger
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def told_details(found: Inspection) -> str:
    """Write what else is known of a store."""
    return ", ".join(
        size(int(told)) if name == "bytes" and told.isdecimal() else f"{name} {one_line(told)}"
        for name, told in found.details.items()
    )


def count(number: int, word: str) -> str:
    """Count things."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")
