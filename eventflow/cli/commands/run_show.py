"""`eventflow run show`: what became of a run, on one page."""

from eventflow.cli.looking import as_json, look
from eventflow.cli.output import print_json
from eventflow.cli.session import SessionArgument


async def show_run(run: str, /, *, traceback: bool = False, session: SessionArgument) -> None:
    """Show a run: its stages, its timeline, how it ended.

    Args:
        run: The run's id, the beginning of it, or "latest".
        traceback: Show the traceback of errors, too.
    """
    async with session.looking() as place:
        shown = await look(place, run)
        if session.json:
            print_json(as_json(shown))
            return
        from eventflow.cli.draw.run import draw_run  # noqa: PLC0415 - it loads rich

        draw_run(shown, place.now(), with_traceback=traceback)
