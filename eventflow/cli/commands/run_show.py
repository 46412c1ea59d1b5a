"""`eventflow run show`: what became of a run, on one page."""

import sys
from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.arguments import Flag, RunName, Whole
from eventflow.cli.looking import Shown, as_json, following, look
from eventflow.cli.output import as_data, print_json
from eventflow.cli.session import Place, SessionArgument

_PAUSE = 0.2


async def show_run(
    run: RunName,
    /,
    *,
    watch: Annotated[Flag, Parameter(alias="-w")] = False,
    traceback: Flag = False,
    whole: Whole = False,
    session: SessionArgument,
) -> None:
    """Show a run: its stages, its timeline, how it ended.

    Args:
        watch: Go on showing it until it has ended; without a terminal, show it then.
        traceback: Show the traceback of errors, too.
    """
    async with session.looking() as place:
        shown = await look(place, run)
        if watch:
            shown = await _watched(place, shown, live=not session.json)
            if sys.stdout.isatty() and not session.json:
                return
        if session.json:
            data = as_data(as_json(shown))
            handle = place.runtime.run(shown.state.run_id)
            print_json(await handle.load(data) if whole else data)
            return
        from eventflow.cli.draw.run import draw_run  # noqa: PLC0415 - it loads rich

        draw_run(shown, place.now(), with_traceback=traceback)


async def _watched(place: Place, shown: Shown, *, live: bool) -> Shown:
    """Follow a run until it has ended, and draw it meanwhile where that can be seen."""
    following_it = following(place, shown.state.run_id, _PAUSE)
    if live and sys.stdout.isatty():
        from eventflow.cli.draw.live import draw_live  # noqa: PLC0415 - it loads rich

        return await draw_live(following_it, place.now, shown)
    async for each in following_it:
        shown = each
    return shown
