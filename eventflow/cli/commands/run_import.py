"""`eventflow run import`: the runs of a history file, proven and appended once."""

from typing import IO, Annotated

from cyclopts import Parameter

from eventflow.cli.arguments import Flag
from eventflow.cli.asking import Yes, confirm
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.long_work import resumable
from eventflow.cli.naming import Named
from eventflow.cli.output import print_json, say
from eventflow.cli.proving import Proven, proven, rereadable, unreadable
from eventflow.cli.session import Place, Session, SessionArgument, shown
from eventflow.cli.wording import count
from eventflow.engine.importing import ImportReport
from eventflow.store.inspection import inspect_store


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
    with rereadable(file) as source:
        if not yes or only_ended or await _is_new(session):
            # Before the store is opened, since that makes it.
            found = await _read(source, file)
            _refuse_alive(found, file, only_ended=only_ended)
            confirm(found.preview(file, shown(session.store())), yes=yes)
        async with session.acting(create=True) as place:
            report = await _imported(place, source, file, only_ended=only_ended)
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


async def _read(source: str | IO[bytes], file: str) -> Proven:
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    with resumable(lambda: "nothing was imported"), progress("reading", "runs") as tell:
        return await proven(source, file, tell)


def _refuse_alive(found: Proven, file: str, *, only_ended: bool) -> None:
    if only_ended and found.alive:
        raise CommandError(
            f"{file} holds a run that has not ended, {found.alive[0]}, and --only-ended refuses "
            "that; nothing was imported",
            Exit.REFUSED,
        )


async def _imported(
    place: Place, source: str | IO[bytes], file: str, *, only_ended: bool
) -> ImportReport:
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

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
            return await place.runtime.import_history(
                source, only_ended=only_ended, progress=lambda so_far: count_runs(so_far.runs)
            )
        except OSError as error:
            raise unreadable(file, error) from None


async def _is_new(session: Session) -> bool:
    """Tell whether opening the store would make it."""
    named = session.store()
    found = await inspect_store(named.value) if isinstance(named, Named) else None
    return found is not None and not found.exists
