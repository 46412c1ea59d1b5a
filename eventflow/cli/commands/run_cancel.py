"""`eventflow run cancel`: the end of a run, now."""

from eventflow.cli.arguments import RunName
from eventflow.cli.asking import Actor, Yes, confirm, named_actor
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.finding import find_run
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument


async def cancel_run(
    run: RunName,
    /,
    *,
    reason: str | None = None,
    actor: Actor = None,
    yes: Yes = False,
    session: SessionArgument,
) -> None:
    """End a run now: nothing of it is claimed any more, and what is under way is cancelled.

    Args:
        reason: Why, for the history.
    """
    async with session.acting() as place:
        found = (await find_run(place.store, run)).run
        if found.status.ended:
            raise CommandError(
                f"Run {found.run_id} is {found.status} already; nothing was done", Exit.REFUSED
            )
        preview = [f"Cancel run {found.run_id} of {found.workflow_id}, which is {found.status}."]
        confirm(preview, yes=yes)
        alive = await place.runtime.run(found.run_id).cancel(reason, named_actor(actor))
        if session.json:
            print_json({"run_id": found.run_id, "cancelled": alive})
        if not alive:
            raise CommandError(f"Run {found.run_id} had ended before", Exit.REFUSED)
        if not session.json:
            say(f"Cancelled {found.run_id}.")
