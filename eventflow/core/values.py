"""The words that every part of the core shares: plain data, statuses and errors as data."""

from enum import StrEnum
from typing import TypeAlias

from eventflow.core.frozen import frozen

JSON: TypeAlias = object
"""Plain JSON data: None, bool, int, float, str, and lists and string-keyed dicts of these.

The static type is `object`, so that no part of the core can look inside a user's value.
"""


class Status(StrEnum):
    """What a run or a stage is at one moment."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether only a rewind leads out of this status."""
        return self in _ENDED


_ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


class JobKind(StrEnum):
    """What a worker does when it has claimed a job."""

    EXECUTE = "execute"
    CHECK = "check"


class WaitEnd(StrEnum):
    """What becomes of a suspended stage that is still pending at its deadline."""

    FAIL = "fail"
    REENTER = "reenter"
    COMPLETE = "complete"


class ArtifactKind(StrEnum):
    """How the bytes of an artifact are read."""

    JSON = "json"
    BYTES = "bytes"


@frozen
class Actor:
    """Who says something, when a name alone would not tell.

    Attributes:
        kind: What it is, such as `person`, `model` or `service`.
        id: Which one of its kind.
        version: Which version of it, if it has any.
    """

    kind: str
    id: str
    version: str | None = None

    def __str__(self) -> str:
        """Name it in one word: `kind:id`, or `kind:id@version`."""
        named = f"{self.kind}:{self.id}"
        return named if self.version is None else f"{named}@{self.version}"


@frozen
class ErrorInfo:
    """An error as data.

    Attributes:
        type: The qualified name of its class, such as `builtins.ValueError`.
        message: What it said.
        traceback: Where it came from, if that is known.
    """

    type: str
    message: str
    traceback: str | None = None
