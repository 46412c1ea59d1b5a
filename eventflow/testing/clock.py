"""Virtual time for tests: it moves only when a test moves it, and never while work is under way."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Generator,
    Mapping,
    Sequence,
    Sized,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeAlias, TypeVar

from eventflow.errors import StoreUnavailable
from eventflow.runtime.clock import Clock, Timer, wait_for
from eventflow.store.blobs import BlobStore
from eventflow.store.contract import (
    Appended,
    DueJob,
    Operation,
    Renewal,
    RunPage,
    RunQuery,
    Store,
    StoredEvent,
    Verdict,
)
from eventflow.testing.real_time import really_waits

T = TypeVar("T")

START = datetime(2026, 1, 1, tzinfo=UTC)

TWO_DAYS = 48 * 3600.0

_QUIET_ROUNDS = 3
"""How often the loop must be found with nothing to run."""

_BLIND_ROUNDS = 50
"""How often a loop that does not say what it has to run must go round."""

_MOST_ROUNDS = 1_000
"""How often the loop goes round for tasks that never let it rest."""

_GLANCE = 0.01
"""After so many real seconds, code that really waits is looked at again."""

Foresee: TypeAlias = Callable[[], Awaitable[datetime]]
"""Tells when something will happen."""


class NothingLeft(AssertionError):
    """What a test waits for does not happen, however far the time moves."""


class ManualClock:
    """A `Clock` for one event loop; it replaces all time of the runtimes that it is given to.

    Give a runtime `clock.watch(store)` along with the clock: while a call of the store is under
    way, or a plain function works in a thread, the time stands still. Calls are made one at a
    time, in the order in which they came, so that what a test does depends on no speed. User code
    that waits for anything else, such as `asyncio.sleep` or a socket, waits in real time, while
    virtual time moves on, though not past the timeout of its stage while it waits; let it wait with
    `clock.sleep`.

    Args:
        start: The time at first, with a time zone.
        patience: Real seconds for which one call in a thread holds the time still, or a stage that
            really waits when its timeout comes.
    """

    def __init__(self, start: datetime = START, *, patience: float = 1.0) -> None:
        if start.tzinfo is None:
            raise ValueError("the time needs a time zone: datetime(2026, 1, 1, tzinfo=UTC)")
        self._now = start
        self._patience = patience
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._of_engine: set[asyncio.Future[None]] = set()
        self._endings: dict[asyncio.Future[None], asyncio.Future[Any]] = {}
        self._order = count()
        self._stores: list[_Watched] = []
        self._threads: set[asyncio.Future[Any]] = set()
        self._one_call = asyncio.Lock()
        self._exhausting = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"<ManualClock {self._now.isoformat()}>"

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return once the time was moved so many seconds further."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        await self.sleeper(seconds)

    def call_later(
        self,
        seconds: float,
        callback: Callable[[], None],
        ending: asyncio.Future[Any] | None = None,
    ) -> Timer:
        """Call back once the time was moved so many seconds further."""
        if seconds <= 0:
            return asyncio.get_running_loop().call_soon(callback)
        sleeper = self.sleeper(seconds, ending=ending)
        sleeper.add_done_callback(lambda woken: None if woken.cancelled() else callback())
        return sleeper

    def align(self, store_time: datetime) -> None:
        """Do nothing: no store knows this time better."""

    def sleeper(
        self, seconds: float, *, engine: bool = False, ending: asyncio.Future[Any] | None = None
    ) -> asyncio.Future[None]:
        """Give a future that is done once the time was moved so far.

        Args:
            seconds: How far.
            engine: A runtime waits for it, and looks then whether there is something to do.
            ending: The user's code that ends then; as long as that really waits, and there is
                patience, the time does not come.
        """
        pause = max(timedelta(seconds=seconds), timedelta.resolution)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self._now + pause, next(self._order), woken))
        if engine:
            self._of_engine.add(woken)
            woken.add_done_callback(self._of_engine.discard)
        if ending is not None:
            self._endings[woken] = ending
            woken.add_done_callback(lambda woken: self._endings.pop(woken, None))
        return woken

    def of_engine(self) -> Clock:
        """Give the clock to a runtime, so that who sleeps for it is told from who else does."""
        return _EngineClock(self)

    def watch(self, store: Store) -> Store:
        """Give a store that tells this time, and lets it move only between calls."""
        for watched in self._stores:
            if store is watched or store is watched.store:
                return watched
        watched = _Watched(store, self)
        self._stores.append(watched)
        return watched

    async def settle(self) -> None:
        """Let everything run that can run now, without moving the time."""
        self.hold_for_threads()
        while True:
            await self._exhaust()
            busy = [store for store in self._stores if store.busy]
            if busy:
                await busy[0].next_answer()
            elif not await self._let_threads_end() and not await self._look():
                return

    async def advance(self, seconds: float) -> None:
        """Move the time, from sleeper to sleeper, and let each do what it has to do."""
        until = self._now + timedelta(seconds=seconds)
        await self.settle()
        while await self._wake_next(until):
            await self.settle()
        self._now = max(self._now, until)

    async def run_until(
        self, awaitable: Awaitable[T], limit: float = TWO_DAYS, foresee: Foresee | None = None
    ) -> T:
        """Move the time from sleeper to sleeper until something is done, and give its result.

        Args:
            awaitable: What to wait for; it is cancelled if it does not happen.
            limit: Virtual seconds to wait at most.
            foresee: Is asked when something will happen, while nobody but runtimes sleeps on this
                clock until the limit; the time until then is passed over. It raises if nothing
                will.

        Raises:
            NothingLeft: It is not done, and nobody sleeps any more, or only beyond the limit.
        """
        until = self._now + timedelta(seconds=limit)
        task = asyncio.ensure_future(awaitable)
        try:
            await self.settle()
            while not task.done():
                if foresee is not None and not self._somebody_sleeps(until):
                    self._now = max(self._now, await foresee())
                if not await self._wake_next(until):
                    raise NothingLeft(self._why_nothing_is_left(limit))
                await self.settle()
            return await task
        finally:
            task.cancel()

    def hold_for_threads(self) -> None:
        """Notice from now on which calls of this event loop are under way in threads."""
        loop: Any = asyncio.get_running_loop()
        if loop is self._loop:
            return
        self._loop = loop
        begin: Callable[..., asyncio.Future[Any]] = loop.run_in_executor

        def begin_and_count(*arguments: Any) -> asyncio.Future[Any]:  # noqa: ANN401 - as the loop's own
            call = begin(*arguments)
            self._threads.add(call)
            call.add_done_callback(self._threads.discard)
            return call

        with suppress(AttributeError):  # a loop that is not written in Python cannot be told
            loop.run_in_executor = begin_and_count

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None, None]:
        """Wait for the turn of one call: nothing else is under way, and nothing left to run."""
        self.hold_for_threads()
        async with self._one_call:
            await self._exhaust()
            while await self._let_threads_end():
                await self._exhaust()
            yield

    async def _exhaust(self) -> None:
        """Go round the loop until it has nothing to run but those who do this."""
        ready: Sized | None = getattr(asyncio.get_running_loop(), "_ready", None)
        needed = _BLIND_ROUNDS if ready is None else _QUIET_ROUNDS
        quiet = 0
        self._exhausting += 1
        try:
            for _ in range(_MOST_ROUNDS):
                await asyncio.sleep(0)
                others = self._exhausting - 1
                quiet = quiet + 1 if ready is None or len(ready) <= others else 0
                if quiet == needed:
                    return
        finally:
            self._exhausting -= 1

    async def _let_threads_end(self) -> bool:
        """Wait for calls in threads, as long as there is patience; tell whether there were any."""
        if not self._threads:
            return False
        _, slow = await asyncio.wait(self._threads.copy(), timeout=self._patience)
        self._threads -= slow
        return True

    async def _look(self) -> bool:
        """Look for what was appended past the clock; tell whether there was anything."""
        return any([await store.look() for store in self._stores])

    def _somebody_sleeps(self, until: datetime) -> bool:
        """Tell whether anybody but a runtime sleeps on this clock, up to a time."""
        return any(
            at <= until and not woken.done() and woken not in self._of_engine
            for at, _, woken in self._sleepers
        )

    async def _wake_next(self, until: datetime) -> bool:
        """Move the time to that of the next sleeper and wake it; tell whether there was one."""
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, woken = self._sleepers[0]
            if woken in self._endings and await self._really_went_on(self._endings[woken]):
                return True
            if self._sleepers[0][2] is not woken:
                continue
            heappop(self._sleepers)
            if not woken.done():
                self._now = max(self._now, at)
                woken.set_result(None)
                return True
        return False

    async def _really_went_on(self, work: asyncio.Future[Any]) -> bool:
        """Wait for code that waits for something real, while there is patience; tell if it came."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience
        waited = False
        while not work.done() and really_waits(work, {woken for _, _, woken in self._sleepers}):
            if loop.time() >= end:
                return False
            waited = True
            await asyncio.wait({work}, timeout=_GLANCE)
            await self.settle()
        return waited

    def _why_nothing_is_left(self, limit: float) -> str:
        if any(not woken.done() for _, _, woken in self._sleepers):
            return f"It did not happen within {limit:g} virtual seconds; now it is {self._now}"
        return (
            f"It cannot happen: at {self._now} nobody sleeps on this clock, and nothing is left "
            "to run; start a worker, or let user code wait with clock.sleep"
        )


