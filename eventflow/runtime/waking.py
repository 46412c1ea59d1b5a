"""Tells the tasks of this process that something was appended, by this process or by another."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from eventflow.core import events as e
from eventflow.core.state import RunState
from eventflow.engine.journal import Journal
from eventflow.engine.tasks import begin
from eventflow.errors import RuntimeNotOpen
from eventflow.runtime.backoff import Outage
from eventflow.runtime.clock import Clock, Timer
from eventflow.store.telling import Event

LULL = 0.010
"""Seconds between two times that everybody is woken by the appends of other processes."""


class Follower:
    """Somebody who waits for a run to change.

    Attributes:
        changed: Is set when the run may have changed, or the runtime was closed.
        closed: Whether the runtime was closed.
        state: The last state that this process appended, if it did.
    """

    __slots__ = ("_passed_over", "_to_the_end", "changed", "closed", "state")

    def __init__(self, changed: Event, to_the_end: bool) -> None:  # noqa: FBT001 - private to this module
        self.changed = changed
        self.closed = False
        self.state: RunState | None = None
        self._to_the_end = to_the_end
        self._passed_over = False

    async def wait(self) -> None:
        """Wait until the run may have changed.

        Raises:
            RuntimeNotOpen: The runtime was closed, so that nobody would ever hear of it.
        """
        await self.changed.wait()
        if self.closed:
            raise _closed()

    def wake(self, *, held: bool) -> None:
        """Look at the run, unless only its end counts, and this process would have made it."""
        if held and self._to_the_end:
            self._passed_over = True
        else:
            self.changed.set()

    def let_go(self) -> None:
        """Look at what was passed over, as this process will perhaps not make the end."""
        if self._passed_over:
            self._passed_over = False
            self.changed.set()

    def see(self, state: RunState) -> None:
        """Take notice of what this process appended."""
        if state.status.ended or not self._to_the_end:
            self.state = state
            self.changed.set()


class Waker:
    """Watches the store while anybody in this process is interested.

    What this process appends itself is known at once and wakes only whom it concerns. What other
    processes append is noticed by waiting on the store, and wakes everybody: at once, but not
    again and again, since each of them asks the store what has changed.

    Attributes:
        held: Tells whether a worker of this process has a job of a run in hand. Nobody else can
            bring such a run to its end but by taking the job away, which the worker notices.
    """

    def __init__(self, journal: Journal, clock: Clock, poll_interval: float) -> None:
        self._journal = journal
        self._clock = clock
        self._poll_interval = poll_interval
        self._position = 0
        # Not sets: whoever waits longest is woken first, in the same order each time.
        self._interested: dict[asyncio.Event, None] = {}
        self._followers: defaultdict[str, dict[Follower, None]] = defaultdict(dict)
        self._watch: asyncio.Task[None] | None = None
        self._lull: Timer | None = None
        self._woken_too_soon = False
        self._closed = False
        self.held: Callable[[str], bool] = _nothing_held
        journal.position_observers.append(self._own_append)
        journal.observers.append(self._own_transition)

    @contextmanager
    def foreign_appends(self) -> Generator[asyncio.Event]:
        """Give an event that is set whenever another process may have appended something."""
        event = asyncio.Event()
        self._interested[event] = None
        self._start()
        try:
            yield event
        finally:
            self._interested.pop(event, None)
            self._stop_if_idle()

    @contextmanager
    def follow(self, run_id: str, *, to_the_end: bool = False) -> Generator["Follower"]:
        """Give a follower that is woken whenever this run may have changed, or has ended.

        Raises:
            RuntimeNotOpen: The runtime was closed.
        """
        if self._closed:
            raise _closed()
        follower = Follower(Event(), to_the_end)
        self._followers[run_id][follower] = None
        self._start()
        try:
            yield follower
        finally:
            del self._followers[run_id][follower]
            if not self._followers[run_id]:
                del self._followers[run_id]
            self._stop_if_idle()

    async def close(self) -> None:
        """Stop watching, and tell all who follow a run that they wait in vain."""
        self._closed = True
        for followers in self._followers.values():
            for follower in followers:
                follower.closed = True
                follower.changed.set()
        if self._lull is not None:
            self._lull.cancel()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def _start(self) -> None:
        if self._watch is None or self._watch.done():  # somebody may have cancelled all tasks
            self._watch = begin(self._watch_store(), "eventflow waking")

    def _stop_if_idle(self) -> None:
        if not self._interested and not self._followers and self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _own_append(self, first: int, last: int) -> None:
        """Notice a gap between what this process appended: somebody else was there."""
        if first > self._position + 1:
            self._others_appended()
        self._position = max(self._position, last)

    def _own_transition(self, state: RunState, events: Sequence[e.Event]) -> None:
        del events
        for follower in self._followers.get(state.run_id, ()):
            follower.see(state)

    def wake(self, run_id: str) -> None:
        """Let whoever follows a run look at it."""
        for follower in self._followers.get(run_id, ()):
            follower.changed.set()

    def let_go(self, run_id: str) -> None:
        """Tell those who follow a run that this process holds a job of it no more."""
        for follower in self._followers.get(run_id, ()):
            follower.let_go()

    def _others_appended(self) -> None:
        """Wake everybody, unless that was done a moment ago: then once the moment is over."""
        self._journal.epoch += 1
        if self._lull is not None:
            self._woken_too_soon = True
            return
        self._lull = self._clock.call_later(LULL, self._lull_over)
        for event in self._interested:
            event.set()
        for run_id, followers in self._followers.items():
            held = self.held(run_id)
            for follower in followers:
                follower.wake(held=held)

    def _lull_over(self) -> None:
        self._lull = None
        if self._woken_too_soon:
            self._woken_too_soon = False
            self._others_appended()

    async def _watch_store(self) -> None:
        """Watch until another task does, or none: a store may lose the cancellation of a wait."""
        outage = Outage("waking", self._clock)
        while self._watch is asyncio.current_task():
            try:
                newest = await self._journal.store.wait(self._position, self._poll_interval)
            except Exception as error:  # noqa: BLE001 - whoever waits would wait for ever
                await outage.wait(error)
                continue
            outage.over()
            if newest > self._position:
                await self._journal.settled()  # what was seen may be this process's own
            if newest > self._position:
                self._position = newest
                self._others_appended()


def _closed() -> RuntimeNotOpen:
    return RuntimeNotOpen(
        "The runtime was closed, and the run goes on without it; open another one to follow it"
    )


def _nothing_held(run_id: str) -> bool:
    del run_id
    return False
