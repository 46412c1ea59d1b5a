"""`eventflow store checkpoint`: a signed statement about the log, to be kept elsewhere."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from eventflow.cli.arguments import Flag
from eventflow.cli.checkpoints import read_given_checkpoint, read_key
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.long_work import resumable
from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.cli.wording import count
from eventflow.engine.checkpoints import write_checkpoint
from eventflow.engine.signing import SigningKey
from eventflow.engine.walking import newest_position


async def checkpoint(
    *,
    key: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    previous: Path | None = None,
    password_file: Path | None = None,
    force: Flag = False,
    session: SessionArgument,
) -> None:
    """Prove the whole log of a store, and sign how long it is; the store is not changed.

    Keep the file outside of the database: with it and the public key, `eventflow store verify`
    tells whether anything before its end was rewritten or cut off.

    Args:
        key: The file with the private Ed25519 key, as PEM.
        output: The file to write the checkpoint to.
        previous: The checkpoint before; nothing is signed unless the log still begins with it.
        password_file: The file with the password of the key, if it has one.
        force: Replace a file that is there.
    """
    from eventflow.cli.draw.progress import progress  # noqa: PLC0415 - it loads rich

    signer = SigningKey.from_pem(read_key(key), _password(password_file))
    before = None if previous is None else read_given_checkpoint(previous)
    if output.is_file() and not force:
        raise CommandError(f"{output} is there already; add --force to replace it", Exit.REFUSED)
    async with session.looking() as place:
        total = await newest_position(place.store)
        with (
            resumable(lambda: "nothing was signed"),
            progress("proving", "events") as tell,
        ):
            made = await place.runtime.checkpoint(
                signer, before, progress=lambda done: tell(done, max(total, done))
            )
    write_checkpoint(made, output, overwrite=force)
    if session.json:
        print_json(made)
    else:
        say(f"Signed {count(made.size, 'event')} in {output}. Root {made.root}.")


def _password(file: Path | None) -> str | None:
    return None if file is None else read_key(file).decode().rstrip("\r\n")
