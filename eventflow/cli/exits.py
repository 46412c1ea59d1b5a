"""How a command can end: the exit codes, and the one error that carries one; they are stable."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from eventflow import errors


class Exit(IntEnum):
    """What an exit code means; a number is never used again for something else."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNAVAILABLE = 4
    REFUSED = 5
    ALTERED = 6
    RUN_FAILED = 7
    TIMEOUT = 8
    DIFFERENT = 9
    BUG = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANS: Mapping[Exit, str] = MappingProxyType(
    {
        Exit.OK: "it is done",
        Exit.FAILED: "it could not be done, or something is not well (`doctor`, `store check`)",
        Exit.USAGE: "the command line, a setting, or a value on it is wrong",
        Exit.NOT_FOUND: "a run, version, stage, workflow, file, module or store is not there",
        Exit.UNAVAILABLE: "the store is away, cannot be used, or has another schema version",
        Exit.REFUSED: "the state of things does not allow it, or nobody said yes",
        Exit.ALTERED: "a history is not what was recorded",
        Exit.RUN_FAILED: "the run that was waited for failed or was cancelled",
        Exit.TIMEOUT: "the run that was waited for did not end in time; it goes on",
        Exit.DIFFERENT: "what was compared differs (`run diff --exit-code`)",
        Exit.BUG: "a mistake in eventflow or in the application; `--debug` shows where",
        Exit.INTERRUPTED: "Ctrl-C",
        Exit.BROKEN_PIPE: "the reader of the output has left",
    }
)
"""Every exit code in words, as the reference lists it."""


class CommandError(Exception):
    """A command cannot do what was asked; the message says what is wrong, and what to type.

    Attributes:
        exit: The exit code.
    """

    def __init__(self, message: str, exit: Exit = Exit.USAGE) -> None:
        self.exit = exit
        super().__init__(message)


_EXITS: tuple[
    tuple[type[errors.EventflowError] | tuple[type[errors.EventflowError], ...], Exit], ...
]
_EXITS = (
    (
        (errors.WorkflowNotFound, errors.RunNotFound, errors.StageNotFound, errors.BlobNotFound),
        Exit.NOT_FOUND,
    ),
    ((errors.StoreUnavailable, errors.SchemaTooNew), Exit.UNAVAILABLE),
    (errors.HistoryAltered, Exit.ALTERED),
    ((errors.RunFailed, errors.RunCancelled), Exit.RUN_FAILED),
    (errors.ResultTimeout, Exit.TIMEOUT),
    (
        (errors.CannotRerun, errors.RunEnded, errors.IdempotencyMismatch, errors.CannotCopy),
        Exit.REFUSED,
    ),
    (
        (
            errors.InvalidData,
            errors.InvalidSettings,
            errors.InvalidWorkflow,
            errors.UnknownStore,
            errors.InvalidCheckpoint,
            errors.InvalidKey,
        ),
        Exit.USAGE,
    ),
)


def exit_of(error: errors.EventflowError) -> Exit:
    """Give the exit code of an error that eventflow raised."""
    return next((code for kinds, code in _EXITS if isinstance(error, kinds)), Exit.FAILED)
