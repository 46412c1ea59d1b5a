"""`eventflow run signal`: tells a run what one of its stages waits for."""

from collections.abc import Mapping
from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.arguments import RunName
from eventflow.cli.asking import Actor, Yes, confirm, named_actor
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.finding import find_run
from eventflow.cli.output import clean, print_json, say
from eventflow.cli.reading import read_json
from eventflow.cli.session import Session, SessionArgument
from eventflow.cli.suggesting import did_you_mean
from eventflow.cli.wording import value
from eventflow.cli.workflows import find_workflow
from eventflow.core.state import RunState
from eventflow.runtime.catalog import AnyWorkflow


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
        awaited = _awaited(await handle.state())
        workflow = find_workflow(session, found.workflow_id) if session.app_named else None
        doubts = _unawaited(awaited, workflow, name)
        if workflow is None:
            doubts.append(_unchecked(session, found.workflow_id))
        preview = [
            f'Signal "{clean(name)}" to run {found.run_id} of {found.workflow_id}:',
            f"  payload  {value(data, 300)}",
            *([f"Stage {awaited[name]} waits for it."] if name in awaited else []),
            *doubts,
        ]
        confirm(preview, yes=yes)
        await handle.signal(name, data, named_actor(actor))
        if session.json:
            print_json({"run_id": found.run_id, "signal": name, "stage": awaited.get(name)})
        else:
            say(f"Told {found.run_id}.")
        for doubt in doubts if yes else ():
            say(doubt)


def _awaited(state: RunState) -> dict[str, str]:
    """Give the signals that stages wait for now, each with its stage."""
    return {
        stage.suspension.signal: stage.id
        for stage in state.stages.values()
        if stage.suspension is not None and stage.suspension.signal is not None
    }


def _unawaited(awaited: Mapping[str, str], workflow: AnyWorkflow | None, name: str) -> list[str]:
    """Say that no stage waits for a signal now, and which ones are waited for, or will be."""
    if name in awaited:
        return []
    stages = () if workflow is None else workflow.stages
    known = {**{stage.signal: stage.id for stage in stages if stage.signal}, **awaited}
    there = [f'stage {each} waits for "{signal}"' for signal, each in awaited.items()]
    later = [f'stage {each} takes "{s}"' for s, each in known.items() if s not in awaited]
    hint = f"; {', '.join([*there, *later])}" if there or later else ""
    meant = "" if name in known else did_you_mean(name, known)
    return [f'No stage waits for "{clean(name)}" now, and it is kept until one does{hint}{meant}']


def _unchecked(session: Session, workflow: str) -> str:
    """Say why nobody has compared a payload with what the stage declares."""
    why = (
        f"the application has no workflow {workflow}"
        if session.app_named
        else "no application is named (--app)"
    )
    return f"The payload was not compared with what the stage declares: {why}"
