"""`eventflow run export`: runs as a history file, which anybody can verify."""

from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.finding import find_run
from eventflow.cli.long_work import resumable
from eventflow.cli.output import print_json, say
from eventflow.cli.reading import read_pairs
from eventflow.cli.session import Place, SessionArgument
from eventflow.cli.wording import count
from eventflow.core.values import Status
from eventflow.store.contract import RunQuery

STDOUT = "-"


async def export_runs(
    *runs: str,
    output: Annotated[str, Parameter(alias="-o", allow_leading_hyphen=True)],
    status: Annotated[list[Status] | None, Parameter(alias="-s", negative=())] = None,
    workflow: Annotated[str | None, Parameter(alias="-w")] = None,
    metadata: Annotated[list[str] | None, Parameter(alias="-m", negative=())] = None,
    force: bool = False,
    session: SessionArgument,
) -> None:
    """Write runs to a history file, verified on the way; it appears once it is whole.

    Args:
        runs: The runs' ids, the beginnings of them, or "latest"; all that fit if not given.
        output: The file, compressed if it ends in .gz; or - for stdout.
        status: Only runs in this status; give it several times for several.
        workflow: Only runs of this workflow.
        metadata: Only runs with this metadata, as key=value; give it several times for several.
        force: Replace a file that is there.
    """
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    if output == STDOUT and session.json:
        raise CommandError("--json says what was exported on stdout, where -o - puts the file")
    async with session.looking() as place:
        query = RunQuery(
            run_ids=await _ids(place, runs),
            statuses=status or None,
            workflow_id=workflow,
            metadata=read_pairs(metadata or [], "--metadata"),
        )
        with (
            resumable(lambda: "no file was made; run the command again"),
            progress("exporting", "runs") as tell,
        ):
            try:
                report = await place.runtime.export(
                    query,
                    output,
                    overwrite=force,
                    progress=lambda so_far: tell(so_far.runs, None),
                )
            except FileExistsError:
                raise CommandError(
                    f"{output} is there already; add --force to replace it", Exit.REFUSED
                ) from None
    if session.json:
        print_json(report)
    else:
        what = f"{count(report.runs, 'run')}, {count(report.events, 'event')}"
        say(f"Exported {what}{'' if output == STDOUT else f' to {output}'}.")


async def _ids(place: Place, given: tuple[str, ...]) -> list[str] | None:
    found = [(await find_run(place.store, each)).run.run_id for each in given]
    return found or None
