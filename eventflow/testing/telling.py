"""What an outcome says, free of ids, times and tracebacks, so that two of them can be compared."""

from collections.abc import Iterator
from datetime import datetime

from eventflow.core import events as e
from eventflow.core.values import JSON, ErrorInfo
from eventflow.testing.differences import Difference, differences

_SCRIPT = "__main__."


def told(event: e.Event | None, recorded_at: datetime) -> dict[str, JSON]:
    """Give what came of a claim as plain data; no event is a check that was not ready yet."""
    match event:
        case None:
            return {"outcome": "pending"}
        case e.StageCompleted():
            return {
                "outcome": "completed",
                "output": event.output,
                "metrics": event.metrics,
                "artifacts": event.artifacts,
            }
        case e.StageSuspended():
            first = event.check_at and (event.check_at - recorded_at).total_seconds()
            return {
                "outcome": "suspended",
                "state": event.state,
                "check_after": first,
                "max_wait": (event.deadline - recorded_at).total_seconds(),
                "signal": event.signal,
                "then": event.then,
                "output": event.output,
            }
        case e.StageAttemptFailed():
            error = _error(event.error)
            return {"outcome": "attempt failed", "error": error, "retry_after": event.delay}
        case e.StageFailed():
            return {"outcome": "failed", "error": _error(event.error)}
        case e.StageResumed():
            return {"outcome": "reentered"}
        case _:
            return {"outcome": type(event).__name__}


def compared(old: dict[str, JSON], new: dict[str, JSON]) -> Iterator[Difference]:
    """Compare two outcomes; of two that are of different kinds, only what they are, and why."""
    if old.get("outcome") != new.get("outcome"):
        old, new = _kind(old), _kind(new)
    for found in differences(old, new):
        if found.path != "error.type" or not _same_class(found.old, found.new):
            yield found


def _kind(outcome: dict[str, JSON]) -> dict[str, JSON]:
    return {name: outcome[name] for name in ("outcome", "error") if name in outcome}


def _error(error: ErrorInfo) -> JSON:
    return {"type": error.type, "message": error.message}


def _same_class(old: JSON, new: JSON) -> bool:
    """Tell whether two names are of one class, of a module that was once run as a script."""
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    return any(
        one.startswith(_SCRIPT) and other.endswith("." + one.removeprefix(_SCRIPT))
        for one, other in ((old, new), (new, old))
    )
