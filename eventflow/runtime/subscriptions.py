"""Subscriptions of one process: each is delivered by whichever process has claimed its run.

A subscription has no state beside the log: its cursor and its dead letters are events of the runs
of an internal workflow, which are claimed, leased and fenced as all runs are.
"""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Literal, TypeAlias

from attrs import asdict, evolve

from eventflow.core.commands import CreateRun
from eventflow.core.decide import draft
from eventflow.core.events import EVENT_TYPES
from eventflow.core.projection import Projection
from eventflow.core.retry import Retry
from eventflow.core.values import Status
from eventflow.definition.builder import define_workflow
from eventflow.definition.context import StageContext
from eventflow.definition.stage import stage
from eventflow.definition.workflow import Workflow
from eventflow.errors import DeadLetterNotFound, InvalidInput, StoreUnavailable
from eventflow.runtime import subscription_log as log
from eventflow.runtime.backoff import Outage
from eventflow.runtime.catalog import Catalog
from eventflow.runtime.clock import wait_for
from eventflow.runtime.delivery import Claimed, Delivery, Handler, Order
from eventflow.runtime.driving import transition
from eventflow.runtime.given import checked_count, checked_text
from eventflow.runtime.logs import log_failure
from eventflow.runtime.subscription_log import Cursor, DeadLetter
from eventflow.runtime.worker import Tools, Worker
from eventflow.store.contract import Store

__all__ = ["Cursor", "DeadLetter", "Handler", "Start", "Subscription", "Subscriptions"]

Start: TypeAlias = Literal["beginning", "now"]
"""Where a subscription begins that the store does not have yet."""

Types: TypeAlias = Collection[str | type] | str | type | None
"""Types of events, by name or by class; None for all."""

FOR_EVER = Retry(max_attempts=1_000_000_000, initial=1.0, max_delay=60.0)
"""No number of lost leases ends a subscription."""

LONGEST_NAME = 200


