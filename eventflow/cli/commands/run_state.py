"""`eventflow run state`: what a run is, or was as of a version."""

from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.arguments import RunName, Whole
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.finding import find_run
from eventflow.cli.output import as_data, print_json
from eventflow.cli.session import SessionArgument


async def show_state(
    run: RunName,
    /,
    *,
    at: Annotated[int | None, Parameter(alias="-a")] = None,
    whole: Whole = False,
    session: SessionArgument,
) -> None:
    """Tell what a run is, or was as of a version.

    Args:
        at: The version; the newest if not given.
    """
    async with session.looking() as place:
        found = await find_run(place.store, run)
        newest = found.run.version
        if at is not None and not 1 <= at <= newest:
            raise CommandError(
                f"Run {found.run.run_id} has the versions 1 to {newest}, not {at}", Exit.NOT_FOUND
            )
        handle = place.runtime.run(found.run.run_id)
        state = await handle.state(at)
        if session.json:
            data = as_data(state)
            print_json(await handle.load(data) if whole else data)
            return
        from eventflow.cli.draw.state import draw_state  # noqa: PLC0415 - it loads rich

        draw_state(state, state.recorded_at if at is not None else place.now())
