"""`eventflow store verify`: is the whole store what was recorded?"""

from pathlib import Path

from eventflow.cli.checkpoints import read_given_checkpoint, read_key
from eventflow.cli.exits import CommandError
from eventflow.cli.long_work import resumable
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.cli.wording import count
from eventflow.engine.walking import newest_position
from eventflow.runtime.verification import VerifiedStore


async def verify(
    *,
    checkpoint: Path | None = None,
    public_key: Path | None = None,
    session: SessionArgument,
) -> None:
    """Prove that all of a store is what was recorded: chains, positions, rows and blobs.

    It reads everything, changes nothing, and ends with code 6 at the first event that does not fit,
    which it names.

    Args:
        checkpoint: A checkpoint: also prove that nothing before its end was rewritten or cut off.
        public_key: The file with the public key of whoever signed the checkpoint, as PEM.
    """
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    if (checkpoint is None) != (public_key is None):
        raise CommandError("A checkpoint is proven with a key: give --checkpoint and --public-key")
    signed = None if checkpoint is None else read_given_checkpoint(checkpoint)
    key = None if public_key is None else read_key(public_key)
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
            verdict = await place.runtime.verify(checkpoint=signed, public_key=key, progress=told)
    if session.json:
        print_json(verdict)
    else:
        say(
            f"{count(verdict.events, 'event')} of {count(verdict.runs, 'run')} are what was "
            f"recorded, and {count(verdict.blobs, 'blob')} with them. Root {verdict.root}."
        )
