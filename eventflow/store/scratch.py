"""Empty stores for a while, where a URL says, beside what is there and without touching it."""

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import entry_points
from typing import TypeAlias

from eventflow.errors import InvalidSettings
from eventflow.store.registry import GROUP, load_entry, redact

NewStore: TypeAlias = Callable[[], str]
"""Gives the URL of one more empty store."""

Scratch: TypeAlias = Callable[[str], AbstractAsyncContextManager[NewStore]]
"""Gives empty stores beside the one of a URL, and removes them all when the block ends."""


@asynccontextmanager
async def scratch_stores(url: str) -> AsyncGenerator[NewStore]:
    """Give empty stores in the same place as the store of a URL, until the block ends.

    A kind of store can do this if the module of its entry point offers a `scratch` beside what it
    opens stores with.

    Raises:
        InvalidSettings: This kind of store cannot, or does not understand the URL.
        StoreUnavailable: Nothing can be made there.
        UnknownStore: No installed store has this scheme, or what it needs is not installed.
    """
    found = entry_points(group=GROUP, name=url.partition("://")[0].lower())
    scratch: Scratch | None = None
    for entry in found:
        load_entry(entry)
        scratch = getattr(sys.modules[entry.module], "scratch", None)
    if scratch is None:
        raise InvalidSettings(f"No empty stores can be made for a while beside {redact(url)}")
    try:
        stores = scratch(url)
    except ValueError as error:
        raise InvalidSettings(f"{redact(url)} is not the URL of a store: {error}") from None
    async with stores as new_store:
        yield new_store
