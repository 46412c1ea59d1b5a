"""Events as they happen, one line each, and below them what goes on meanwhile."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from rich.live import Live

from eventflow.cli.draw.console import console
from eventflow.cli.draw.history import draw_event
from eventflow.cli.draw.live import status_line
from eventflow.cli.draw.runs import SHORTEST_ID
from eventflow.cli.looking import Shown
from eventflow.store.envelope import Envelope

_ROOM_FOR_IDS = 120


async def draw_tail(events: AsyncIterator[Envelope], *, with_ids: bool) -> None:
    """Draw each event when it comes."""
    screen = console()
    length = None if screen.width >= _ROOM_FOR_IDS else SHORTEST_ID
    async for envelope in events:
        draw_event(screen, envelope, run_id=envelope.run_id[:length] if with_ids else None)
        screen.file.flush()


async def draw_live_tail(
    following: AsyncIterator[Shown], now: Callable[[], datetime], after: int
) -> None:
    """Draw the events of one run beyond a version, and below them what its stages do."""
    screen = console()
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        async for shown in following:
            for envelope in shown.history[after:]:
                draw_event(screen, envelope)
            after = max(after, len(shown.history))
            live.update(status_line(shown, now(), screen.width), refresh=True)
