"""Events as they happen, one line each."""

from collections.abc import AsyncIterator

from eventflow.cli.draw.console import console
from eventflow.cli.draw.history import draw_event
from eventflow.cli.draw.runs import SHORTEST_ID
from eventflow.store.envelope import Envelope

_ROOM_FOR_IDS = 120


async def draw_tail(events: AsyncIterator[Envelope], *, with_ids: bool) -> None:
    """Draw each event when it comes."""
    screen = console()
    length = None if screen.width >= _ROOM_FOR_IDS else SHORTEST_ID
    async for envelope in events:
        draw_event(screen, envelope, run_id=envelope.run_id[:length] if with_ids else None)
        screen.file.flush()
