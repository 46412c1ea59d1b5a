"""The store as a simulated process reaches it: over a line that delays requests and loses answers.

It changes nothing that the store is asked and nothing that it answers.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

from attrs import Factory, define, frozen

from eventflow.errors import StoreUnavailable
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
from eventflow.testing.builders import START
from eventflow.testing.checker import Acknowledged
from eventflow.testing.simulation.loop import settle
from eventflow.testing.simulation.world import Process, World

T = TypeVar("T")

PATIENCE = 0.5
"""Seconds after which a process takes an answer for lost."""


@define
class Weather:
    """How badly lines behave.

    Attributes:
        chance: What each call's fate is drawn from.
        slow: How likely a message takes longer than an instant.
        slowest: Seconds that it takes then, at most.
        lost: How likely a request never arrives.
        unanswered: How likely an answer never arrives.
        late: How likely a request arrives after its process has given it up.
        deaf: How likely a wait is not told of what others append.
        outages: When nothing can be reached, each as its first and last moment.
        until: The time from which on everything is well.
    """

    chance: Random
    slow: float = 0.0
    slowest: float = 0.0
    lost: float = 0.0
    unanswered: float = 0.0
    late: float = 0.0
    deaf: float = 0.0
    outages: tuple[tuple[float, float], ...] = ()
    until: float = 0.0

    def fate(self, now: float) -> "Fate":
        """Draw what becomes of a call."""
        if now >= self.until:
            return CALM
        if any(first <= now < last for first, last in self.outages):
            return LOST
        draw = self.chance.random
        there, back = self.delay(now), self.delay(now)
        if draw() < self.lost:
            return LOST
        if draw() < self.unanswered:
            return Fate(arrives=there, answered=None)
        if draw() < self.late:
            return Fate(arrives=PATIENCE + 4 * draw(), answered=None)
        return Fate(arrives=there, answered=back)

    def delay(self, now: float) -> float:
        """Draw how many seconds a message takes."""
        draw = self.chance.random
        return draw() ** 3 * self.slowest if now < self.until and draw() < self.slow else 0.0

    def deafens(self, now: float) -> bool:
        """Draw whether a wait is never told of anything."""
        return now < self.until and self.chance.random() < self.deaf


@frozen
class Fate:
    """What becomes of a call: seconds until it arrives, and until its answer does; None: never."""

    arrives: float | None
    answered: float | None


CALM = Fate(0.0, 0.0)
LOST = Fate(None, None)


@frozen
class Renewed:
    """A renewal that was accepted.

    Attributes:
        renewal: What was renewed.
        position: The newest position then.
        at: The true time then.
    """

    renewal: Renewal
    position: int
    at: datetime


@define
class Server:
    """The store itself, which answers each request in one piece.

    Attributes:
        world: Its time.
        store: The store; none of its methods but `wait` may ever wait.
        acknowledged: The appends whose answer has arrived.
        sent: How often each operation was sent.
        renewed: Each renewal that was accepted, in order.
        lost: Who was told that its claim of a run is lost: when, and how often it had paused.
        taken: How many appends have arrived.
        strikes: What befalls the process whose append is taken, by the number of the append.
        newest: The newest position that was appended.
        in_flight: How many requests have yet to arrive.
        waiting: Who waits for an append, and beyond which position.
    """

    world: World
    store: Store
    acknowledged: list[Acknowledged] = Factory(list)
    sent: Counter[str] = Factory(Counter)
    renewed: list[Renewed] = Factory(list)
    lost: dict[tuple[Process, str, int], tuple[float, int]] = Factory(dict)
    taken: int = 0
    strikes: dict[int, Callable[[Process], None]] = Factory(dict)
    newest: int = 0
    in_flight: int = 0
    waiting: dict[Callable[[], object], int] = Factory(dict)

    def acknowledge(self, operation: Operation, verdict: Appended) -> None:
        """Remember an append whose answer has arrived.

        Who repeats an operation may have decided otherwise meanwhile: then what was appended first
        counts, and ends elsewhere.
        """
        op_id = operation.op_id if self.sent[operation.op_id] == 1 else None
        self.acknowledged.append(Acknowledged(operation.run_id, verdict.version, op_id))

    def notice(self, verdicts: Sequence[Verdict]) -> None:
        """Wake those who wait for what was appended."""
        appended = [each.position for each in verdicts if isinstance(each, Appended)]
        self.newest = max([self.newest, *appended])
        for wake, after in list(self.waiting.items()):
            if after < self.newest:
                del self.waiting[wake]
                wake()


class Line:
    """A store whose requests and answers take time, or get lost."""

    def __init__(self, server: Server, process: Process, weather: Weather) -> None:
        self._server = server
        self._process = process
        self._weather = weather
        self.blobs = server.store.blobs

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append operations."""
        asked = list(operations)
        self._server.sent.update(each.op_id for each in asked)
        told = [f"{each.run_id}@{each.expected} {each.events[0].type}.." for each in asked]

        def call(store: Store) -> list[Verdict]:
            verdicts = at_once(store.append(asked))
            self._server.notice(verdicts)
            self._server.taken += 1
            self._server.strikes.pop(self._server.taken, _nothing)(self._process)
            return verdicts

        verdicts = await self._call(f"append {told}", call)
        for operation, verdict in zip(asked, verdicts, strict=True):
            if isinstance(verdict, Appended):
                self._server.acknowledge(operation, verdict)
        return verdicts

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read the events of several runs."""
        return await self._ask(f"read {sorted(run_ids)}", lambda s: s.read(run_ids, after))

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the global log."""
        return await self._ask("read_all", lambda s: s.read_all(after, limit))

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Collection[str]] | None,
        limit: int,
        hold: float = 0.0,
    ) -> list[DueJob]:
        """List jobs whose time has come."""
        return await self._ask("due", lambda s: s.due(now, workflows, limit, hold))

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Move due times."""

        def call(store: Store) -> list[Renewal]:
            lost = at_once(store.renew(renewals))
            kept = [each for each in renewals if each not in lost]
            newest, now = self._server.newest, true_time(self._server.world)
            self._server.renewed += [Renewed(each, newest, now) for each in kept]
            return lost

        lost = await self._call("renew", call)
        for renewal in lost:
            told = (self._process, renewal.run_id, renewal.token)
            self._server.lost.setdefault(told, self._process.moment)
        return lost

    async def runs(self, query: RunQuery) -> RunPage:
        """List runs."""
        return await self._ask("runs", lambda s: s.runs(query))

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for an append; on a bad line it is not always noticed."""
        newest = await self._call("wait", lambda _: self._server.newest)
        if newest > after:
            return newest
        told = self._process.create_future()
        tell = partial(settle, told, None)
        deliver = partial(self._process.deliver, self._weather.delay(self._server.world.now))
        wake = partial(deliver, tell)
        if not self._weather.deafens(self._server.world.now):
            self._server.waiting[wake] = after
        timer = self._process.call_later(timeout, tell)
        try:
            await told
        finally:
            timer.cancel()
            self._server.waiting.pop(wake, None)
        return self._server.newest

    async def now(self) -> datetime:
        """Tell the true time, as of when it was asked."""
        return await self._call("now", lambda _: true_time(self._server.world))

    async def close(self) -> None:
        """Do nothing: other processes go on using the store."""

    async def _ask(self, name: str, call: Callable[[Store], Awaitable[T]]) -> T:
        return await self._call(name, lambda store: at_once(call(store)))

    async def _call(self, name: str, call: Callable[[Store], T]) -> T:
        """Send a request, and wait for its answer.

        Raises:
            StoreUnavailable: None came.
        """
        answer = self._process.create_future()
        if not self._process.alive:
            await answer  # which never comes: it has crashed in this very step
        fate = self._weather.fate(self._server.world.now) if self._process.connected else LOST
        if fate.arrives is not None:
            self._server.in_flight += 1
            self._server.world.later(fate.arrives, partial(self._arrive, name, call, fate, answer))
        if fate.answered is None:
            self._process.deliver(PATIENCE, partial(_break, answer))
        result: T = await answer
        return result

    def _arrive(self, name: str, call: Callable[[Store], T], fate: Fate, answer: Any) -> None:  # noqa: ANN401 - a future of whatever is answered
        """Let the store answer; what a process has sent arrives also when it has died since."""
        self._server.in_flight -= 1
        try:
            result: object = call(self._server.store)
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            result = error
        self._process.note(f"{name} -> {_brief(result)}")
        if fate.answered is not None and self._process.connected:
            self._process.deliver(fate.answered, partial(settle, answer, result))
        elif fate.answered is not None:
            self._process.deliver(PATIENCE, partial(_break, answer))


def true_time(world: World) -> datetime:
    """Tell the time of the store."""
    return START + timedelta(seconds=world.now)


def at_once(coroutine: Awaitable[T]) -> T:
    """Run something that never waits to its end.

    Raises:
        RuntimeError: It waits.
    """
    steps = coroutine.__await__()
    try:
        next(steps)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise RuntimeError("a store that waits cannot be simulated")


def _nothing(_: Process) -> None:
    pass


def _break(answer: Any) -> None:  # noqa: ANN401 - as `_arrive`
    settle(answer, StoreUnavailable("The line is broken"))


def _brief(result: object) -> str:
    """Say what was answered, without the data of events."""
    if isinstance(result, list) and result and isinstance(result[0], StoredEvent):
        return f"{len(result)} events"
    return type(result).__name__ if isinstance(result, RunPage) else repr(result)
