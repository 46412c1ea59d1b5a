"""`eventflow store migrate`: the schema of a store, brought to the version of this release."""

from eventflow.cli.asking import Yes, confirm
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.naming import Named
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.store.inspection import inspect_store
from eventflow.store.registry import open_store, redact


async def migrate(*, yes: Yes = False, session: SessionArgument) -> None:
    """Bring a store to the version of this release, in one transaction.

    Applications of this release do it themselves when they open the store. Those of an older
    release cannot open it any more.
    """
    named = session.store_url()
    shown = redact(named.value)
    found = await inspect_store(named.value)
    if found is None or not found.exists:
        raise CommandError(
            f"There is no store at {shown} ({named.source}); make one with: eventflow store init",
            Exit.NOT_FOUND,
        )
    if found.version < found.newest:
        question = f"Bring {shown} from schema version {found.version} to {found.newest}."
        confirm([question, "Applications of older releases cannot open it any more."], yes=yes)
    await opened_once(named)
    if session.json:
        print_json({"store": shown, "before": found.version, "version": found.newest})
    elif found.current:
        say(f"{shown} has schema version {found.version}, which is the newest.")
    else:
        say(f"{shown} has schema version {found.newest} now.")


async def opened_once(named: Named) -> None:
    """Open a store and close it, which makes and migrates what is missing."""
    store = await open_store(named.value)
    await store.close()
