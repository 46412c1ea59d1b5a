"""How a process hears that it is to end: the signals of its supervisor, as events of the loop."""

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def termination() -> Generator[tuple[asyncio.Event, asyncio.Event]]:
    """Give two events: the first signal to end sets one, and a further signal the other."""
    loop = asyncio.get_running_loop()
    asked, at_once = asyncio.Event(), asyncio.Event()

    def ask() -> None:
        (at_once if asked.is_set() else asked).set()

    for each in SIGNALS:
        loop.add_signal_handler(each, ask)
    try:
        yield asked, at_once
    finally:
        for each in SIGNALS:
            loop.remove_signal_handler(each)
