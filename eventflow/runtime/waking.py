"""Tells the tasks of this process that something was appended, by this process or by another."""

import asyncio
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from eventflow.core.events import Event
from eventflow.core.state import RunState
from eventflow.engine.journal import Journal
from eventflow.runtime.backoff import Outage
from eventflow.runtime.clock import Clock


class Follower:
    """Somebody who waits for a run to change.

    Attributes:
        changed: Is set when the run may have changed.
        state: The last state that this process appended, if it did.
    """

    __slots__ = ("_to_the_end", "changed", "state")

    def __init__(self, changed: asyncio.Event, to_the_end: bool) -> None:  # noqa: FBT001 - private to this module
        self.changed = changed
        self.state: RunState | None = None
        self._to_the_end = to_the_end

    def see(self, state: RunState) -> None:
        """Take notice of what this process appended."""
        if state.status.ended or not self._to_the_end:
            self.state = state
            self.changed.set()


class Waker:
    """Watches the store while anybody in this process is interested.

    What this process appends itself is known at once and wakes only whom it concerns. What other
    processes append is noticed by waiting on the store, and wakes everybody.
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
        """Give a follower that is woken whenever this run may have changed, or has ended."""
        with self.foreign_appends() as event:
            follower = Follower(event, to_the_end)
            self._followers[run_id][follower] = None
            try:
                yield follower
            finally:
                del self._followers[run_id][follower]
                if not self._followers[run_id]:
                    del self._followers[run_id]

    async def close(self) -> None:
        """Stop watching."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    def _start(self) -> None:
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_store(), name="eventflow waking")

    def _stop_if_idle(self) -> None:
        if not self._interested and self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _own_append(self, first: int, last: int) -> None:
        """Notice a gap between what this process appended: somebody else was there."""
        if first > self._position + 1:
            self._wake_all()
        self._position = max(self._position, last)

    def _own_transition(self, state: RunState, events: Sequence[Event]) -> None:
        del events
        for follower in self._followers.get(state.run_id, ()):
            follower.see(state)

    def _wake_all(self) -> None:
        self._journal.epoch += 1
        for event in self._interested:
            event.set()

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
                self._wake_all()
