"""What is behind the URL of a store, found out without creating or changing anything there."""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import TypeAlias

from attrs import field

from eventflow.core.frozen import frozen
from eventflow.errors import InvalidSettings
from eventflow.store.registry import GROUP, load_entry, redact


@frozen
class Fault:
    """What is wrong with a store although its schema is current.

    Attributes:
        what: What it is about, such as "guards" or "rights", in one word.
        told: What is wrong.
        advice: What to do about it.
        grave: Whether the store is not well, or only not good for everything.
    """

    what: str
    told: str
    advice: str
    grave: bool


@frozen
class Inspection:
    """What was found.

    Attributes:
        exists: Whether there is a store.
        version: The version of its schema; 0 if there is none.
        newest: The version that this release brings a store to when it opens it.
        details: Other facts for people, by name.
        faults: What is wrong although the schema is current.
    """

    exists: bool
    version: int
    newest: int
    details: Mapping[str, str] = field(factory=dict)
    faults: Sequence[Fault] = ()

    @property
    def current(self) -> bool:
        """Whether opening it would change nothing."""
        return self.exists and self.version >= self.newest


Inspect: TypeAlias = Callable[[str], Awaitable[Inspection]]
"""Looks at the place that a URL names; `ValueError` says what is wrong with the URL."""


async def inspect_store(url: str) -> Inspection | None:
    """Look at what is behind a URL; None if this kind of store cannot tell.

    A store can tell if the module of its entry point offers an `inspect` beside what it opens
    stores with.

    Raises:
        InvalidSettings: The store does not understand the URL.
        StoreUnavailable: What is there cannot be looked at, or is no store of eventflow.
        UnknownStore: What the store needs is not installed.
    """
    found = entry_points(group=GROUP, name=url.partition("://")[0].lower())
    if not found:
        return None
    entry = next(iter(found))
    load_entry(entry)
    inspect: Inspect | None = getattr(sys.modules[entry.module], "inspect", None)
    if inspect is None:
        return None
    try:
        return await inspect(url)
    except ValueError as error:
        raise InvalidSettings(f"{redact(url)} is not the URL of a store: {error}") from None
