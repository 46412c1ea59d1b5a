"""Delivers the log to one handler while one claim holds; it never delivers a subscription's runs.

The cursor is appended behind what it tells of, so that an event is delivered again after a crash,
and none is left out. Every append is fenced by the token of the claim.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeAlias, TypeVar

from attrs import evolve

from eventflow.core.draft import Draft
from eventflow.core.events import Event, Note
from eventflow.core.frozen import frozen
from eventflow.core.retry import Retry, error_names
from eventflow.core.stage import LEASE_LOST
from eventflow.core.state import RunState
from eventflow.core.values import ErrorInfo
from eventflow.errors import HistoryAltered, StaleToken, StoreUnavailable
from eventflow.runtime import subscription_log as log
from eventflow.runtime.backoff import Outage, execute_until_known
from eventflow.runtime.calling import await_politely, itself, start
from eventflow.runtime.clock import wait_for
from eventflow.runtime.execution import error_info
from eventflow.runtime.logs import logger
from eventflow.runtime.worker import Tools
from eventflow.store.contract import StoredEvent
from eventflow.store.envelope import Envelope, open_envelope

T = TypeVar("T")

Handler: TypeAlias = Callable[[Envelope], Awaitable[object] | object]
"""What events are delivered to: a coroutine function, or a plain one, which runs in a thread."""

READ_AT_ONCE = 500
"""So many events are in memory at once."""

SKIPPED_AT_MOST = 1_000
"""Behind so many events that nobody wants, the cursor is appended all the same."""

SAVE_AFTER = timedelta(seconds=1)
"""A slow handler has its cursor appended so often."""

LONGEST_RUN = 1_000
"""A run of the chain with so many events completes, and the next one goes on."""

LONGEST_MESSAGE = 2_000


@frozen
class Order:
    """What is to be delivered, and to whom.

    Attributes:
        name: The subscription.
        handler: What is called with each event.
        types: The types of the events to deliver, or None for all.
        retry: How often, and how long after a failure, the handler is called again.
        batch: How many events are delivered before the cursor is appended.
    """

    name: str
    handler: Handler
    types: frozenset[str] | None
    retry: Retry
    batch: int


@frozen
class Failure:
    """A handler failed for good; so many attempts were made."""

    attempts: int
    error: ErrorInfo


@frozen
class LeftAlone:
    """The subscription is to stop, and the event was not delivered."""


Fate: TypeAlias = Failure | LeftAlone | None
"""What became of an event; None if it was delivered."""


@frozen
class Claimed:
    """The claim under which events are delivered."""

    run_id: str
    token: int
    worker: str


class Delivery:
    """One claim of a subscription at work.

    Args:
        tools: Those of the worker.
        order: What is to be delivered, and to whom.
        claimed: The claim.
        threads: Where a plain handler runs.
        stopping: Is set when the current call of the handler is to be the last one.
    """

    def __init__(
        self,
        tools: Tools,
        order: Order,
        claimed: Claimed,
        threads: Executor,
        stopping: asyncio.Event,
    ) -> None:
        self._tools = tools
        self._order = order
        self._claimed = claimed
        self._threads = threads
        self._stopping = stopping
        self._store = tools.journal.store
        self._cursor = log.Cursor()
        self._begun: dict[int, int] = {}
        self._watched = 0
        self._delivered = 0
        self._saved = 0
        self._saved_at = tools.clock.now()
        self._length = 0

    async def run(self) -> log.Cursor:
        """Deliver until it is time to stop, or until the run has grown long; give the cursor.

        Raises:
            StaleToken: The claim no longer holds.
            StoreUnavailable: The store was away until it was time to stop.
        """
        await self._take_up()
        with self._news() as news:
            while not self._to_end():
                news.clear()
                page = await self._asking(self._store.read_all, self._cursor.position, READ_AT_ONCE)
                for stored in page:
                    if self._to_end() or not await self._take(stored):
                        break
                await self._save_if_due()
                if not page:
                    await self._wait(news)
        if self._delivered:
            await self._save()
        return self._cursor

    def _to_end(self) -> bool:
        """Tell whether it is time to stop, or for another run of the chain."""
        return self._stopping.is_set() or self._length >= LONGEST_RUN

    async def _take_up(self) -> None:
        """Find out where to go on, and whether a process died over one of the next events."""
        history = await self._asking(self._tools.journal.history, self._claimed.run_id)
        told = log.standing(history)
        self._cursor, self._begun = told.cursor, dict(told.begun)
        if not await self._is_of_this_log(told.cursor):
            self._cursor, self._begun = log.Cursor(open=told.cursor.open), {}
            logger().warning("subscription.begins_again", subscription=self._order.name)
        self._watched = self._order.batch if told.died else 0
        self._saved = self._cursor.position
        self._length = len(history)

    async def _is_of_this_log(self, cursor: log.Cursor) -> bool:
        """Tell whether the event of the cursor stands where the cursor says."""
        if cursor.run_id is None:
            return True
        page = await self._asking(self._store.read_all, cursor.position - 1, 1)
        return bool(page) and (page[0].run_id, page[0].version) == (cursor.run_id, cursor.version)

    @contextmanager
    def _news(self) -> Generator[asyncio.Event]:
        """Give an event that is set when something was appended that may have to be delivered."""
        with self._tools.waker.foreign_appends() as news:

            def hear(state: RunState, events: Sequence[Event]) -> None:
                if state.run_id != self._claimed.run_id or any(map(log.asks_for_replay, events)):
                    news.set()

            self._tools.journal.observers.append(hear)
            try:
                yield news
            finally:
                self._tools.journal.observers.remove(hear)

    async def _wait(self, news: asyncio.Event) -> None:
        """Wait for something to read, or until it is time to stop."""
        asked = asyncio.ensure_future(self._stopping.wait())
        asked.add_done_callback(lambda done: None if done.cancelled() else news.set())
        try:
            await wait_for(news, self._tools.clock, self._tools.settings.poll_interval)
        finally:
            asked.cancel()

    async def _take(self, stored: StoredEvent) -> bool:
        """Do with the next event what is to be done with it; tell whether it is done."""
        of = log.subscription_of(stored.run_id)
        types = self._order.types
        if of is None and (types is None or stored.type in types):
            return await self._hand_over(stored)
        if of == self._order.name and stored.type == "run.annotated":
            position = log.replay_asked_by(open_envelope(stored).event)
            if position is not None:
                return await self._replay(stored, position)
        self._move_past(stored)
        return True

    async def _hand_over(self, stored: StoredEvent) -> bool:
        """Deliver an event, or set it aside."""
        fate = await self._fate(stored, stored)
        if isinstance(fate, LeftAlone):
            return False
        self._move_past(stored)
        self._delivered += 1
        if fate is not None:
            self._cursor = evolve(self._cursor, open=self._cursor.open + 1)
            await self._set_aside(stored, fate)
        elif self._delivered >= self._order.batch or self._is_slow():
            await self._save()
        return True

    async def _replay(self, request: StoredEvent, position: int) -> bool:
        """Deliver a dead letter once more, if it is still one."""
        letter = await self._asking(log.find_dead_letter, self._store, self._order.name, position)
        rest: Sequence[StoredEvent] = ()
        if letter is not None:
            rest = await self._asking(self._store.read, [letter.run_id], letter.version - 1)
        if not rest:
            self._move_past(request)
            return True
        stored = evolve(rest[0], position=position)
        fate = await self._fate(stored, request)
        if isinstance(fate, LeftAlone):
            return False
        self._move_past(request)
        if fate is not None:
            await self._set_aside(stored, fate)
        else:
            self._cursor = evolve(self._cursor, open=self._cursor.open - 1)
            await self._save(log.place_note(log.REPLAYED, position))
        return True

    async def _fate(self, stored: StoredEvent, cause: StoredEvent) -> Fate:
        """Call the handler until it succeeds or the policy gives up.

        While the death of a process may have been caused by one of the next events, each is
        written down before it is begun: a death uses up an attempt, like any other failure.
        """
        if self._watched:
            self._watched -= 1
            begun = self._begun.get(cause.position, 0)
            if begun >= self._order.retry.max_attempts:
                return Failure(begun, LEASE_LOST)
            await self._save(log.place_note(log.BEGUN, cause.position))
        try:
            envelope = open_envelope(stored)
        except HistoryAltered as error:
            return Failure(0, _short(error))
        return await self._called(envelope)

    async def _called(self, envelope: Envelope) -> Fate:
        retry, attempts = self._order.retry, 0
        while True:
            attempts += 1
            try:
                await self._call(envelope)
            except (Exception, asyncio.CancelledError) as error:
                if _cancelling():
                    raise
                names = error_names(type(error))
                if attempts >= retry.max_attempts or not retry.covers(names):
                    return Failure(attempts, _short(error))
                pause = retry.delay(attempts, self._tools.random()).total_seconds()
                self._say_failed(envelope, attempts, pause, error)
            else:
                return None
            if await wait_for(self._stopping, self._tools.clock, pause):
                return LeftAlone()

    async def _call(self, envelope: Envelope) -> None:
        returned = await start(self._threads, self._order.handler, (envelope,))
        if inspect.isawaitable(returned):
            await await_politely(itself, returned)

    def _say_failed(
        self, envelope: Envelope, attempts: int, pause: float, error: BaseException
    ) -> None:
        logger().warning(
            "subscription.failed",
            subscription=self._order.name,
            position=envelope.position,
            type=envelope.type,
            run_id=envelope.run_id,
            attempts=attempts,
            retry_in=pause,
            error=f"{type(error).__qualname__}: {error}",
        )

    async def _set_aside(self, stored: StoredEvent, failure: Failure) -> None:
        await self._save(log.dead_letter_note(stored, failure.attempts, failure.error))
        logger().error(
            "subscription.dead_letter",
            subscription=self._order.name,
            position=stored.position,
            type=stored.type,
            run_id=stored.run_id,
            attempts=failure.attempts,
            error=f"{failure.error.type}: {failure.error.message}",
        )

    def _move_past(self, stored: StoredEvent) -> None:
        self._cursor = evolve(
            self._cursor, position=stored.position, run_id=stored.run_id, version=stored.version
        )

    def _is_slow(self) -> bool:
        return self._tools.clock.now() - self._saved_at >= SAVE_AFTER

    async def _save_if_due(self) -> None:
        """Append the cursor behind what was delivered, or behind much that nobody wanted."""
        if self._delivered or self._cursor.position - self._saved >= SKIPPED_AT_MOST:
            await self._save()

    async def _save(self, *notes: Note) -> None:
        """Append the cursor, together with what is to be said of the last event or the next.

        Raises:
            StaleToken: The claim no longer holds; nothing was appended.
            StoreUnavailable: The store was away until it was time to stop.
        """

        def decide(state: RunState) -> Draft:
            claim = state.stages[log.STAGE].claim
            if claim is None or claim.token != self._claimed.token:
                raise StaleToken(state.run_id, log.STAGE, self._claimed.token)
            work = Draft(state, self._tools.clock.now())
            for note in (*notes, log.cursor_note(self._cursor)):
                work.add(note)
            return work

        outcome = await execute_until_known(
            self._tools.journal,
            self._claimed.run_id,
            decide,
            actor=self._claimed.worker,
            outage=self._outage(),
        )
        self._length = outcome.state.version
        self._delivered = 0
        self._saved = self._cursor.position
        self._saved_at = self._tools.clock.now()

    async def _asking(self, ask: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """Ask the store, and wait for it while it is away."""
        outage = self._outage()
        while True:
            try:
                answer = await ask(*arguments)
            except StoreUnavailable as error:
                await outage.wait(error)
            else:
                outage.over()
                return answer

    def _outage(self) -> Outage:
        return Outage(f'subscription "{self._order.name}"', self._tools.clock, self._stopping)


def _short(error: BaseException) -> ErrorInfo:
    """Keep what an error says; its traceback is in the log of the process."""
    info = error_info(error)
    return ErrorInfo(info.type, info.message[:LONGEST_MESSAGE])


def _cancelling() -> bool:
    """Tell whether this task itself is being cancelled, and not only what the handler waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
