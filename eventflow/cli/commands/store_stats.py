"""`eventflow store stats`: how much a store holds."""

from eventflow.cli.counting import Counts, counted
from eventflow.cli.long_work import resumable
from eventflow.cli.naming import Named
from eventflow.cli.output import print_json
from eventflow.cli.session import SessionArgument
from eventflow.store.inspection import Inspection, inspect_store


async def stats(*, session: SessionArgument) -> None:
    """Count what a store holds: runs by workflow and status, events, jobs.

    Every row of a run is read once, so it takes a while on a large store.
    """
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    named = session.store()
    found = await inspect_store(named.value) if isinstance(named, Named) else None
    async with session.looking() as place:
        with (
            resumable(lambda: "nothing was changed"),
            progress("counting", "runs") as tell,
        ):
            counts = await counted(place.store, place.now(), lambda done: tell(done, None))
        if session.json:
            print_json(_as_json(place.shown, counts, found))
            return
        from eventflow.cli.draw.stats import draw_stats  # noqa: PLC0415 - it loads rich

        draw_stats(place.shown, counts, found)


def _as_json(shown: str, counts: Counts, found: Inspection | None) -> dict[str, object]:
    return {
        "store": shown,
        "schema": None if found is None else found.version,
        "details": {} if found is None else found.details,
        "events": counts.events,
        "runs": counts.total,
        "workflows": counts.by_workflow(),
        "jobs": {kind: counts.jobs[kind] for kind in ("due", "claimed", "lost", "waiting")},
        "oldest": counts.oldest,
        "newest": counts.newest,
    }
