"""`eventflow store verify`: is the whole store what was recorded?"""

from eventflow.cli.counting import newest_position
from eventflow.cli.long_work import resumable
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.cli.wording import count
from eventflow.runtime.verification import VerifiedStore


async def verify(*, session: SessionArgument) -> None:
    """Prove that all of a store is what was recorded: chains, positions, rows and blobs.

    It reads everything, changes nothing, and ends with code 6 at the first event that does not fit,
    which it names.
    """
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    async with session.looking() as place:
        total = await newest_position(place.store)
        reached = VerifiedStore()

        def told(so_far: VerifiedStore) -> None:
            nonlocal reached
            reached = so_far
            tell(so_far.events, max(total, so_far.events))

        with (
            resumable(lambda: f"{count(reached.events, 'event')} proven; nothing was changed"),
            progress("verifying", "events") as tell,
        ):
            verdict = await place.runtime.verify(progress=told)
    if session.json:
        print_json(verdict)
    else:
        say(
            f"{count(verdict.events, 'event')} of {count(verdict.runs, 'run')} are what was "
            f"recorded, and {count(verdict.blobs, 'blob')} with them. Root {verdict.root}."
        )
