"""Simulated processes under one virtual time: a seed chooses who goes on, and nothing else does."""

import asyncio
import hashlib
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random

from eventflow.testing.simulation.loop import Handle, VirtualLoop

STEP = 0.00002
"""Seconds that one step of any process takes."""

MOST_STEPS = 40_000


class Stuck(AssertionError):
    """A simulation that does not come to its end: nothing is left to run, or too much."""


class Process(VirtualLoop):
    """One simulated process: an event loop whose clock may be wrong, and that may end at any step.

    Attributes:
        name: What it is called in the trace.
        alive: Whether it has not crashed.
        cut_off_until: The true time until which nothing goes from it or to it.
        pauses: How often it has stood still.
    """

    def __init__(self, world: "World", name: str, *, rate: float, offset: float) -> None:
        super().__init__(world, rate=rate, offset=offset)
        self.name = name
        self.alive = True
        self.cut_off_until = 0.0
        self.pauses = 0
        self._world = world
        self._paused = 0

    def note(self, what: str) -> None:
        """Write a line into the trace."""
        self._world.note(self.name, what)

    def crash(self) -> None:
        """Vanish: nothing of it ever runs again, also nothing that should come at the end."""
        if self.alive:
            self.note("crashes")
            self.alive = False
            self._world.block(self)

    def pause(self, seconds: float, *, unnoticed: bool = False) -> None:
        """Run nothing for a while; if that is unnoticed, its monotonic clock stands still too."""
        if not self.alive:
            return
        self.note(f"stands still for {seconds:.3f} s" + ", with its clock" * unnoticed)
        self.pauses += 1
        self._paused += 1
        self._world.block(self)
        if unnoticed:
            self.fall_behind(seconds)
        self._world.later(seconds, self._resume)

    def cut_off(self, seconds: float) -> None:
        """Let nothing go from it or to it for a while."""
        self.note(f"is cut off for {seconds:.3f} s")
        self.cut_off_until = self._world.now + seconds

    @property
    def connected(self) -> bool:
        """Whether something may go from it or to it now."""
        return self._world.now >= self.cut_off_until

    @property
    def moment(self) -> tuple[float, int]:
        """The true time, and how often it has stood still until now."""
        return self._world.now, self.pauses

    def deliver(self, delay: float, callback: Callable[[], object]) -> None:
        """Call something in this process after so many true seconds, if it is alive then."""
        handle = Handle(callback, (), None)

        def arrive() -> None:
            if self.alive:
                self.make_ready(handle)

        self._world.later(delay, arrive)

    def _resume(self) -> None:
        self._paused -= 1
        if self.alive and not self._paused:
            self.note("goes on")
            self._world.unblock(self)


class World:
    """All processes of one simulation.

    Args:
        seed: What the order of all steps comes from.

    Attributes:
        now: The true time, in seconds.
        over: Is set by whoever knows that everything has happened.
        steps: How many callbacks have run.
        processes: All processes that there ever were.
        trace: What happened: when, where and what.
    """

    def __init__(self, seed: str) -> None:
        self.now = 0.0
        self.over = False
        self.steps = 0
        self.processes: list[Process] = []
        self.trace: list[tuple[float, str, str]] = []
        self._chance = Random(seed)
        self._window = self._chance.choice((1, 1, 2, 8))
        self._runnable: list[VirtualLoop] = []
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._strikes: list[tuple[int, int, Callable[[], object]]] = []
        self._running: VirtualLoop | None = None
        self._order = count()

    def process(self, name: str, *, rate: float = 1.0, offset: float = 0.0) -> Process:
        """Begin a process."""
        process = Process(self, name, rate=rate, offset=offset)  # type: ignore[abstract] # the rest
        self.processes.append(process)
        return process

    def run(self) -> None:
        """Let everything happen.

        Raises:
            Stuck: It never ends.
        """
        try:
            while not self.over:
                self._go_on()
        finally:
            self._running = None
            asyncio._set_running_loop(None)  # noqa: SLF001 - as `_step`

    def later(self, delay: float, callback: Callable[[], object]) -> None:
        """Call something after so many true seconds, outside any process."""
        heappush(self._timers, (self.now + delay, next(self._order), callback))

    def at_step(self, step: int, callback: Callable[[], object]) -> None:
        """Call something right before a step, outside any process."""
        heappush(self._strikes, (step, next(self._order), callback))

    def at(self, time: float, loop: VirtualLoop, handle: Handle) -> None:
        """Make a callback ready at a true time."""
        heappush(self._timers, (time, next(self._order), lambda: loop.make_ready(handle)))

    def wake(self, loop: VirtualLoop) -> None:
        """Take notice that a loop has something to run."""
        loop.listed = True
        self._runnable.append(loop)

    def block(self, loop: VirtualLoop) -> None:
        """Run nothing of a loop."""
        loop.blocked = True
        if loop.listed:
            self._unlist(loop)

    def unblock(self, loop: VirtualLoop) -> None:
        """Run a loop again."""
        loop.blocked = False
        if loop.ready and not loop.listed:
            self.wake(loop)

    def note(self, who: str, what: str) -> None:
        """Write a line into the trace."""
        self.trace.append((self.now, who, what))

    def fingerprint(self) -> str:
        """Digest everything that happened, so that two simulations can be compared."""
        digest = hashlib.sha256(f"{self.steps} {self.now!r}".encode())
        for line in self.trace:
            digest.update(repr(line).encode())
        return digest.hexdigest()

    def destroy(self) -> None:
        """End all processes."""
        for process in self.processes:
            process.destroy()

    def _go_on(self) -> None:
        """Let what is due happen, and one process take one step; or let time pass."""
        timers, strikes = self._timers, self._strikes
        while timers and timers[0][0] <= self.now:
            heappop(timers)[2]()
        while strikes and strikes[0][0] <= self.steps:
            heappop(strikes)[2]()
        if self._runnable:
            self._step()
        elif timers:
            self.now = timers[0][0]
        else:
            raise Stuck("Nobody waits for anything that will ever happen")
        if self.steps > MOST_STEPS:
            raise Stuck(f"It is not over after {self.steps} steps, at {self.now:.1f} s")

    def _step(self) -> None:
        """Let one process take one step."""
        chance, several = self._chance.random, len(self._runnable)
        loop = self._runnable[0 if several == 1 else int(chance() * several)]
        ready = loop.ready
        near = min(self._window, len(ready))
        self.steps += 1
        self.now += STEP
        if loop is not self._running:
            self._running = loop
            asyncio._set_running_loop(loop)  # noqa: SLF001 - it is there for those who write loops
        loop.run_one(0 if near == 1 else int(chance() * near))
        if not ready and loop.listed:
            self._unlist(loop)

    def _unlist(self, loop: VirtualLoop) -> None:
        loop.listed = False
        self._runnable.remove(loop)