class _EngineClock:
    """A manual clock as a runtime has it."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        """Return once the time was moved so many seconds further."""
        await (self._clock.sleeper(seconds, engine=True) if seconds > 0 else asyncio.sleep(0))

    def call_later(
        self,
        seconds: float,
        callback: Callable[[], None],
        ending: asyncio.Future[Any] | None = None,
    ) -> Timer:
        """Call back once the time was moved so many seconds further."""
        if seconds <= 0:
            return asyncio.get_running_loop().call_soon(callback)
        sleeper = self._clock.sleeper(seconds, engine=True, ending=ending)
        sleeper.add_done_callback(lambda woken: None if woken.cancelled() else callback())
        return sleeper

    def align(self, store_time: datetime) -> None:
        """Do nothing: no store knows this time better."""


class _Watched:
    """A store as the clock sees it: its calls take turns, and its waits end in virtual time.

    Nobody waits on the store itself, which would notice an append at some real moment. What was
    appended past this object is noticed when everything else has settled.
    """

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store = store
        self._clock = clock
        self._calls = 0
        self._call_ended = asyncio.Event()
        self._newest = 0
        self._waits: list[tuple[int, asyncio.Event]] = []

    @property
    def busy(self) -> bool:
        """Whether an answer of the store is still to come."""
        return self._calls > 0

    async def next_answer(self) -> None:
        """Return once an answer has come."""
        self._call_ended.clear()
        await self._call_ended.wait()

    async def look(self) -> bool:
        """Find out whether others have appended something that somebody here waits for."""
        if not self._waits:
            return False
        before = self._newest
        with suppress(StoreUnavailable):
            self._notice(await self.store.wait(before, 0))
        return self._newest > before

    @property
    def blobs(self) -> BlobStore:
        """The blobs of the store; the time stands still while they are written and read."""
        return _WatchedBlobs(self.store.blobs, self._call)

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append operations."""
        verdicts = await self._call(self.store.append(operations))
        for verdict in verdicts:
            if isinstance(verdict, Appended):
                self._notice(verdict.position)
        return verdicts

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read the events of several runs."""
        return await self._call(self.store.read(run_ids, after))

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the global log."""
        return await self._call(self.store.read_all(after, limit))

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Collection[str]] | None,
        limit: int,
        hold: float = 0.0,
    ) -> list[DueJob]:
        """List jobs whose time has come."""
        return await self._call(self.store.due(now, workflows, limit, hold))

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Move due times."""
        return await self._call(self.store.renew(renewals))

    async def runs(self, query: RunQuery) -> RunPage:
        """List runs."""
        return await self._call(self.store.runs(query))

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for an append, or for so many virtual seconds."""
        with self._under_way():
            self._notice(await self.store.wait(after, 0))
        appended = asyncio.Event()
        self._waits.append((after, appended))
        try:
            if self._newest <= after:
                await wait_for(appended, self._clock.of_engine(), timeout)
        finally:
            self._waits.remove((after, appended))
        return self._newest

    async def now(self) -> datetime:
        """Tell the clock's time, if the store can be asked for its own."""
        await self._call(self.store.now())
        return self._clock.now()

    async def close(self) -> None:
        """Close the store."""
        await self._call(self.store.close())

    async def _call(self, call: Coroutine[Any, Any, T]) -> T:
        with self._under_way():
            try:
                async with self._clock.turn():
                    return await call
            finally:
                call.close()  # whoever was cancelled before its turn never made the call

    @contextmanager
    def _under_way(self) -> Generator[None, None, None]:
        """Let the time stand still meanwhile."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._call_ended.set()

    def _notice(self, position: int) -> None:
        """Wake those who wait for this position, or an older one."""
        self._newest = max(self._newest, position)
        for after, appended in self._waits:
            if after < self._newest:
                appended.set()


class _WatchedBlobs:
    """The blobs of a store, as they are, with each call made as `_Watched` makes its own."""

    def __init__(
        self, blobs: BlobStore, call: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]
    ) -> None:
        self._blobs = blobs
        self._call = call

    async def put(self, data: bytes) -> str:
        """Keep bytes."""
        key: str = await self._call(self._blobs.put(data))
        return key

    async def get(self, key: str) -> bytes:
        """Give the bytes of a blob."""
        data: bytes = await self._call(self._blobs.get(key))
        return data

    async def exists(self, key: str) -> bool:
        """Tell whether there is such a blob."""
        found: bool = await self._call(self._blobs.exists(key))
        return found

    async def close(self) -> None:
        """Close the blob store."""
        await self._call(self._blobs.close())

    async def list(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Sequence[str]:
        """List keys."""
        keys: Sequence[str] = await self._call(self._blobs.list(prefix, after, limit))
        return keys