class Subscription:
    """A subscription as this process takes part in it; made by `Runtime.subscribe`.

    Attributes:
        name: The name, which all processes that share the cursor give.
    """

    def __init__(self, tools: Tools, order: Order, worker_id: str) -> None:
        self.name = order.name
        self._order = order
        self._worker_id = worker_id
        self._stopping = asyncio.Event()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"eventflow {order.name}")
        self._workflow = _workflow(self._deliver)
        self._tools = evolve(tools, catalog=Catalog([self._workflow], own=True))
        self._store = tools.journal.store
        self._delivering: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Subscription {self.name!r}>"

    async def begin(self, start: Start) -> None:
        """Make the cursor durable, if there is none, and begin to deliver."""
        await self._run_to_work_on(start)
        self._delivering = asyncio.create_task(
            self._keep_delivering(), name=f"eventflow subscription {self.name}"
        )

    async def stop(self, grace: float = 30.0) -> None:
        """Let the current call of the handler end, append the cursor, and deliver no more here.

        Another process that subscribes under this name takes over at once.

        Args:
            grace: Seconds to wait for the handler; then it is cancelled, and what it had in hand
                is delivered again.
        """
        self._stopping.set()
        delivering = self._delivering
        if delivering is None:
            return
        timer = asyncio.ensure_future(self._tools.clock.sleep(grace))
        try:
            await asyncio.wait({delivering, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def stopped(self) -> bool:
        """Whether this process delivers no more."""
        return self._stopping.is_set()

    async def position(self) -> int:
        """Tell up to which position the log is done with, as the store has it.

        Behind what was delivered last it may lag by a batch, or by a second.
        """
        rows = await log.newest_run(self._store, self.name)
        if rows is None:
            return 0
        history = await self._tools.journal.history(rows.run.run_id)
        return log.standing(history).cursor.position

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """List the events that were set aside and not replayed since, the newest first."""
        return await dead_letters(self._store, self.name, limit)

    async def replay(self, position: int, actor: str | None = None) -> None:
        """Ask for a dead letter to be delivered once more, as `Runtime.replay_dead_letter` does."""
        await replay_dead_letter(self._tools, self.name, position, actor)

    async def _keep_delivering(self) -> None:
        """Take the claim whenever it is to be had, and deliver while it holds."""
        clock, settings = self._tools.clock, self._tools.settings
        outage = Outage(f'subscription "{self.name}"', clock, self._stopping)
        while not self._stopping.is_set():
            done = 0
            try:
                rows = await self._run_to_work_on()
                if any(job.due_at <= clock.now() for job in rows.jobs):
                    worker = Worker(self._tools, self._worker_id)
                    done = await transition(self._tools, worker, rows.run.run_id)
            except StoreUnavailable as error:
                with suppress(StoreUnavailable):  # it is time to stop
                    await outage.wait(error)
                continue
            except Exception as error:  # noqa: BLE001 - one that ends by itself would lose events
                log_failure("subscription.broken", error, subscription=self.name)
            outage.over()
            if not done:
                await wait_for(self._stopping, clock, settings.job_poll_interval)

    async def _deliver(self, ctx: StageContext[Cursor]) -> Cursor:
        claimed = Claimed(ctx.run_id, ctx.token, self._worker_id)
        delivery = Delivery(self._tools, self._order, claimed, self._threads, self._stopping)
        return await delivery.run()

    async def _run_to_work_on(self, start: Start = "beginning") -> Projection:
        """Give the last run of the chain, behind one that has completed a new one."""
        while True:
            rows = await log.newest_run(self._store, self.name)
            if rows is None:
                await self._create(1, await _begin_at(self._store, start))
            elif rows.run.status is Status.COMPLETED:
                state = await self._tools.journal.state(rows.run.run_id)
                number = rows.run.metadata["number"]
                await self._create(int(str(number)) + 1, state.output)
            else:
                return rows

    async def _create(self, number: int, cursor: object) -> None:
        """Create a run of the chain, unless another process was faster."""
        command = CreateRun(
            now=self._tools.clock.now(),
            plan=self._workflow.plan,
            input=cursor,
            config=self._workflow.validate_config({}),
            metadata={log.NAME: self.name, "number": number},
        )
        run_id = log.id_of_run(self.name, number)
        await self._tools.journal.create(
            run_id, draft(None, command, run_id), actor=self._worker_id
        )


class Subscriptions:
    """The subscriptions of one runtime.

    Args:
        tools: Those of the worker.
        worker_id: Makes the name under which a subscription is claimed.
    """

    def __init__(self, tools: Tools, worker_id: Callable[[], str]) -> None:
        self._tools = tools
        self._worker_id = worker_id
        self._by_name: dict[str, Subscription] = {}

    async def subscribe(
        self,
        name: str,
        handler: Handler,
        types: Types,
        *,
        retry: Retry,
        start: Start,
        batch: int,
    ) -> Subscription:
        """Begin to deliver, as `Runtime.subscribe` says."""
        known = self._by_name.get(name)
        if known is not None and not known.stopped:
            raise InvalidInput(
                f'This runtime has the subscription "{name}" already; give another name, or stop '
                "the first one"
            )
        _check(name, handler, retry, start)
        checked_count(batch, "The batch of a subscription")
        order = Order(name, handler, _names(types), retry, batch)
        subscription = Subscription(self._tools, order, self._worker_id())
        self._by_name[name] = subscription
        try:
            await subscription.begin(start)
        except BaseException:
            del self._by_name[name]
            raise
        return subscription

    async def dead_letters(self, name: str, limit: int) -> list[DeadLetter]:
        """List what a subscription has set aside, in this process or in another."""
        return await dead_letters(self._tools.journal.store, name, limit)

    async def replay(self, name: str, position: int, actor: str | None) -> None:
        """Ask for a dead letter of a subscription, in this process or in another."""
        await replay_dead_letter(self._tools, name, position, actor)

    async def close(self, grace: float) -> None:
        """Stop all of them at once."""
        await asyncio.gather(*(each.stop(grace) for each in self._by_name.values()))


async def dead_letters(store: Store, name: str, limit: int) -> list[DeadLetter]:
    """List the open dead letters of a subscription, the newest first.

    Raises:
        InvalidInput: The limit is less than one.
        SubscriptionNotFound: The store has no such subscription.
    """
    checked_text(name, "The name of a subscription")
    checked_count(limit, "The limit of a list of dead letters")
    found: list[DeadLetter] = []
    async for letter in log.open_dead_letters(store, name):
        found.append(letter)
        if len(found) == limit:
            break
    return found


async def replay_dead_letter(tools: Tools, name: str, position: int, actor: str | None) -> None:
    """Ask whoever delivers a subscription to deliver a dead letter once more.

    Raises:
        DeadLetterNotFound: There is none at this position.
        SubscriptionNotFound: The store has no such subscription.
    """
    checked_text(name, "The name of a subscription")
    store = tools.journal.store
    if await log.find_dead_letter(store, name, position) is None:
        there = ", ".join(str(each.position) for each in await dead_letters(store, name, 10))
        raise DeadLetterNotFound(
            f'The subscription "{name}" has no dead letter at position {position}; '
            f"the last ones are at: {there or 'none'}"
        )
    rows = await log.newest_run(store, name)
    if rows is None:
        raise AssertionError("what has a dead letter has a run")
    note = log.place_note(log.REPLAY, position)
    await tools.journal.record(rows.run.run_id, [note], tools.clock.now(), actor=actor)


def _workflow(function: Callable[[StageContext[Cursor]], Any]) -> Workflow[Any, Any]:
    deliver = stage(id=log.STAGE, name="Deliver", retry=FOR_EVER, input=Cursor, output=Cursor)(
        function
    )
    return define_workflow(log.WORKFLOW, name="Subscription", input=Cursor).pipe(deliver).build()


async def _begin_at(store: Store, start: Start) -> object:
    """Give the first cursor of a subscription, as plain data."""
    if start == "beginning":
        return asdict(Cursor())
    newest = await store.wait(0, 0)
    while page := await store.read_all(newest, 500):
        newest = page[-1].position
    last = await store.read_all(max(newest - 1, 0), 1)
    cursor = Cursor(newest, last[0].run_id, last[0].version) if last else Cursor()
    return asdict(cursor)


def _check(name: object, handler: object, retry: object, start: str) -> None:
    """Refuse what cannot be a subscription.

    Raises:
        InvalidInput: Saying what it is.
    """
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidInput(
            f"The name of a subscription is a printable text of at most {LONGEST_NAME} "
            f"characters, not {name!r:.300}"
        )
    if not callable(handler):
        raise InvalidInput(f"The handler of a subscription is a function, not {handler!r}")
    if start not in ("beginning", "now"):
        raise InvalidInput(f'A subscription starts at the "beginning" or "now", not {start!r}')
    if not isinstance(retry, Retry):
        raise InvalidInput(f"The retry of a subscription is a Retry(...), not {retry!r:.300}")


def _names(types: Types) -> frozenset[str] | None:
    """Name types of events.

    Raises:
        InvalidInput: There is no such type.
    """
    if types is None:
        return None
    given: object = [types] if isinstance(types, str | type) else types
    if not isinstance(given, Collection) or not given:
        raise InvalidInput(
            f"The types of a subscription are one or several types of events, or None for all, "
            f"not {types!r:.300}"
        )
    names = {kind: name for name, kind in EVENT_TYPES.items()}
    named = {names.get(each, each.__name__) if isinstance(each, type) else each for each in given}
    for name in named - set(EVENT_TYPES):
        there = ", ".join(EVENT_TYPES)
        raise InvalidInput(f'There is no type of event "{name}"; there are: {there}')
    return frozenset(named)
