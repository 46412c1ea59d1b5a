"""What the shell offers behind a TAB beyond commands and options; it never fails aloud."""

import asyncio
from collections.abc import Mapping

from cyclopts.completion import CompletionContext

from eventflow.cli.finding import find_run
from eventflow.cli.session import Session
from eventflow.cli.wording import when
from eventflow.cli.workflows import workflows_of
from eventflow.core.events import EVENT_TYPES
from eventflow.runtime.listing import list_runs
from eventflow.store.contract import RunQuery

_MOST = 50


def runs(context: CompletionContext) -> Mapping[str, str]:
    """Offer the newest runs."""
    return asyncio.run(_runs(_session(context)))


def stages(context: CompletionContext) -> list[str]:
    """Offer the stages of the run that was named."""
    run = context.get("run")
    if run is None or run.raw is None:
        return []
    return asyncio.run(_stages(_session(context), run.raw))


def workflows(context: CompletionContext) -> Mapping[str, str]:
    """Offer the workflows of the application."""
    return {each.id: each.name for each in workflows_of(_session(context)).values()}


def event_types(_: CompletionContext) -> list[str]:
    """Offer the types of events."""
    return list(EVENT_TYPES)


def _session(context: CompletionContext) -> Session:
    app, url = context.get("--app"), context.get("--store")
    return Session(app=app.raw if app else None, url=url.raw if url else None)


async def _runs(session: Session) -> Mapping[str, str]:
    async with session.looking() as place:
        page = await list_runs(place.store, RunQuery(limit=_MOST))
    newest = {
        run.run_id: f"{run.workflow_id} {run.status}, {when(run.created_at)}" for run in page.items
    }
    return {**newest, "latest": "the newest run"}


async def _stages(session: Session, run: str) -> list[str]:
    async with session.looking() as place:
        found = (await find_run(place.store, run)).run
        state = await place.runtime.run(found.run_id).state()
    return list(state.plan.stage_ids())
