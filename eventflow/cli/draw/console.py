"""The consoles that everything is drawn on, and the look of what all drawings share."""

import os
import re
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eventflow.cli.output import clean, one_line
from eventflow.core.values import Status

ENDLESS = 100_000
"""Columns of what is no terminal: nothing is cut off for a program that reads lines."""

STYLES: Mapping[Status, str] = MappingProxyType(
    {
        Status.PENDING: "cyan",
        Status.RUNNING: "bold blue",
        Status.SUSPENDED: "magenta",
        Status.COMPLETED: "green",
        Status.FAILED: "bold red",
        Status.CANCELLED: "yellow",
    }
)


_PADDING = re.compile(r" +$", re.MULTILINE)


class Screen(Console):
    """A console that leaves it to the caller what a reader who has left means.

    Where there is no terminal, no line ends with blanks: columns are padded for the eye alone.
    """

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as the console has it
        """Print something."""
        if self.is_terminal:
            super().print(*objects, **options)
            return
        with self.capture() as captured:
            super().print(*objects, **options)
        self.file.write(_PADDING.sub("", captured.get()))
        self.file.flush()

    def on_broken_pipe(self) -> None:
        """Pass the error on.

        Raises:
            BrokenPipeError: Always.
        """
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Make a console as wide as the terminal, or without an end where there is none."""
    stream = sys.stderr if stderr else sys.stdout
    made = Screen(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = ENDLESS
    return made


def status_text(status: Status) -> Text:
    """Write a status in its colour."""
    return Text(status.value, style=STYLES[status])


def plain(text: str, style: str = "") -> Text:
    """Write a text of somebody else's, with nothing in it that a terminal would obey."""
    return Text(clean(text), style=style)


def cell(text: str, style: str = "") -> Text:
    """Write a text of somebody else's on one line."""
    return Text(one_line(text), style=style)


def table(*headers: str, right: tuple[str, ...] = (), folded: str | None = None) -> Table:
    """Begin a table without borders, whose cells stay on one line, but for one column."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        made.add_column(
            header,
            no_wrap=header != folded,
            overflow="ellipsis" if header != folded else "fold",
            justify="right" if header in right else "left",
        )
    return made
