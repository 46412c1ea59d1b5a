"""`eventflow run annotate`: attaches a fact to a run, or to one of its stages."""

from typing import Annotated

from cyclopts import Parameter

from eventflow.cli import completing
from eventflow.cli.arguments import RunName
from eventflow.cli.asking import Actor, Yes, confirm, named_actor
from eventflow.cli.finding import find_run, refuse_unknown_stage
from eventflow.cli.output import clean, print_json, say
from eventflow.cli.reading import json_or_text
from eventflow.cli.session import SessionArgument
from eventflow.cli.wording import value as short


async def annotate_run(
    run: RunName,
    key: str,
    value: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    stage: Annotated[str | None, Parameter(completer=completing.stages)] = None,
    actor: Actor = None,
    yes: Yes = False,
    session: SessionArgument,
) -> None:
    """Attach a fact to a run, whatever its status.

    Args:
        key: The name of the fact.
        value: The fact: what is JSON is what the JSON says, anything else is text.
        stage: The stage that it is about, as it was executed last; the run if not given.
    """
    fact = json_or_text(value)
    async with session.acting() as place:
        handle = place.runtime.run((await find_run(place.store, run)).run.run_id)
        about = f"run {handle.id}"
        if stage is not None:
            refuse_unknown_stage((await handle.state()).plan, stage)
            about = f"stage {clean(stage)} of {about}"
        confirm([f"Annotate {about}:", f"  {clean(key)}  {short(fact, 300)}"], yes=yes)
        await handle.annotate(key, fact, stage=stage, actor=named_actor(actor))
        if session.json:
            print_json({"run_id": handle.id, "key": key, "value": fact, "stage": stage})
        else:
            say(f"Annotated {about}.")
