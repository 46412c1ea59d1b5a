"""What went wrong with a call, without a key: as data for the log, and as an error to raise."""

from typing import Any

from eventflow.ai.redaction import Redactor
from eventflow.core.retry import qualified_name
from eventflow.core.values import ErrorInfo
from eventflow.errors import AICallFailed, AICallRefused

LONGEST = 2_000

_MAY_PASS = frozenset({408, 409, 425, 429})
_FIRST_CLIENT_ERROR, _FIRST_SERVER_ERROR = 400, 500


def error_info(error: BaseException, redactor: Redactor) -> ErrorInfo:
    """Give an error as data for the log."""
    return ErrorInfo(qualified_name(type(error)), reason_of(error, redactor))


def failure(requested: str, error: BaseException, redactor: Redactor) -> AICallFailed:
    """Give the error to raise for a call that failed."""
    status = _status(error)
    refused = (
        status is not None
        and _FIRST_CLIENT_ERROR <= status < _FIRST_SERVER_ERROR
        and status not in _MAY_PASS
    )
    return (AICallRefused if refused else AICallFailed)(
        redactor.text(requested),
        reason_of(error, redactor),
        status=status,
        retry_after=getattr(error, "retry_after", None),
    )


def reason_of(error: BaseException, redactor: Redactor) -> str:
    """Say in words why a call failed, and begin with the HTTP status if there is one."""
    status = _status(error)
    try:
        text = _detail(getattr(error, "body", None)) or str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - an error that cannot say what it is
        text = type(error).__name__
    text = redactor.text(text if status is None else f"HTTP {status}: {text}")
    return text.encode(errors="backslashreplace").decode()[:LONGEST]


def cleaned(error: BaseException, redactor: Redactor) -> None:
    """Take the keys out of an error that goes on as it is, and cut off what caused it."""
    error.args = tuple(_clean(each, redactor) for each in error.args)
    for name in ("message", "body"):
        value = getattr(error, name, None)
        if value is not None and not isinstance(error, BaseExceptionGroup):
            setattr(error, name, _clean(value, redactor))
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            cleaned(each, redactor)
    error.__cause__ = error.__context__ = None


def _clean(value: Any, redactor: Redactor) -> Any:  # noqa: ANN401 - whatever an error holds
    match value:
        case str():
            return redactor.text(value)
        case dict():
            return {key: _clean(each, redactor) for key, each in value.items()}
        case list():
            return [_clean(each, redactor) for each in value]
        case _:
            return value


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _detail(body: object) -> str | None:
    """Find the sentence in the body of an error, where providers put it."""
    if not isinstance(body, dict):
        return None
    inner = body.get("error", body)
    message = inner.get("message") if isinstance(inner, dict) else None
    return message if isinstance(message, str) else None
