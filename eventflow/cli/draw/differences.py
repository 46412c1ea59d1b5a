"""Differences as lines: what was, and what is."""

from collections.abc import Sequence

from rich.text import Text

from eventflow.cli.differing import Side
from eventflow.cli.draw.console import cell, console
from eventflow.cli.wording import count, value
from eventflow.core.values import JSON
from eventflow.testing.differences import MISSING, Difference


def draw_differences(old: Side, new: Side, found: Sequence[Difference]) -> None:
    """Draw each place with what it has on both sides."""
    screen = console()
    screen.print(Text(f"- {old.run_id} at version {old.version}", "red"))
    screen.print(Text(f"+ {new.run_id} at version {new.version}", "green"))
    for difference in found:
        screen.print(cell(difference.path or "the whole", "bold"))
        for mark, side, style in (("-", difference.old, "red"), ("+", difference.new, "green")):
            if side is not MISSING:
                screen.print(_line(mark, side, style), overflow="fold")
    if not found:
        screen.print(Text("They do not differ.", "dim"))
    else:
        screen.print(Text(count(len(found), "difference"), "dim"))


def _line(mark: str, side: JSON, style: str) -> Text:
    return Text(f"  {mark} {value(side)}", style)
