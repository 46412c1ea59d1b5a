"""`eventflow run list`: the runs of a store, newest first."""

from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.arguments import Metadata, OfWorkflow, Statuses
from eventflow.cli.exits import CommandError
from eventflow.cli.output import print_json, say
from eventflow.cli.pages import page_of
from eventflow.cli.reading import read_pairs, read_time
from eventflow.cli.session import Place, SessionArgument
from eventflow.cli.wording import count
from eventflow.core.projection import Projection, RunRow, project
from eventflow.errors import InvalidInput
from eventflow.runtime.as_of import AsOf, list_runs_as_of
from eventflow.store.contract import RunPage, RunQuery


async def list_runs(
    *,
    status: Statuses = None,
    workflow: OfWorkflow = None,
    metadata: Metadata = None,
    since: str | None = None,
    before: str | None = None,
    limit: Annotated[int, Parameter(alias="-n")] = 20,
    after: str | None = None,
    as_of: str | None = None,
    session: SessionArgument,
) -> None:
    """List runs, newest first.

    Args:
        since: Only runs created at this time or later; or how long ago, such as 90m or 2d.
        before: Only runs created before this time, or so long ago.
        limit: At most so many.
        after: Only what follows a page: its "next".
        as_of: List what there was at a time, or at a position of the log, and as it was then.
    """
    if limit < 1:
        raise CommandError(f"--limit is at least 1, not {limit}")
    async with session.looking() as place:
        now = place.now()
        query = RunQuery(
            statuses=status or None,
            workflow_id=workflow,
            metadata=read_pairs(metadata or [], "--metadata"),
            created_from=None if since is None else read_time(since, now, "--since"),
            created_before=None if before is None else read_time(before, now, "--before"),
            limit=limit,
            after=after,
        )
        moment = None if as_of is None else _moment(as_of, now)
        page = await _page(place, query, moment)
        if session.json:
            print_json({"runs": [item.run for item in page.items], "next": page.next})
        elif not page.items:
            await _say_none(place)
        else:
            then = now if moment is None else await _time_of(place, moment)
            await _draw(place, query, page, then, past=moment is not None)


def _moment(text: str, now: datetime) -> AsOf:
    return int(text) if text.isdecimal() else read_time(text, now, "--as-of")


async def _page(place: Place, query: RunQuery, as_of: AsOf | None) -> RunPage:
    try:
        if as_of is not None:
            found = await list_runs_as_of(place.store, query, as_of)
            return RunPage(tuple(Projection(run, (), ()) for run in found.items), found.next)
        return await page_of(place.store, query)
    except (ValueError, InvalidInput):
        raise CommandError(
            f'--after takes the "next" of the page before, and "{query.after}" is none'
        ) from None


async def _time_of(place: Place, moment: AsOf) -> datetime:
    """Give a moment as a time: a position is when its event was recorded, or now if none was."""
    if isinstance(moment, datetime):
        return moment
    events = await place.store.read_all(max(moment - 1, 0), 1)
    return events[0].recorded_at if events else place.now()


async def _say_none(place: Place) -> None:
    any_run = await page_of(place.store, RunQuery(limit=1))
    say("No runs match." if any_run.items else f"The store {place.shown} has no runs yet.")


async def _draw(place: Place, query: RunQuery, page: RunPage, now: datetime, *, past: bool) -> None:
    from eventflow.cli.draw.runs import draw_runs  # noqa: PLC0415 - it loads rich

    items = page.items
    if past:
        items = tuple([await _with_stages(place, item.run) for item in items])
    draw_runs(items, now)
    if page.next is not None:
        say(f"These are the newest {count(query.limit, 'run')}; go on with: --after {page.next}")


async def _with_stages(place: Place, run: RunRow) -> Projection:
    """Give the stages of a run as they were when its row was this."""
    return project(await place.runtime.run(run.run_id).state(run.version))
