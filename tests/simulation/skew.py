"""Lets a process believe in another wall clock; its monotonic time stays that of its machine."""

import sys
import time
from datetime import datetime, timedelta, tzinfo


def skew_wall_clock(seconds: float) -> None:
    """Move the wall clock that this process sees, as on a host whose clock was never set."""
    nanoseconds, true_nanoseconds = round(seconds * 1_000_000_000), time.time_ns
    true_now = datetime.now

    class SkewedDatetime(datetime):
        """Tells another time, and makes ordinary values."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return true_now(tz) + timedelta(seconds=seconds)

    time.time_ns = lambda: true_nanoseconds() + nanoseconds
    time.time = lambda: time.time_ns() / 1_000_000_000
    for name, module in list(sys.modules.items()):
        if name.startswith("eventflow") and getattr(module, "datetime", None) is datetime:
            module.datetime = SkewedDatetime  # type: ignore[attr-defined]
