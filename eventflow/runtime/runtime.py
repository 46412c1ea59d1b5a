"""What an application holds: access to its runs, and a worker; it does none of the work itself."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Self

from attrs import asdict
from typing_extensions import Unpack

from eventflow.core.ai_stats import AIStats
from eventflow.core.state import RunState
from eventflow.engine.tasks import begin
from eventflow.errors import InvalidSettings, RuntimeNotOpen
from eventflow.runtime.ai import AISource
from eventflow.runtime.as_of import AsOf, list_runs_as_of
from eventflow.runtime.catalog import AnyWorkflow, Catalog, Workflows
from eventflow.runtime.clock import Clock, SystemClock
from eventflow.runtime.driving import finish, poll, transition
from eventflow.runtime.given import checked_text, checked_timeout
from eventflow.runtime.history_doors import HistoryDoors
from eventflow.runtime.identifiers import Chance
from eventflow.runtime.listing import PAGE, GivenStatus, RunList, list_runs, query_of
from eventflow.runtime.logs import logger
from eventflow.runtime.opening import Opened, Opener
from eventflow.runtime.requests import Creation, GivenConfig, RunOptions
from eventflow.runtime.run import Run, own_copy
from eventflow.runtime.serving import termination
from eventflow.runtime.settings import Settings
from eventflow.runtime.subscription_doors import SubscriptionDoors
from eventflow.runtime.unclaimable import UnclaimableRun
from eventflow.runtime.values import INLINE_LIMIT
from eventflow.runtime.worker import Worker
from eventflow.store.blobs import BlobStore
from eventflow.store.contract import Store
from eventflow.store.registry import redact
from eventflow.store.telling import first_of

if TYPE_CHECKING:
    from eventflow.definition.ai import AIHelper
    from eventflow.runtime.annotations import Annotation, AnnotationFilter
    from eventflow.runtime.log_context import LogContext
    from eventflow.runtime.subscriptions import Subscriptions

WorkflowPriority = Mapping[str, int] | Callable[[str], int | None]


class Runtime(HistoryDoors, SubscriptionDoors):
    """An application's access to its runs; after `start`, also a worker that executes them.

    Use it with `async with`. It belongs to the event loop in which it was opened.

    Args:
        store: The URL of a store, or a store that the caller opens and closes.
        workflows: The workflows of this process: a sequence, a mapping by id, or an object with
            `get_workflow(id)`.
        poll_interval: Seconds after which a quiet store is looked at anyway.
        job_poll_interval: Seconds between two looks for jobs whose time has come.
        stale_job_threshold: Seconds that a claim holds without a heartbeat.
        concurrency: How many jobs the worker has in hand at once.
        worker_id: The worker's name in the log; made of host, process and chance if not given.
        workflow_priority: The priority of new runs that are given none: by workflow id, or a
            function of it. Higher is more important; 5 if nothing says otherwise.
        clock: Only for tests; otherwise the store's time.
        chance: Only for tests; draws ids and jitter.
        blobs: Where large values and artifacts are kept: the URL of a blob store such as
            `file:///srv/blobs`, or one that the caller opens and closes; beside the log if not
            given. All processes of a log name the same.
        inline_limit: The most bytes of JSON that a value has within an event.
        ai: How models are called, such as an `eventflow.ai.AISettings`; its defaults if not given.

    Raises:
        InvalidSettings: A number is out of range.
    """

    def __init__(
        self,
        store: str | Store = "sqlite:///eventflow.db",
        workflows: Workflows = (),
        *,
        poll_interval: float = 10.0,
        job_poll_interval: float = 1.0,
        stale_job_threshold: float = 60.0,
        concurrency: int = 16,
        worker_id: str | None = None,
        workflow_priority: WorkflowPriority | None = None,
        clock: Clock | None = None,
        chance: Chance | None = None,
        blobs: str | BlobStore | None = None,
        inline_limit: int = INLINE_LIMIT,
        ai: AISource | None = None,
    ) -> None:
        if not isinstance(store, str) and not hasattr(store, "append"):
            raise InvalidSettings(
                "store= is a store, or the URL of one such as sqlite:///eventflow.db; "
                f"{store!r} is neither"
            )
        self._given_store = store
        self._given_blobs = None if isinstance(blobs, str) else blobs
        self._settings = Settings.checked(
            store_url=store if isinstance(store, str) else "",
            poll_interval=poll_interval,
            job_poll_interval=job_poll_interval,
            stale_job_threshold=stale_job_threshold,
            concurrency=concurrency,
            worker_id=worker_id,
            blobs_url=blobs if isinstance(blobs, str) else None,
            inline_limit=inline_limit,
        )
        self._catalog = Catalog(workflows)
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._chance = chance if chance is not None else Chance()
        self._workflow_priority = workflow_priority
        self._ai = ai
        self._opened: Opened | None = None
        self._subscribing: Subscriptions | None = None
        self._worker: Worker | None = None
        self._working: asyncio.Task[None] | None = None

    @classmethod
    def from_settings(cls, settings: Settings, workflows: Workflows = ()) -> Self:
        """Make a runtime of settings, such as those of `Settings.from_env()`."""
        return cls(
            settings.store_url,
            workflows,
            poll_interval=settings.poll_interval,
            job_poll_interval=settings.job_poll_interval,
            stale_job_threshold=settings.stale_job_threshold,
            concurrency=settings.concurrency,
            worker_id=settings.worker_id,
            blobs=settings.blobs_url,
            inline_limit=settings.inline_limit,
        )

    def replace(self, store: str | Store | None = None, **settings: Any) -> Self:  # noqa: ANN401 - each setting has its own type
        """Make a runtime, not open, with another store or other settings where they are given.

        Raises:
            InvalidSettings: A setting is out of range.
        """
        given = {name: value for name, value in settings.items() if value is not None}
        checked = Settings.checked(**asdict(self._settings) | given)
        other = copy(self)
        vars(other).update(
            _settings=checked, _given_store=self._given_store if store is None else store
        )
        vars(other).update(_opened=None, _subscribing=None, _worker=None, _working=None)
        return other

    @property
    def given_store(self) -> str | Store:
        """The store that it was given, or its URL, which may hold a password."""
        return self._given_store

    def __repr__(self) -> str:
        given = self._given_store
        store = redact(given) if isinstance(given, str) else type(given).__name__
        return f"Runtime(store={store!r})"

    async def __aenter__(self) -> Self:
        """Open the store, and the blob store if another than that of the store was asked for.

        Raises:
            SchemaTooNew: A newer release of eventflow made the store.
            StoreUnavailable: The store cannot be opened.
            UnknownStore: No installed store answers to the URL.
        """
        if self._is_open():
            raise _open_already()
        opener = Opener(
            store=self._given_store,
            blobs=self._given_blobs,
            settings=self._settings,
            catalog=self._catalog,
            clock=self._clock,
            workflow_priority=self._priority_of,
            chance=self._chance,
            worker=lambda: self._worker,
            ai=self._ai,
        )
        opened = await opener.open()
        if self._is_open():  # another task was faster
            await opened.close()
            raise _open_already()
        self._opened = opened
        return self

    async def __aexit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Stop and close; after an error without waiting for the jobs in hand."""
        grace = 30.0 if error is None else 0.0
        try:
            await self.stop(grace)
        finally:
            if self._subscribing is not None:
                await self._subscribing.close(grace)
            opened, self._opened, self._subscribing = self._open_parts, None, None
            await opened.close()

    async def create_run(
        self,
        workflow_id: str,
        input: object = None,
        *,
        config: GivenConfig | None = None,
        priority: int | None = None,
        metadata: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
        actor: str | None = None,
    ) -> Run:
        """Create a run; when this returns it is durable, and a worker will execute it.

        Args:
            workflow_id: The workflow.
            input: What the stages of group 1 get; an instance of the input schema, or plain data.
            config: By stage id, the fields that differ from the defaults.
            priority: Higher is claimed earlier; else that of the workflow, else 5.
            metadata: JSON values by which the run can be found.
            idempotency_key: The same key and the same request give the same run.
            actor: Who asked for it; kept with the event.

        Raises:
            IdempotencyMismatch: The key was used for another request.
            InvalidConfig: With every stage and field that is wrong.
            InvalidInput: With every field that is wrong.
            StoreUnavailable: The store is away.
            WorkflowNotFound: No such workflow is registered.
        """
        asked = Creation(
            workflow_id=workflow_id,
            input=input,
            config=config,
            priority=priority,
            metadata=metadata or {},
            idempotency_key=idempotency_key,
            actor=actor,
        )
        handles = self._open_parts.handles
        return Run(await handles.requests.create(asked), handles)

    async def run_and_wait(
        self,
        workflow_id: str,
        input: object = None,
        *,
        timeout: float | None = None,
        **options: Unpack[RunOptions],
    ) -> Any:  # noqa: ANN401 - the workflow's output
        """Create a run, see it through to its end, and give its output.

        If this runtime is no worker, it executes this run, and no other, for as long as this
        takes, along with any worker elsewhere. A run whose stages wait for other runs needs a
        worker: `start` one.

        Args:
            workflow_id: The workflow.
            input: As for `create_run`.
            timeout: Seconds to wait at most. Then jobs in hand are given back, and the run stays.
            options: As for `create_run`; under the idempotency key of a run that has ended already,
                its output is given at once.

        Raises:
            As `create_run`, and as `Run.result`.
        """
        timeout = checked_timeout(timeout)
        run = await self.create_run(workflow_id, input, **options)
        if self._working is not None:
            return await run.result(timeout)
        tools, worker_id = self._open_parts.tools, self._worker_id()
        return await finish(tools, lambda: Worker(tools, worker_id), run, timeout)

    def run(self, run_id: str) -> Run:
        """Give the handle to a run; whether it exists is found out when it is used.

        Raises:
            InvalidInput: The id is no text.
        """
        return Run(checked_text(run_id, "The id of a run"), self._open_parts.handles)

    async def runs(
        self,
        *,
        status: GivenStatus = None,
        workflow: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        limit: int = 100,
        after: str | None = None,
        as_of: AsOf | None = None,
    ) -> RunList:
        """List runs, newest first, as they are or as they were.

        Args:
            status: Only runs in this status, or in one of these.
            workflow: Only runs of this workflow.
            metadata: Only runs whose metadata has all these values.
            limit: At most so many, and at least one.
            after: The `next` of the page before.
            as_of: A position of the log or a time: the runs that there were, and what they were
                then. It folds the histories of the runs that it looks at.

        Raises:
            InvalidInput: There is no such status, limit, page or moment.
        """
        query = query_of(
            status=status, workflow=workflow, metadata=metadata, limit=limit, after=after
        )
        if as_of is not None:
            return await list_runs_as_of(self._store, query, as_of)
        return await list_runs(self._store, query)

    async def annotations(
        self,
        *,
        status: GivenStatus = None,
        workflow: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        **wanted: Unpack["AnnotationFilter"],
    ) -> "AsyncIterator[Annotation]":
        """Yield the annotations of many runs: newest run first, each run's in order.

        It costs the histories of all runs that status, workflow and metadata leave, since there
        is no index of annotations: narrow them. A few thousand events are in memory at once, or
        one history if that is longer.

        Args:
            status: Only of runs in this status, or in one of these.
            workflow: Only of runs of this workflow.
            metadata: Only of runs whose metadata has all these values.
            wanted: As for `Run.annotations`.

        Raises:
            InvalidInput: There is no such status, or a time has no time zone.
        """
        from eventflow.runtime.annotations import (  # noqa: PLC0415 - few programs ask for them
            Wanted,
            annotations_of,
        )

        query = query_of(status=status, workflow=workflow, metadata=metadata, limit=PAGE)
        async for annotation in annotations_of(self._store, query, Wanted(**wanted)):
            yield annotation

    async def transition_run(self, run_id: str) -> RunState:
        """Do whatever is due of one run here and now, without a worker; give its state then.

        For applications that drive the engine themselves. Retries and checks whose time has not
        come are left for a later call.

        Raises:
            InvalidInput: The id is no text.
            RunNotFound: The store has no such run.
            StoreUnavailable: The store is away.
        """
        tools = self._open_parts.tools
        checked_text(run_id, "The id of a run")
        await transition(tools, Worker(tools, self._worker_id()), run_id)
        return own_copy(await tools.journal.state(run_id))

    async def poll_suspended_stages(self) -> int:
        """Make every check that is due here and now, without a worker; tell how many were made.

        Raises:
            StoreUnavailable: The store is away.
        """
        tools = self._open_parts.tools
        return await poll(tools, Worker(tools, self._worker_id()))

    async def unclaimable_runs(self) -> list[UnclaimableRun]:
        """List the runs that wait for a stage which this process does not have."""
        return await self._open_parts.unclaimable.list()

    def create_log_context(self, run_id: str, stage_id: str | None = None) -> "LogContext":
        """Name a place in the log for code outside of stages; it is looked up when it is used."""
        return self._open_parts.tools.ai.context(run_id, stage_id)

    def create_ai_helper(self, topic: str, log_context: "LogContext | None" = None) -> "AIHelper":
        """Make a helper that calls models and records each call under a topic.

        The calls are events of the run that `log_context` names; without one they are kept in runs
        of the workflow `eventflow.ai`, which hold nothing else.

        Raises:
            InvalidInput: The topic is no path such as `billing.reports`.
        """
        return self._open_parts.tools.ai.helper(topic, log_context)

    async def ai_stats(
        self, *, topic: str | None = None, run: str | None = None, stage: str | None = None
    ) -> AIStats:
        """Tell what calls of models came to: under a topic, of a run, of stages with an id.

        Raises:
            RunNotFound: The store has no such run.
        """
        return await self._open_parts.tools.ai.stats(topic=topic, run=run, stage=stage)

    async def start(self) -> None:
        """Make this process a worker; a second call changes nothing.

        While `stop` is under way, it waits until that is done.
        """
        while (worker := self._worker) is not None and worker.stopping:
            await self._ended(worker)
        if self._working is None:
            self._worker = Worker(self._open_parts.tools, self._worker_id())
            self._working = begin(self._worker.run(), "eventflow worker")

    async def stop(self, grace: float = 30.0) -> None:
        """Claim nothing new, let the current jobs end, give back those that do not end in time.

        Args:
            grace: Seconds to wait for the current jobs.
        """
        worker, working = self._worker, self._working
        if worker is None or working is None:
            return
        worker.stop()
        if worker.in_hand:
            logger().info("worker.stopping", worker=worker.id, waiting_for=worker.in_hand)
        timer = asyncio.ensure_future(self._clock.sleep(grace))
        try:
            await first_of(working, timer)
        finally:
            timer.cancel()
            worker.abandon()
        await self._ended(worker)

    async def serve(self, grace: float = 30.0) -> None:
        """Start, wait for SIGTERM or SIGINT, and stop; a second signal stops at once."""
        with termination() as (asked, at_once):
            await self.start()
            await asked.wait()
            stopping = asyncio.create_task(self.stop(grace))
            hurrying = asyncio.create_task(at_once.wait())
            await first_of(stopping, hurrying)
            hurrying.cancel()
            if not stopping.done() and self._worker is not None:
                self._worker.abandon()
            await stopping

    async def _ended(self, worker: Worker) -> None:
        """Wait until a worker has ended, and forget it; others may do the same meanwhile."""
        working = self._working
        if working is not None:
            await first_of(working)
            if self._worker is worker:
                self._worker = self._working = None
            if not working.cancelled():
                working.result()

    @property
    def workflows(self) -> Mapping[str, AnyWorkflow]:
        """The workflows that this process knows, by id."""
        return self._catalog.known()

    def _is_open(self) -> bool:
        return self._opened is not None

    @property
    def _open_parts(self) -> Opened:
        if self._opened is None:
            raise RuntimeNotOpen("The runtime is not open; use it inside `async with Runtime(...)`")
        return self._opened

    @property
    def _subscriptions(self) -> "Subscriptions":
        from eventflow.runtime.subscriptions import (  # noqa: PLC0415 - few programs subscribe
            Subscriptions,
        )

        if self._subscribing is None:
            self._subscribing = Subscriptions(self._open_parts.tools, self._worker_id)
        return self._subscribing

    @property
    def _blobs(self) -> BlobStore:
        return self._open_parts.handles.values.blobs

    @property
    def _store(self) -> Store:
        return self._open_parts.handles.journal.store

    def _priority_of(self, workflow_id: str) -> int | None:
        given = self._workflow_priority
        if given is None:
            return None
        return given.get(workflow_id) if isinstance(given, Mapping) else given(workflow_id)

    def _worker_id(self) -> str:
        drawn = self._chance.new_id()[-6:]
        return self._settings.worker_id or f"{socket.gethostname()}-{os.getpid()}-{drawn}"


def _open_already() -> RuntimeNotOpen:
    return RuntimeNotOpen("The runtime is open already; make one Runtime for each block")
