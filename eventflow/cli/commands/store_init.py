"""`eventflow store init`: a new, empty store."""

from eventflow.cli.asking import Yes, confirm
from eventflow.cli.commands.store_migrate import opened_once
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.store.inspection import inspect_store
from eventflow.store.registry import redact


async def init(*, yes: Yes = False, session: SessionArgument) -> None:
    """Make a new, empty store; one that is there is left as it is."""
    named = session.store_url()
    shown = redact(named.value)
    found = await inspect_store(named.value)
    if found is None:
        raise CommandError(
            f"A store such as {shown} cannot tell whether it is there; it is made when it is "
            "opened for the first time",
            Exit.REFUSED,
        )
    if not found.exists:
        confirm([f"Make a new store at {shown} ({named.source})."], yes=yes)
        await opened_once(named)
    if session.json:
        print_json({"store": shown, "made": not found.exists})
    else:
        say(f"There is a store at {shown} already." if found.exists else f"Made {shown}.")
