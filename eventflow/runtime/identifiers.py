"""The one place that draws ids and random numbers; everything else is handed them."""

import random
import secrets
import time
import uuid
from collections.abc import Callable

from eventflow.core.frozen import frozen


def new_id() -> str:
    """Draw an id that sorts roughly by time (UUIDv7, RFC 9562); order never depends on it."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=value | 0b10 << 62 | secrets.randbits(62)))


def random_number() -> float:
    """Draw a number from 0 to 1, for jitter."""
    return random.random()  # noqa: S311 - nothing secret depends on jitter


def seeded_random(seed: str) -> random.Random:
    """Give random numbers that are the same for the same seed, on every machine."""
    return random.Random(seed)  # noqa: S311 - whoever knows the seed knows them all


@frozen
class Chance:
    """Where a runtime draws what nobody can foresee; tests hand in one that they can.

    Attributes:
        new_id: Draws an id that was never drawn before.
        number: Draws a number from 0 to 1.
    """

    new_id: Callable[[], str] = new_id
    number: Callable[[], float] = random_number
