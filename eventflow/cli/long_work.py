"""Work that takes a while: it tells how far it is, and can be interrupted and taken up again."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager

from eventflow.cli.exits import CommandError, Exit


@contextmanager
def resumable(told: Callable[[], str]) -> Generator[None]:
    """Say on Ctrl-C how far the work came, and how it goes on.

    Raises:
        CommandError: It was interrupted.
    """
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise CommandError(f"interrupted: {told()}", Exit.INTERRUPTED) from None
