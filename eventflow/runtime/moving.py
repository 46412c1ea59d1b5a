"""Moves history between the stores that two URLs name; it knows no store by name."""

from contextlib import AsyncExitStack

from eventflow.engine.copying import BATCH, CopyReport, Progress, copy_history
from eventflow.store.contract import Store
from eventflow.store.elsewhere import WithBlobs
from eventflow.store.registry import open_blobs, open_store

__all__ = ["BATCH", "CopyReport", "Progress", "copy", "copy_history"]


async def copy(
    source_url: str,
    target_url: str,
    *,
    progress: Progress | None = None,
    batch: int = BATCH,
    after: int = 0,
    source_blobs: str | None = None,
    target_blobs: str | None = None,
) -> CopyReport:
    """Open two stores and copy all runs of the first to the second, as `copy_history` does.

    `source_blobs` and `target_blobs` are the URLs of their blob stores, where these are not beside
    the log.

    Raises:
        CannotCopy: A run or an idempotency key is another one in the target, or the source lacks a
            blob.
        HistoryAltered: An event of the source does not fit.
        SchemaTooNew: A newer release of eventflow made one of the stores.
        StoreUnavailable: One of the stores is away; call again to go on.
        UnknownStore: No installed store answers to a URL.
    """
    async with AsyncExitStack() as stack:
        source = await _opened(stack, source_url, source_blobs)
        target = await _opened(stack, target_url, target_blobs)
        return await copy_history(source, target, progress=progress, batch=batch, after=after)


async def _opened(stack: AsyncExitStack, url: str, blobs_url: str | None) -> Store:
    store = await open_store(url)
    stack.push_async_callback(store.close)
    if blobs_url is None:
        return store
    blobs = await open_blobs(blobs_url)
    stack.push_async_callback(blobs.close)
    return WithBlobs(store, blobs)
