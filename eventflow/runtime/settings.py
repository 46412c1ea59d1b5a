"""How a runtime is set up; the only place that reads the environment, and only when asked to."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Self

from attrs import Attribute, field

from eventflow.core.frozen import frozen
from eventflow.errors import InvalidSettings
from eventflow.runtime.values import INLINE_LIMIT

PREFIX = "EVENTFLOW_"
ALMOST = 0.9
"""How alike two names are of which one is taken for the other misspelled; 1 is the same."""

LONGEST = 366 * 24 * 3600.0
"""Seconds: a year, since times beyond all calendars cannot be counted with."""


def _is_above_zero(_: object, field: "Attribute[Any]", value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= LONGEST:
        raise ValueError(f"{field.name} is a number above 0, at most {LONGEST:g}, not {value!r}")


def _is_a_count(_: object, field: "Attribute[Any]", value: object) -> None:
    if type(value) is not int or value < 1:
        raise ValueError(f"{field.name} is a whole number from 1 on, not {value!r}")


def _is_a_name(_: object, field: "Attribute[Any]", value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value.isprintable() or not value):
        raise ValueError(f"{field.name} is a printable text, not {value!r}")


@frozen(kw_only=True)
class Settings:
    """The settings of a runtime.

    Attributes:
        store_url: Where the log is kept; hidden in `repr`, since it may hold a password.
        poll_interval: Seconds after which a quiet store is looked at anyway.
        job_poll_interval: Seconds between two looks for jobs whose time has come.
        stale_job_threshold: Seconds that a claim holds without a heartbeat.
        concurrency: How many jobs a worker has in hand at once.
        worker_id: The name of this worker in the log; drawn if not given.
        blobs_url: Where large values and artifacts are kept, if not beside the log; hidden in
            `repr`, since it may hold a password.
        inline_limit: The most bytes of JSON that a value has within an event.
    """

    store_url: str = field(default="sqlite:///eventflow.db", repr=False)
    poll_interval: float = field(default=10.0, validator=_is_above_zero)
    job_poll_interval: float = field(default=1.0, validator=_is_above_zero)
    stale_job_threshold: float = field(default=60.0, validator=_is_above_zero)
    concurrency: int = field(default=16, validator=_is_a_count)
    worker_id: str | None = field(default=None, validator=_is_a_name)
    blobs_url: str | None = field(default=None, repr=False)
    inline_limit: int = field(default=INLINE_LIMIT, validator=_is_a_count)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read `EVENTFLOW_STORE_URL`, `EVENTFLOW_CONCURRENCY` and so on; what is not set stays.

        Raises:
            InvalidSettings: A variable does not hold what it should, or its name is that of a
                setting but for a letter or two.
        """
        environ = os.environ if environ is None else environ
        _refuse_misspelled(environ)
        given: dict[str, Any] = {
            name: _parsed(variable, environ[variable], parse)
            for name, parse in _PARSERS.items()
            if (variable := PREFIX + name.upper()) in environ
        }
        return cls.checked(**given)

    @classmethod
    def checked(cls, **given: Any) -> Self:  # noqa: ANN401 - each field has its own type
        """Make settings.

        Raises:
            InvalidSettings: A value is out of range.
        """
        try:
            return cls(**given)
        except (TypeError, ValueError) as error:
            raise InvalidSettings(f"A setting is out of range: {error.args[0]}") from error


def _refuse_misspelled(environ: Mapping[str, str]) -> None:
    """Refuse a variable that was surely meant to be another; what is no setting at all is left."""
    from difflib import get_close_matches  # noqa: PLC0415 - few programs read the environment

    settings = [PREFIX + name.upper() for name in _PARSERS]
    for variable in environ:
        if variable.startswith(PREFIX) and variable not in settings:
            close = get_close_matches(variable, settings, n=1, cutoff=ALMOST)
            if close:
                raise InvalidSettings(f"{variable} is no setting; did you mean {close[0]}?")


def _parsed(variable: str, text: str, parse: Callable[[str], object]) -> object:
    if parse is str and not text.strip():
        raise InvalidSettings(f"{variable} is empty; give it a value, or unset it")
    try:
        return parse(text)
    except ValueError:
        kind = "whole number" if parse is int else "number"
        raise InvalidSettings(f"{variable} is a {kind}, not {text!r}") from None


_PARSERS: Mapping[str, Callable[[str], object]] = {
    "store_url": str,
    "poll_interval": float,
    "job_poll_interval": float,
    "stale_job_threshold": float,
    "concurrency": int,
    "worker_id": str,
    "blobs_url": str,
    "inline_limit": int,
}
