"""Moves history between the stores that two URLs name; it knows no store by name."""

from contextlib import AsyncExitStack

from eventflow.engine.copying import BATCH, CopyReport, Progress, copy_history
from eventflow.store.registry import open_store

__all__ = ["BATCH", "CopyReport", "Progress", "copy", "copy_history"]


async def copy(
    source_url: str,
    target_url: str,
    *,
    progress: Progress | None = None,
    batch: int = BATCH,
    after: int = 0,
) -> CopyReport:
    """Open two stores and copy all runs of the first to the second, as `copy_history` does.

    Raises:
        CannotCopy: A run or an idempotency key is another one in the target.
        HistoryAltered: An event of the source does not fit.
        SchemaTooNew: A newer release of eventflow made one of the stores.
        StoreUnavailable: One of the stores is away; call again to go on.
        UnknownStore: No installed store answers to a URL.
    """
    async with AsyncExitStack() as stack:
        source = await open_store(source_url)
        stack.push_async_callback(source.close)
        target = await open_store(target_url)
        stack.push_async_callback(target.close)
        return await copy_history(source, target, progress=progress, batch=batch, after=after)
