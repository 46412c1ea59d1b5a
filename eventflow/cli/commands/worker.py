"""`eventflow worker`: a process that executes runs."""

from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.exits import CommandError
from eventflow.cli.log_options import Format, Level, Logs
from eventflow.cli.session import SessionArgument, WorkerOptions
from eventflow.runtime.tuning import tune_process


async def work(
    *,
    concurrency: Annotated[int | None, Parameter(alias="-c")] = None,
    worker_id: str | None = None,
    grace: float = 30.0,
    log_level: Level = Level.INFO,
    log_format: Format = Format.AUTO,
    session: SessionArgument,
) -> None:
    """Execute runs until SIGTERM or SIGINT, then let the current jobs end; a second one stops now.

    The store is made or migrated if need be, as by any application that opens it.

    Args:
        concurrency: How many jobs to have in hand at once; EVENTFLOW_CONCURRENCY, or 16.
        worker_id: The worker's name in the history; EVENTFLOW_WORKER_ID, or drawn.
        grace: Seconds to wait for the current jobs.
        log_level: From which level on log lines are written, to stderr.
        log_format: What they look like; auto is for people on a terminal, and JSON elsewhere.
    """
    if grace < 0:
        raise CommandError(f"--grace is a number of seconds, not {grace:g}")
    if not session.application():
        raise CommandError("The application has no workflows, so there is nothing to execute")
    session.logs = Logs(log_level, Format.JSON if session.json else log_format)
    session.worker = WorkerOptions(concurrency, worker_id)
    async with session.acting(create=True, app=True) as place:
        tune_process()
        await place.runtime.serve(grace)
