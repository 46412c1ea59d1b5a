"""`eventflow run fork`: goes on from a stage in a new run, and leaves the old one as it is."""

from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.arguments import RunName, Timeout, Wait
from eventflow.cli.asking import Actor, Yes, confirm, named_actor
from eventflow.cli.commands.run_create import announce, told
from eventflow.cli.reading import read_pairs
from eventflow.cli.rewinding import From, Key, NewConfig, NewInput, going_on
from eventflow.cli.session import SessionArgument


async def fork(
    run: RunName,
    /,
    *,
    from_: From,
    input: NewInput = None,
    config: NewConfig = None,
    metadata: Annotated[list[str] | None, Parameter(alias="-m", negative=())] = None,
    key: Key = None,
    actor: Actor = None,
    wait: Wait = False,
    timeout: Timeout = None,
    yes: Yes = False,
    session: SessionArgument,
) -> None:
    """Go on from a stage in a new run, with the outputs of the stages before it.

    Args:
        metadata: The new run's metadata, as key=value; that of the old run if not given.
    """
    labels = None if metadata is None else read_pairs(metadata, "--metadata")
    async with session.acting() as place:
        going = await going_on(session, place, run, stage=from_, input=input, config=config)
        head = f"Fork {going.run.id} of {going.plan.workflow_id} from {from_}, into a new run:"
        confirm([head, *going.preview()], yes=yes)
        forked = await going.run.fork_from(
            from_,
            actor=named_actor(actor),
            config=going.config,
            input=going.input,
            metadata=labels,
            idempotency_key=key,
        )
        announce(forked, wait=wait)
        more = {"forked_from": going.run.id}
        await told(forked, wait=wait, timeout=timeout, json=session.json, more=more)
