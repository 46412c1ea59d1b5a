"""`eventflow run tail`: the events of one run, or of all, as they happen."""

import sys
from collections.abc import AsyncIterator
from typing import Annotated

from cyclopts import Parameter

from eventflow.cli import completing
from eventflow.cli.arguments import RUN_HELP
from eventflow.cli.commands.run_history import as_json
from eventflow.cli.exits import CommandError
from eventflow.cli.finding import find_run
from eventflow.cli.looking import following
from eventflow.cli.output import print_json_line
from eventflow.cli.session import SessionArgument
from eventflow.engine.walking import newest_position
from eventflow.store.contract import Store
from eventflow.store.envelope import Envelope, open_envelope

_PAGE = 500
_PATIENCE = 10.0
_PAUSE = 0.1


async def tail(
    run: Annotated[
        str | None, Parameter(help=f"{RUN_HELP} All runs if not given.", completer=completing.runs)
    ] = None,
    /,
    *,
    last: Annotated[int, Parameter(alias="-n")] = 10,
    follow: Annotated[bool, Parameter(alias="-f", negative="--no-follow")] = True,
    session: SessionArgument,
) -> None:
    """Follow the events of a run, or of all runs, live: until the run ends, or until Ctrl-C.

    Args:
        last: Begin with so many of the events that there are.
        follow: Wait for further events.
    """
    if last < 0:
        raise CommandError(f"--last is a number from 0, not {last}")
    async with session.looking() as place:
        if run is None:
            events = _all_events(place.store, last, follow=follow)
            await _print(events, with_ids=True, json=session.json)
            return
        found = (await find_run(place.store, run)).run
        after = max(found.version - last, 0)
        if follow and sys.stdout.isatty() and not session.json:
            from eventflow.cli.draw.tail import draw_live_tail  # noqa: PLC0415 - it loads rich

            await draw_live_tail(following(place, found.run_id, _PAUSE), place.now, after)
            return
        events = place.runtime.run(found.run_id).events(follow=follow, after=after)
        await _print(events, with_ids=False, json=session.json)


async def _print(events: AsyncIterator[Envelope], *, with_ids: bool, json: bool) -> None:
    if json:
        async for envelope in events:
            print_json_line(as_json(envelope))
        return
    from eventflow.cli.draw.tail import draw_tail  # noqa: PLC0415 - it loads rich

    await draw_tail(events, with_ids=with_ids)


async def _all_events(store: Store, last: int, *, follow: bool) -> AsyncIterator[Envelope]:
    """Yield the newest events of the log, and further ones as they are appended."""
    newest = await newest_position(store)
    after = max(newest - last, 0)
    while True:
        page = await store.read_all(after, _PAGE)
        for stored in page:
            yield open_envelope(stored)
        if page:
            after = page[-1].position
        elif not follow:
            return
        else:
            await store.wait(after, _PATIENCE)
