"""Draws a run again and again while it goes on, in place."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from eventflow.cli.draw.console import cell, console
from eventflow.cli.draw.run import ROOM_FOR_TIMES, WIDEST, page, progress_bar
from eventflow.cli.looking import Shown
from eventflow.cli.wording import between
from eventflow.core.values import Status


async def draw_live(
    following: AsyncIterator[Shown], now: Callable[[], datetime], shown: Shown
) -> Shown:
    """Draw what is shown whenever it changes; leave the last of it on the screen."""
    screen = console()
    with Live(console=screen, auto_refresh=False, vertical_overflow="ellipsis") as live:
        async for each in following:
            shown = each
            live.update(_now(shown, now(), screen.width), refresh=True)
        live.vertical_overflow = "visible"
        live.refresh()
    return shown


def _now(shown: Shown, now: datetime, width: int) -> RenderableType:
    """Put the page together, with the progress below it where the table has no room for that."""
    drawn = page(shown, now, min(width, WIDEST))
    if width >= ROOM_FOR_TIMES or shown.state.status.ended:
        return drawn
    return Group(drawn, status_line(shown, now, width))


def status_line(shown: Shown, now: datetime, width: int) -> Text:
    """Say on one line what goes on in a run."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for stage in shown.state.stages.values():
        row = shown.row(stage.id)
        if stage.alive and row is not None and row.last is not None:
            line.append("  " if line else "")
            line.append_text(cell(stage.id, "bold"))
            doing = stage.status if stage.status is not Status.RUNNING else ""
            line.append(f" {doing} {between(row.last.begin, now)} ".replace("  ", " "))
            if row.progress is not None and stage.claim is not None:
                line.append(progress_bar(row))
    line.truncate(width, overflow="ellipsis")
    return line
