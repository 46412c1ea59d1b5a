"""From a URL to an open store, by the entry points that are installed; it names no store itself."""

import re
from collections.abc import Awaitable, Callable
from importlib.metadata import EntryPoint, entry_points
from typing import TypeAlias, cast
from urllib.parse import unquote

from eventflow.errors import InvalidSettings, UnknownStore
from eventflow.store.contract import Store

GROUP = "eventflow.stores"
"""The group of entry points: the name is the scheme of a URL, the object a `Connect`."""

Connect: TypeAlias = Callable[[str], Awaitable[Store]]
"""Opens the store that a URL names; `ValueError` says what is wrong with the URL."""

_HIDDEN = "***"
_SECRET = re.compile(r"pass|pwd|secret|token|key|credential", re.IGNORECASE)
_PARAMETER = re.compile(r"([^?&\s=]+)=([^&\s]*)")


async def open_store(url: str) -> Store:
    """Open the store that a URL names.

    Raises:
        UnknownStore: No installed store has this scheme, or what it needs is not installed.
        StoreUnavailable: The store cannot be reached.
        InvalidSettings: The store does not understand the rest of the URL.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise UnknownStore(
            f"{redact(url)!r} is not the URL of a store; write for instance "
            f"sqlite:///eventflow.db, with one of: {_installed()}"
        )
    found = entry_points(group=GROUP, name=scheme.lower())
    if not found:
        raise UnknownStore(
            f"No installed store answers to {scheme}://; there are: {_installed()}. "
            f"Install the package that provides it, or correct the URL"
        )
    try:
        return await load_entry(next(iter(found)))(url)
    except ValueError as error:
        raise InvalidSettings(f"{redact(url)} is not the URL of a store: {error}") from None


def redact(url: str) -> str:
    """Hide what is secret in a URL, for logs and errors; rather too much than too little."""
    scheme, separator, rest = url.partition("://")
    if separator:
        return f"{scheme}://{_without_password(_without_secrets(rest))}"
    credentials, at, place = url.rpartition("@")
    return _without_secrets(f"{_HIDDEN}@{place}" if at and ":" in credentials else url)


def load_entry(entry: EntryPoint) -> Connect:
    """Import what opens the stores of a scheme.

    Raises:
        UnknownStore: Something that it needs is not installed.
    """
    try:
        return cast("Connect", entry.load())
    except ImportError as error:
        missing = error.name or str(error)
        raise UnknownStore(
            f"The store {entry.name}:// needs the module {missing}, which cannot be imported. "
            f"Install it with: pip install {missing.partition('.')[0]}"
        ) from error


def _installed() -> str:
    return ", ".join(sorted({f"{each.name}://" for each in entry_points(group=GROUP)}))


def _without_password(rest: str) -> str:
    """Hide what stands between the user's name and the last `@`, also where it is not quoted."""
    user, at, place = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    if not at or not colon or "/" in name:
        return rest
    return f"{name}:{_HIDDEN}@{place}"


def _without_secrets(text: str) -> str:
    return _PARAMETER.sub(_parameter, text)


def _parameter(found: re.Match[str]) -> str:
    name, value = found.groups()
    return f"{name}={_HIDDEN if _SECRET.search(unquote(name)) else value}"
