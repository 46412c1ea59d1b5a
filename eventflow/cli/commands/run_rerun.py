"""`eventflow run rerun`: a stage and all that follow it are executed again, in the same run."""

from eventflow.cli.asking import Actor, Yes, confirm, named_actor
from eventflow.cli.commands.run_create import told
from eventflow.cli.output import say
from eventflow.cli.rewinding import From, Key, NewConfig, NewInput, going_on
from eventflow.cli.session import SessionArgument


async def rerun(
    run: str,
    /,
    *,
    from_: From,
    reason: str | None = None,
    input: NewInput = None,
    config: NewConfig = None,
    key: Key = None,
    actor: Actor = None,
    wait: bool = False,
    timeout: float | None = None,
    yes: Yes = False,
    session: SessionArgument,
) -> None:
    """Run a stage and all that follow it again; earlier stages keep their outputs.

    Nothing is deleted: what is run again stays in the history. With the application, the run takes
    the workflow as it is today; without, it keeps its own plan.

    Args:
        run: The run's id, the beginning of it, or "latest".
        reason: Why, for the history.
        wait: Wait for the output, which some worker has to make.
        timeout: Seconds to wait at most.
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
