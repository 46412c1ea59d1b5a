"""Asks before something is changed; without a terminal, and without `--yes`, it refuses."""

import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from eventflow.cli.arguments import Flag
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.output import say
from eventflow.cli.session import current_user

Yes: TypeAlias = Annotated[Flag, Parameter(name=["--yes", "-y"], help="Do it without asking.")]
Actor: TypeAlias = Annotated[
    str | None,
    Parameter(help="Who asks for it, for the history; the name of the system's user if not given."),
]


def named_actor(given: str | None) -> str | None:
    """Tell who is to stand in the history."""
    return given or current_user()


def confirm(preview: Sequence[str], *, yes: bool) -> None:
    """Show what would be done, and return if it is wanted.

    Raises:
        CommandError: It is not wanted, or there is nobody to ask.
    """
    if yes:
        return
    for line in preview:
        say(line)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CommandError(
            "nothing was done: there is no terminal to ask on; add --yes to do it", Exit.REFUSED
        )
    with _interruptible():
        sys.stderr.write("Do it? [y/N] ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
    if answer.strip().lower() not in {"y", "yes"}:
        raise CommandError("nothing was done", Exit.REFUSED)


@contextmanager
def _interruptible() -> Generator[None]:
    """Let Ctrl-C end a question at once, where an event loop would wait for an answer first."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
