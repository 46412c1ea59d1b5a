"""Proves a history file before any store is opened for it, and counts what it holds."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO

from attrs import frozen

from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.wording import count
from eventflow.engine.histories import read_histories
from eventflow.engine.own_runs import holds_positions
from eventflow.engine.source import STANDARD
from eventflow.engine.stream import Stream


@frozen
class Proven:
    """What a history file holds, without the runs of subscriptions, which do not move.

    Attributes:
        runs: How many runs.
        events: How many events they have together.
        alive: The runs that have not ended.
    """

    runs: int
    events: int
    alive: tuple[str, ...]

    def preview(self, file: str, place: str) -> list[str]:
        """Say what an import would do."""
        what = f"{count(self.runs, 'run')}, {count(self.events, 'event')}"
        alive = len(self.alive)
        goes_on = (
            f"  {alive:,} of them {'has' if alive == 1 else 'have'} not ended; a worker that has "
            "the workflow goes on with such a run here, wherever else it goes on."
        )
        return [f"Import {what} of {file} into {place}.", *([goes_on] if alive else [])]


@contextmanager
def rereadable(file: str) -> Generator[str | IO[bytes]]:
    """Give what can be read twice: what comes through stdin is kept for that."""
    if file != STANDARD:
        yield file
        return
    with TemporaryFile() as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        kept.seek(0)
        yield kept


async def proven(
    source: str | IO[bytes], file: str, tell: Callable[[int, int | None], object]
) -> Proven:
    """Read all of a file, and leave it as if nobody had.

    Raises:
        CommandError: It cannot be read.
        HistoryAltered: It is not what was exported.
    """
    runs = events = 0
    alive: list[str] = []
    try:
        for history in read_histories(source):
            if holds_positions(history.run_id):
                continue
            stream = Stream(history.run_id)
            stream.fold(history.events)
            if stream.state is not None and not stream.state.status.ended:
                alive.append(history.run_id)
            runs, events = runs + 1, events + len(history.events)
            tell(runs, None)
            await asyncio.sleep(0)  # Ctrl-C is heard here
    except OSError as error:
        raise unreadable(file, error) from None
    if not isinstance(source, str):
        source.seek(0)
    return Proven(runs, events, tuple(alive))


def unreadable(file: str, error: OSError) -> CommandError:
    """Say that a file cannot be read."""
    return CommandError(f"{file} cannot be read: {error.strerror or error}", Exit.NOT_FOUND)
