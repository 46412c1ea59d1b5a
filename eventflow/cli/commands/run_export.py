"""`eventflow run export`: runs as a history file, which anybody can verify."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from eventflow.cli import completing
from eventflow.cli.arguments import RUN_HELP, Flag, Metadata, OfWorkflow, Statuses
from eventflow.cli.checkpoints import read_given_checkpoint
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.finding import find_run
from eventflow.cli.long_work import resumable
from eventflow.cli.output import print_json, say
from eventflow.cli.reading import read_pairs
from eventflow.cli.session import Place, SessionArgument
from eventflow.cli.wording import count
from eventflow.store.contract import RunQuery

STDOUT = "-"


async def export_runs(
    *runs: Annotated[
        str,
        Parameter(help=f"{RUN_HELP} All that fit if not given.", completer=completing.runs),
    ],
    output: Annotated[str, Parameter(alias="-o", allow_leading_hyphen=True)],
    status: Statuses = None,
    workflow: OfWorkflow = None,
    metadata: Metadata = None,
    checkpoint: Path | None = None,
    force: Flag = False,
    session: SessionArgument,
) -> None:
    """Write runs to a history file, verified on the way; it appears once it is whole.

    Args:
        output: The file, compressed if it ends in .gz; or - for stdout.
        checkpoint: A checkpoint: let the file carry the proof that its runs are in that log.
        force: Replace a file that is there.
    """
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    if output == STDOUT and session.json:
        raise CommandError("--json says what was exported on stdout, where -o - puts the file")
    signed = None if checkpoint is None else read_given_checkpoint(checkpoint)
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
                    checkpoint=signed,
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
