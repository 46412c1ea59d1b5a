"""Turns whatever a command raises into one message on stderr and an exit code."""

import asyncio
import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import CycloptsError

from eventflow.cli.exits import CommandError, Exit, exit_of
from eventflow.cli.output import clean, prepare_streams, say
from eventflow.cli.tree import launch
from eventflow.errors import EventflowError

DEBUG = "--debug"


def guarded(arguments: Sequence[str]) -> int:
    """Run a command line; give its exit code."""
    prepare_streams()
    try:
        return launch([_in_utf8(each) for each in arguments])
    except BrokenPipeError:
        return Exit.BROKEN_PIPE
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("Interrupted.")
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - this is where all of them end
        if DEBUG in arguments:
            traceback.print_exc(file=sys.stderr)
        code, message = _told(error)
        say(f"eventflow: {message}")
        return code


def _in_utf8(argument: str) -> str:
    """Read an argument as UTF-8, whatever the locale made of its bytes."""
    if argument.isascii():
        return argument
    try:
        return os.fsencode(argument).decode()
    except UnicodeError:
        raise CommandError(f'"{clean(argument)}" is not UTF-8, as all arguments are') from None


def _told(error: Exception) -> tuple[Exit, str]:
    match error:
        case CommandError():
            return error.exit, str(error)
        case EventflowError():
            return exit_of(error), str(error)
        case CycloptsError():
            return Exit.USAGE, f"{error}\nSee: {_help_of(error)}"
        case OSError(filename=str(name), strerror=str(why)):
            return Exit.FAILED, f"{name}: {why}"
        case OSError():
            return Exit.FAILED, error.strerror or str(error)
        case _:
            return Exit.BUG, (
                f"this is a mistake in eventflow or in the application: "
                f"{type(error).__name__}: {error}; {DEBUG} shows the traceback"
            )


def _help_of(error: CycloptsError) -> str:
    return " ".join(["eventflow", *(error.command_chain or ()), "--help"])
