"""Computes the rows of the store behind a URL anew; it knows no store by name."""

from collections.abc import Callable

from eventflow.engine.rebuilding import RebuildReport, rebuild_rows
from eventflow.store.registry import open_store

__all__ = ["RebuildReport", "rebuild", "rebuild_rows"]


async def rebuild(url: str, *, progress: Callable[[int], object] | None = None) -> RebuildReport:
    """Open a store and compute its rows from its log, as `rebuild_rows` does.

    Raises:
        HistoryAltered: A run is not what was recorded, so no rows were computed at all.
        InvalidSettings: This kind of store has no way to do it.
        SchemaTooNew: A newer release of eventflow made the store.
        StoreUnavailable: The store is away, or whoever asks lacks the right.
        UnknownStore: No installed store answers to the URL.
    """
    store = await open_store(url)
    try:
        return await rebuild_rows(store, progress=progress)
    finally:
        await store.close()
