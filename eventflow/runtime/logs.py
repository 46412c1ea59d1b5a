"""One structured log event for each transition; the application decides what becomes of them."""

import asyncio
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from logging import DEBUG, ERROR, INFO, WARNING
from typing import TYPE_CHECKING

from eventflow.core import events as e
from eventflow.core.state import RunState
from eventflow.core.values import ErrorInfo, JobKind
from eventflow.errors import InvalidData

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

NAMES: Mapping[type[object], str] = {
    **{kind: name for name, kind in e.EVENT_TYPES.items()},
    e.JobClaimed: "stage.started",
}
QUIET = frozenset(
    {
        e.StageLogged,
        e.StageProgressed,
        e.RunAnnotated,
        e.ArtifactSaved,
        e.ArtifactDeleted,
        e.AICalled,
    }
)
LEVELS: Mapping[type[object], int] = {
    e.StageFailed: ERROR,
    e.RunFailed: ERROR,
    e.StageAttemptFailed: WARNING,
    e.LeaseExpired: WARNING,
    e.ResultDiscarded: WARNING,
    e.RunCancelled: WARNING,
    e.StepCompleted: DEBUG,
}
"""How loud an event is that is not as loud as `INFO`."""

SCHEMA_ERRORS = "eventflow.errors.Invalid"


class Log:
    """Hands lines to structlog; what the application does with them never reaches the engine.

    An error of it goes where the event loop reports errors that have no caller.
    """

    def __init__(self, bound: "FilteringBoundLogger") -> None:
        self._bound = bound

    def info(self, event: str, **fields: object) -> None:
        """Write a line about what happens as it should."""
        self._hand_over(self._bound.info, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write a line about what somebody should look at."""
        self._hand_over(self._bound.warning, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Write a line about what somebody has to mend."""
        self._hand_over(self._bound.error, event, fields)

    def _hand_over(
        self, write: Callable[..., object], event: str, fields: Mapping[str, object]
    ) -> None:
        try:
            write(event, **fields)
        except Exception as error:  # noqa: BLE001 - of the processors of the application
            report_failure(event, error)


def report_failure(event: str, error: Exception) -> None:
    """Tell the event loop that a line could not be logged."""
    asyncio.get_running_loop().call_exception_handler(
        {"message": f'eventflow could not log "{event}"', "exception": error}
    )


def logger() -> Log:
    """Give the logger named `eventflow`; it is never configured here."""
    return Log(_structlog())


def _structlog() -> "FilteringBoundLogger":
    # structlog loads rich wherever that is installed, which nobody needs to import eventflow.
    import structlog  # noqa: PLC0415 - as the comment says

    log: FilteringBoundLogger = structlog.get_logger("eventflow")
    return log


def log_failure(event: str, error: BaseException, **ids: str) -> None:
    """Write a line about an error that nobody expected, with its traceback as text.

    The error itself is not handed on: whoever renders it might show the values of all variables,
    which are inputs and outputs.
    """
    logger().error(event, exception=_traceback_of(error), **ids)


def log_blocked(run_id: str, stage: str, took: float, timeout: float) -> None:
    """Tell of a stage that blocked the event loop, and with it the timer of its own timeout."""
    logger().warning(
        "stage.blocked_the_loop",
        run_id=run_id,
        stage=stage,
        took=round(took, 3),
        timeout=timeout,
        advice="await instead of waiting in place, or write the stage as a plain def",
    )


def _traceback_of(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error)).rstrip()
    for each in _behind(error):
        if isinstance(each, InvalidData):
            for problem in each.problems:
                text = text.replace(str(problem), problem.path or "...")
    return text


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, those that it came from, and those that it groups."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _behind(each)
        error = error.__cause__ or error.__context__


class TransitionLog:
    """Writes what was appended, with ids as fields and without inputs, outputs or payloads."""

    def __init__(self) -> None:
        self._log: FilteringBoundLogger = _structlog().bind()
        self._tell: Callable[[int], bool] | None = getattr(self._log, "is_enabled_for", None)

    def __call__(self, state: RunState, events: Sequence[e.Event]) -> None:
        """Write one line for each transition."""
        for event in events:
            kind = type(event)
            level = LEVELS.get(kind, INFO)
            if kind not in QUIET and self._is_enabled(level):
                try:
                    self._write(level, state, event)
                except Exception as error:  # noqa: BLE001 - as in `Log`
                    report_failure(kind.__name__, error)

    def _write(self, level: int, state: RunState, event: e.Event) -> None:
        name = NAMES.get(type(event), "event")
        if isinstance(event, e.JobClaimed) and event.kind is JobKind.CHECK:
            name = "stage.checked"
        write = {
            ERROR: self._log.error,
            WARNING: self._log.warning,
            INFO: self._log.info,
            DEBUG: self._log.debug,
        }[level]
        write(name, run_id=state.run_id, workflow_id=state.workflow_id, **_fields(event))

    def _is_enabled(self, level: int) -> bool:
        """Ask the logger, if it is one that can tell; what nobody reads is not put together."""
        return self._tell is None or self._tell(level)


def _fields(event: e.Event) -> dict[str, object]:
    named = ("stage", "generation", "attempt", "worker", "token", "reason", "outcome")
    found: dict[str, object] = {
        name: value for name in named if (value := getattr(event, name, None)) is not None
    }
    if isinstance(event, e.StepCompleted):
        found["step"] = event.name
    error = getattr(event, "error", None)
    if isinstance(error, ErrorInfo):
        found["error"] = f"{error.type}: {_without_values(error)}"
    return found


def _without_values(error: ErrorInfo) -> str:
    """Leave out the lines that say what does not fit a schema, since they quote it."""
    if error.type.startswith(SCHEMA_ERRORS):
        return error.message.partition("\n")[0].rstrip(":")
    return error.message
