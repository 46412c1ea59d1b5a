"""Opens the stores of a runtime, and puts together what works on them; it starts nothing."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from eventflow.core.draft import Draft
from eventflow.core.frozen import frozen
from eventflow.engine.journal import Journal, Outcome
from eventflow.runtime.ai import AISource
from eventflow.runtime.ai_calls import AICalls
from eventflow.runtime.catalog import Catalog
from eventflow.runtime.clock import Clock
from eventflow.runtime.identifiers import Chance
from eventflow.runtime.logs import TransitionLog
from eventflow.runtime.requests import Requests
from eventflow.runtime.run import Handles
from eventflow.runtime.settings import Settings
from eventflow.runtime.unclaimable import Unclaimable
from eventflow.runtime.values import Values
from eventflow.runtime.waking import Waker
from eventflow.runtime.worker import Tools, Worker
from eventflow.store.blobs import BlobStore
from eventflow.store.contract import Store
from eventflow.store.elsewhere import WithBlobs
from eventflow.store.registry import open_blobs, open_store


@frozen
class Opened:
    """What exists only while a runtime is open."""

    handles: Handles
    unclaimable: Unclaimable
    tools: Tools
    stores: AsyncExitStack

    async def close(self) -> None:
        """Let what was begun end, and close what was opened here."""
        await self.tools.ai.close()
        await self.handles.waker.close()
        await self.handles.journal.close()
        await self.stores.aclose()


@frozen(kw_only=True)
class Opener:
    """What a runtime was given.

    Attributes:
        store: The store, or its URL.
        blobs: The blob store, if it is neither that of the store nor one with a URL.
        settings: The settings, with the URL of the blob store, if it has one.
        catalog: The workflows.
        clock: The time.
        chance: Draws ids and jitter.
        workflow_priority: The priority of runs that are given none.
        ai: How models are called.
        worker: Gives the worker of the runtime, if it is one at the moment.
    """

    store: str | Store
    blobs: BlobStore | None
    settings: Settings
    catalog: Catalog
    clock: Clock
    chance: Chance
    workflow_priority: Callable[[str], int | None]
    ai: AISource | None
    worker: Callable[[], Worker | None]

    async def open(self) -> Opened:
        """Open what was given by URL; what is open already is left to its owner.

        Raises:
            InvalidSettings, SchemaTooNew, StoreUnavailable, UnknownStore: As stores do.
        """
        async with AsyncExitStack() as stack:
            store = self.store
            if isinstance(store, str):
                store = await open_store(store)
                stack.push_async_callback(store.close)
            blobs = self.blobs
            if self.settings.blobs_url is not None:
                blobs = await open_blobs(self.settings.blobs_url)
                stack.push_async_callback(blobs.close)
            if blobs is not None:
                store = WithBlobs(store, blobs)
            self.clock.align(await store.now())
            return self._put_together(store, stack.pop_all())

    def _put_together(self, store: Store, stores: AsyncExitStack) -> Opened:
        new_id = self.chance.new_id
        journal = Journal(store, new_id)
        journal.observers.append(TransitionLog())
        waker = Waker(journal, self.clock, self.settings.poll_interval)
        values = Values(store.blobs, self.settings.inline_limit)

        def append_new(
            run_id: str, work: Draft, actor: str | None, key: str | None
        ) -> Awaitable[Outcome]:
            creator = self.worker() or journal
            return creator.create(run_id, work, actor=actor, key=key)

        requests = Requests(
            journal, self.catalog, self.clock, new_id, self.workflow_priority, append_new, values
        )
        tools = Tools(
            journal=journal,
            clock=self.clock,
            catalog=self.catalog,
            waker=waker,
            settings=self.settings,
            random=self.chance.number,
            values=values,
            ai=AICalls(self.ai, journal, self.clock, new_id, values),
        )
        return Opened(
            handles=Handles(journal, self.catalog, self.clock, waker, requests, values),
            unclaimable=Unclaimable(journal, self.catalog, self.clock),
            tools=tools,
            stores=stores,
        )
