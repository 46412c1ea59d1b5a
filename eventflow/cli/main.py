"""Where the command line begins and ends: every error becomes one message and one exit code."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec

EXTRA = ("cyclopts", "rich")

HOW_TO_INSTALL = (
    "eventflow: the command line needs the extra [cli]; install it with: "
    "pip install 'eventflow-engine[cli]'\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code; nothing passes as a traceback."""
    if any(find_spec(name) is None for name in EXTRA):
        sys.stderr.write(HOW_TO_INSTALL)
        return 1
    try:
        # Only now, since it needs the extra.
        from eventflow.cli.guard import guarded  # noqa: PLC0415

        return guarded(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130
    except BrokenPipeError:  # even nobody who reads what went wrong is left
        return 141
    finally:
        _leave_quietly()


def _leave_quietly() -> None:
    """Let the interpreter not complain about a pipe that nobody reads any more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
