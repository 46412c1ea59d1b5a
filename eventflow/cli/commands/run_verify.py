"""`eventflow run verify`: is this run what was recorded?"""

from eventflow.cli.arguments import RunName
from eventflow.cli.finding import find_run
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.cli.wording import count


async def verify_run(run: RunName, /, *, session: SessionArgument) -> None:
    """Prove that a run is what was recorded: its chain, rows and blobs.

    It ends with code 6 at the first event that does not fit, which it names.
    """
    async with session.looking() as place:
        found = await find_run(place.store, run)
        verdict = await place.runtime.run(found.run.run_id).verify()
    if session.json:
        print_json(verdict)
    else:
        say(
            f"{count(verdict.events, 'event')} of {verdict.run_id} are what was recorded. "
            f"Head {verdict.head}."
        )
