"""Gives checks back until later: those that end while a write is under way share the next one.

It never decides when a check is due.
"""

import asyncio

from eventflow.engine.tasks import begin
from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Renewal, Store
from eventflow.store.telling import tell, tell_error


class Renewals:
    """Gathers what many jobs want to renew, and asks the store once for all of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Renewal, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def renew(self, renewal: Renewal) -> None:
        """Move a due time, unless the claim was lost.

        Raises:
            StoreUnavailable: The store is away.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((renewal, done))
        if self._writer is None or self._writer.done():
            self._writer = begin(self._write(), "eventflow renewals")
        await done

    async def _write(self) -> None:
        batch: list[tuple[Renewal, asyncio.Future[None]]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._write_batch(batch)
        except asyncio.CancelledError:  # somebody has cancelled all tasks
            unanswered, self._waiting = [*batch, *self._waiting], []
            for _, done in unanswered:
                tell_error(done, StoreUnavailable("the renewal was cancelled under way"))
            raise
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[tuple[Renewal, asyncio.Future[None]]]) -> None:
        try:
            await self._store.renew([renewal for renewal, _ in batch])
        except Exception as error:  # noqa: BLE001 - each caller gets it
            for _, done in batch:
                tell_error(done, error)
            return
        for _, done in batch:
            tell(done, None)
