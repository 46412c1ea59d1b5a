"""`eventflow ai costs`: what the calls of models cost, and how many tokens they used."""

from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.arguments import OfWorkflow
from eventflow.cli.completing import runs as newest_runs
from eventflow.cli.costs import OF_ROWS, Asked, By, Costs, costs_of_calls, costs_of_runs
from eventflow.cli.exits import CommandError
from eventflow.cli.finding import find_run
from eventflow.cli.long_work import resumable
from eventflow.cli.output import print_json, say
from eventflow.cli.reading import read_time
from eventflow.cli.session import Place, SessionArgument


async def costs(
    run: Annotated[
        str | None,
        Parameter(
            help='Only of this run: its id, the beginning of it, or "latest".',
            completer=newest_runs,
        ),
    ] = None,
    /,
    *,
    by: By = By.MODEL,
    topic: str | None = None,
    stage: str | None = None,
    workflow: OfWorkflow = None,
    since: str | None = None,
    session: SessionArgument,
) -> None:
    """Tell what calls of models cost: all that was spent, and what of it still counts.

    What a rewind has cut was spent all the same. By model and by topic, the histories of the runs
    that called a model are read; by workflow and by run, only their rows.

    Args:
        by: What the calls are grouped by.
        topic: By model or topic: only calls under this topic.
        stage: By model or topic: only calls of stages with this id.
        since: By workflow or run: only runs created at this time or later; or how long ago.
    """
    if by in OF_ROWS and (topic is not None or stage is not None):
        raise CommandError("--topic and --stage narrow what is grouped --by model or --by topic")
    if by not in OF_ROWS and (workflow is not None or since is not None):
        raise CommandError("--workflow and --since narrow what is grouped --by workflow or run")
    async with session.looking() as place:
        asked = Asked(
            run=None if run is None else (await find_run(place.store, run)).run.run_id,
            topic=topic,
            stage=stage,
            workflow=workflow,
            since=None if since is None else read_time(since, place.now(), "--since"),
        )
        found = await _counted(place, asked, by)
    if session.json:
        print_json({"by": by, "total": found.total, "groups": found.groups})
    elif not found.total.spent.calls:
        say("No calls of models were recorded.")
    else:
        from eventflow.cli.draw.costs import draw_costs  # noqa: PLC0415 - it loads rich

        draw_costs(found, by)


async def _counted(place: Place, asked: Asked, by: By) -> Costs:
    if by not in OF_ROWS:
        return await costs_of_calls(place, asked, by)
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    with resumable(lambda: "nothing was changed"), progress("counting", "runs") as tell:
        return await costs_of_runs(place, asked, by, lambda done: tell(done, None))
