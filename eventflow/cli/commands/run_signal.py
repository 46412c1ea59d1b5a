"""`eventflow run signal`: tells a run what one of its stages waits for."""

from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.arguments import RunName
from eventflow.cli.asking import Actor, Yes, confirm, named_actor
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.finding import find_run
from eventflow.cli.output import clean, print_json, say
from eventflow.cli.reading import read_json
from eventflow.cli.session import SessionArgument
from eventflow.cli.suggesting import nearest
from eventflow.cli.wording import value
from eventflow.core.state import RunState


async def signal_run(
    run: RunName,
    name: str,
    /,
    *,
    payload: Annotated[str | None, Parameter(alias="-p", allow_leading_hyphen=True)] = None,
    actor: Actor = None,
    yes: Yes = False,
    session: SessionArgument,
) -> None:
    """Tell a run what a stage waits for, or will wait for; it is used once.

    Args:
        name: The name of the signal.
        payload: What the stage gets: JSON, @FILE, or - for stdin; null if not given.
    """
    data = None if payload is None else read_json(payload, "--payload")
    async with session.acting() as place:
        found = (await find_run(place.store, run)).run
        if found.status.ended:
            raise CommandError(
                f"Run {found.run_id} is {found.status}, so it takes no more signals", Exit.REFUSED
            )
        handle = place.runtime.run(found.run_id)
        state = await handle.state()
        preview = [
            f'Signal "{clean(name)}" to run {found.run_id} of {found.workflow_id}:',
            f"  payload  {value(data, 300)}",
            _who_waits(state, name),
        ]
        confirm(preview, yes=yes)
        await handle.signal(name, data, named_actor(actor))
        if session.json:
            print_json({"run_id": found.run_id, "signal": name})
        else:
            say(f"Told {found.run_id}.")


def _who_waits(state: RunState, name: str) -> str:
    awaited = {
        stage.suspension.signal: stage.id
        for stage in state.stages.values()
        if stage.suspension is not None and stage.suspension.signal is not None
    }
    if name in awaited:
        return f"Stage {awaited[name]} waits for it."
    meant = nearest(name, awaited)
    hint = f' (stage {awaited[meant]} waits for "{meant}")' if meant is not None else ""
    return f"No stage waits for it now{hint}; it is kept until one does."
