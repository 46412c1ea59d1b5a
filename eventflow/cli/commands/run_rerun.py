"""`eventflow run rerun`: a stage and all that follow it are executed again, in the same run."""

from eventflow.cli.arguments import RunName, Timeout, Wait
from eventflow.cli.asking import Actor, Yes, confirm, named_actor
from eventflow.cli.commands.run_create import told
from eventflow.cli.output import say
from eventflow.cli.rewinding import From, Key, NewConfig, NewInput, going_on
from eventflow.cli.session import SessionArgument


async def rerun(
    run: RunName,
    /,
    *,
    from_: From,
    reason: str | None = None,
    input: NewInput = None,
    config: NewConfig = None,
    key: Key = None,
    actor: Actor = None,
    wait: Wait = False,
    timeout: Timeout = None,
    yes: Yes = False,
    session: SessionArgument,
) -> None:
    """Run a stage and all that follow it again; earlier stages keep their outputs.

    Nothing is deleted: what is run again stays in the history. With the application, the run takes
    the workflow as it is today; without, it keeps its own plan.

    Args:
        reason: Why, for the history.
    """
    async with session.acting() as place:
        going = await going_on(session, place, run, stage=from_, input=input, config=config)
        head = f"Rerun {going.run.id} of {going.plan.workflow_id} from {from_}:"
        confirm([head, *going.preview()], yes=yes)
        generation = await going.run.rerun_from(
            from_,
            reason=reason,
            actor=named_actor(actor),
            config=going.config,
            input=going.input,
            idempotency_key=key,
        )
        if not session.json:
            say(f"Generation {generation} of {going.run.id}.")
        more = {"generation": generation}
        await told(going.run, wait=wait, timeout=timeout, json=session.json, more=more)
