"""How far a long work is, on stderr: a bar on a terminal, now and then a line elsewhere."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from eventflow.cli.draw.console import console
from eventflow.cli.output import say
from eventflow.runtime.clock import SystemClock

Tell: TypeAlias = Callable[[int, int | None], None]
"""Is told how much is done, and of how much if that is known."""

_EVERY = 5.0
_USUAL_WIDTH = 80


@contextmanager
def progress(what: str, unit: str) -> Generator[Tell]:
    """Show how far a work is as long as the block lasts.

    Args:
        what: What is being done, such as "copying".
        unit: What is counted, such as "events".
    """
    screen = console(stderr=True)
    if not sys.stderr.isatty():
        yield _in_lines(what, unit)
        return
    columns: list[ProgressColumn] = [
        TextColumn(what),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        MofNCompleteColumn(),
    ]
    if screen.width >= _USUAL_WIDTH:
        columns += [TextColumn(unit), TimeElapsedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=screen, transient=True, expand=True) as drawn:
        task = drawn.add_task(what, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)


def _in_lines(what: str, unit: str) -> Tell:
    """Write a line every few seconds."""
    clock = SystemClock()
    told = clock.now()

    def tell(done: int, total: int | None) -> None:
        nonlocal told
        if (clock.now() - told).total_seconds() >= _EVERY:
            told = clock.now()
            say(f"{what}: {done:,}{'' if total is None else f' of {total:,}'} {unit}")

    return tell
