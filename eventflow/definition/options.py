"""The options of `@stage`, each checked when the stage is made and not when a run needs it."""

import inspect
from collections.abc import Callable
from math import isfinite
from typing import Any

from eventflow.core.numbers import in_seconds, is_number
from eventflow.core.retry import Retry
from eventflow.definition.names import ID_RULE, is_id
from eventflow.errors import InvalidWorkflow


def checked_id(given: str) -> str:
    """Give the id of a stage.

    Raises:
        InvalidWorkflow: It is none.
    """
    if not is_id(given):
        raise InvalidWorkflow(f"{given!r:.300} cannot be the id of a stage; give {ID_RULE}: id=...")
    return given


def checked_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give what a stage is made of.

    Raises:
        InvalidWorkflow: It is no function, or one that gives its values bit by bit.
    """
    if not callable(function):
        raise InvalidWorkflow(f"{function!r} is no function; options are named: @stage(id=...)")
    plain = inspect.unwrap(function)
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise InvalidWorkflow(
            f'Stage function "{plain.__name__}" yields; a stage returns its output once: '
            "return a list, or let each part be a step of ctx.map"
        )
    return function


def checked_retry(stage_id: str, retry: object) -> Retry:
    """Give the policy of a stage.

    Raises:
        InvalidWorkflow: It is none.
    """
    if not isinstance(retry, Retry):
        hint = f"Retry(max_attempts={retry})" if type(retry) is int else "Retry(max_attempts=...)"
        raise InvalidWorkflow(
            f'The retry of stage "{stage_id}" is a Retry, not {retry!r:.300}; write retry={hint}'
        )
    return retry


def checked_timeout(stage_id: str, timeout: float | None) -> float | None:
    """Give the seconds that an attempt may take.

    Raises:
        InvalidWorkflow: It is no number of seconds.
    """
    if timeout is None:
        return None
    if not is_number(timeout) or not (timeout > 0 and isfinite(timeout)):
        raise InvalidWorkflow(
            f'The timeout of stage "{stage_id}" is {timeout!r}; give a positive number of seconds'
            + in_seconds(timeout)
        )
    return float(timeout)


def checked_signal(stage_id: str, signal: str | None) -> str | None:
    """Give the name of a signal.

    Raises:
        InvalidWorkflow: It is none.
    """
    if signal is not None and not is_id(signal):
        raise InvalidWorkflow(
            f'{signal!r:.300} cannot be the signal of stage "{stage_id}"; give {ID_RULE}'
        )
    return signal
