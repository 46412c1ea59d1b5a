"""Where the database file is, as one URL says it; this module opens nothing."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import evolve, frozen

_PARAMETERS = ("busy_timeout", "synchronous")
_LEVELS = ("FULL", "NORMAL")


@frozen
class Address:
    """What a URL asks for.

    Attributes:
        path: The file, as SQLite opens it.
        synchronous: `FULL` waits for the disk at each commit. `NORMAL` does not: a power cut may
            then take the last commits, but never tears one.
        busy_timeout: Seconds to wait for another process that is writing.
    """

    path: str
    synchronous: str = "FULL"
    busy_timeout: float = 10.0


def parse_address(url: str) -> Address:
    """Read a URL: `sqlite:///relative.db`, or `sqlite:////absolute.db`.

    Raises:
        ValueError: The URL names no file, or has a parameter or a value that does not exist.
    """
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(given) - set(_PARAMETERS))
    if unknown:
        raise ValueError(
            f"unknown parameter in the SQLite URL: {', '.join(unknown)}; "
            f"there are: {', '.join(_PARAMETERS)}"
        )
    return Address(_path(url, parts), _synchronous(given), _busy_timeout(given))


def absolute(address: Address) -> Address:
    """Mean the same file, also once the process works in another folder."""
    return evolve(address, path=str(Path(address.path).absolute()))


def _path(url: str, parts: SplitResult) -> str:
    if parts.scheme != "sqlite":
        raise ValueError(f"a SQLite URL begins with sqlite://, not {parts.scheme!r}")
    if ":memory:" in url:
        raise ValueError("it keeps nothing; a log in memory is the store memory://")
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or parts.fragment or not path or "\0" in path:
        raise ValueError(
            "it names no database file; write sqlite:///relative.db or "
            "sqlite:////absolute.db, with ? as %3F and # as %23 in a name"
        )
    return path


def _synchronous(given: Mapping[str, str]) -> str:
    level = given.get("synchronous", "FULL").upper()
    if level not in _LEVELS:
        raise ValueError(
            f"synchronous in the SQLite URL is one of {', '.join(_LEVELS)}, not {level!r}"
        )
    return level


def _busy_timeout(given: Mapping[str, str]) -> float:
    text = given.get("busy_timeout", "10")
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError(f"busy_timeout in the SQLite URL is a number of seconds, not {text!r}")
    return float(text)
