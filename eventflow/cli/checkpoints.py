"""Reads the files of checkpoints and keys that a command line names."""

from pathlib import Path

from eventflow.cli.exits import CommandError, Exit
from eventflow.engine.checkpoints import Checkpoint, read_checkpoint


def read_given_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CommandError: There is no such file.
        InvalidCheckpoint: It is none.
    """
    try:
        return read_checkpoint(path)
    except OSError as error:
        raise _unreadable(path, error) from None


def read_key(path: Path) -> bytes:
    """Read a key; what is in it is never shown.

    Raises:
        CommandError: There is no such file.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> CommandError:
    return CommandError(f"{path} cannot be read: {error.strerror or error}", Exit.NOT_FOUND)
