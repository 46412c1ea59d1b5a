"""`eventflow run import`: the runs of a history file, proven and appended once."""

from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.arguments import Flag
from eventflow.cli.asking import Yes, confirm
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.long_work import resumable
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.cli.wording import count


async def import_runs(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    only_ended: Flag = False,
    yes: Yes = False,
    session: SessionArgument,
) -> None:
    """Append the runs of a history file as they were recorded, each of them once.

    All of the file is proven before anything is appended. A run that has not ended goes on here as
    soon as a worker has its workflow.

    Args:
        file: The file, or - for stdin.
        only_ended: Refuse a file with a run that has not ended.
    """
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    async with session.acting(create=True) as place:
        confirm([f"Import the runs of {file} into {place.shown}."], yes=yes)
        done = 0

        def count_runs(runs: int) -> None:
            nonlocal done
            done = runs
            tell(runs, None)

        with (
            resumable(lambda: f"{count(done, 'run')} imported; import the file again to go on"),
            progress("importing", "runs") as tell,
        ):
            try:
                report = await place.runtime.import_history(
                    file, only_ended=only_ended, progress=lambda so_far: count_runs(so_far.runs)
                )
            except OSError as error:
                raise CommandError(
                    f"{file} cannot be read: {error.strerror or error}", Exit.NOT_FOUND
                ) from None
    if session.json:
        print_json(report)
    else:
        alive = f"; {count(report.alive, 'run')} not ended yet" if report.alive else ""
        left_out = count(report.left_out, "run")
        say(
            f"{count(report.runs, 'run')} of {file}: {count(report.imported, 'event')} imported, "
            f"{report.present:,} there already{alive}."
        )
        if report.left_out:
            say(
                f"Left out {left_out} of subscriptions: positions of another log mean nothing here."
            )
