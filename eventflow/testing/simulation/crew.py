"""The processes of a simulation: workers that are replaced when they end, and who watches them."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from random import Random

from attrs import Factory, define, field

import eventflow as ef
from eventflow.core.values import Status
from eventflow.errors import StoreUnavailable
from eventflow.runtime.clock import SystemClock
from eventflow.runtime.identifiers import Chance
from eventflow.store.contract import RunQuery
from eventflow.testing.simulation.callers import Caller, Promises
from eventflow.testing.simulation.line import Line, Server, at_once
from eventflow.testing.simulation.scenario import Scenario, Strike
from eventflow.testing.simulation.workload import THEATRE, WORKFLOWS, Theatre
from eventflow.testing.simulation.world import Process, World

HORIZON = 300.0
"""True seconds within which everything has ended, whatever happened."""

STOPPING = 60.0
"""Seconds within which a worker that was told to stop has stopped."""

LOOK = 0.5
"""Seconds between two looks at what has ended."""

ALIVE = (Status.PENDING, Status.RUNNING, Status.SUSPENDED)


@define(eq=False)
class Member:
    """A process, with the task that is all it does.

    Attributes:
        process: The process.
        asked_to_stop: Is set in the process when it should come to its end.
        grace: Seconds that it may take for the jobs in hand then.
        task: What it does.
    """

    process: Process
    asked_to_stop: asyncio.Event = Factory(asyncio.Event)
    grace: float = 10.0
    task: "asyncio.Task[None] | None" = None

    @property
    def ended(self) -> bool:
        """Whether it does nothing more."""
        return not self.process.alive or (self.task is not None and self.task.done())

    def stop(self, grace: float) -> None:
        """Ask it to come to its end."""
        self.grace = grace
        self.process.deliver(0.0, self.asked_to_stop.set)


@define(eq=False)
class Crew:
    """Everybody in a simulation.

    Attributes:
        world: Where they live.
        server: The store.
        scenario: What is to happen.
        theatre: Where stages are played.
        promises: What callers were told.
        findings: What was wrong with anybody.
    """

    world: World
    server: Server
    scenario: Scenario
    theatre: Theatre
    promises: Promises = Factory(Promises)
    findings: list[str] = Factory(list)
    _workers: list[Member] = Factory(list)
    _callers: list[Member] = Factory(list)
    _numbers: "count[int]" = field(factory=lambda: count(1))
    _ids: "count[int]" = field(factory=lambda: count(1))
    _chance: Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._chance = Random(f"crew {self.scenario.seed}")

    def begin(self) -> None:
        """Start everybody."""
        for _ in range(self.scenario.workers):
            self._start_worker()
        self._start_caller()
        for strike in self.scenario.strikes:
            if strike.step:
                self.world.at_step(strike.step, partial(self._strike, strike))
            elif strike.append:
                self.server.strikes[strike.append] = partial(_befall, strike)
            else:
                self.theatre.strikes[strike.job] = partial(_befall, strike)
        self.world.process("watch").create_task(self._watch())

    def _start_worker(self) -> None:
        member = Member(self._process("worker"))
        member.task = member.process.create_task(self._work(member))
        self._workers.append(member)

    def _start_caller(self) -> None:
        member = Member(self._process("caller"))
        member.task = member.process.create_task(self._call(member))
        self._callers.append(member)

    def _process(self, kind: str) -> Process:
        drift = self._chance.uniform(-1, 1) * self.scenario.drift
        return self.world.process(
            f"{kind}-{next(self._numbers)}", rate=1 + drift, offset=self._chance.uniform(0, 1e5)
        )

    async def _work(self, member: Member) -> None:
        """Be a worker until told to stop."""
        async with AsyncExitStack() as stack:
            runtime = await self._open(stack, member.process)
            await runtime.start()
            await member.asked_to_stop.wait()
            await runtime.stop(member.grace)

    async def _call(self, member: Member) -> None:
        """Be an application that asks for runs, until it has all answers."""
        async with AsyncExitStack() as stack:
            runtime = await self._open(stack, member.process)
            if self.scenario.callers_work:
                await runtime.start()
            caller = Caller(runtime, self.scenario.seed, self.promises)
            lives = [caller.live(planned) for planned in self.scenario.runs]
            await asyncio.gather(*(member.process.create_task(life) for life in lives))

    async def _open(self, stack: AsyncExitStack, process: Process) -> ef.Runtime:
        """Open a runtime as soon as the store can be reached."""
        THEATRE.set(self.theatre)
        runtime = ef.Runtime(
            Line(self.server, process, self.scenario.weather),
            WORKFLOWS,
            poll_interval=10.0,
            job_poll_interval=self.scenario.look_interval,
            stale_job_threshold=self.scenario.lease,
            concurrency=self.scenario.concurrency,
            worker_id=process.name,
            clock=SystemClock(process.time),
            chance=Chance(lambda: f"id-{next(self._ids):04d}", self._chance.random),
        )
        while True:
            try:
                return await stack.enter_async_context(runtime)
            except StoreUnavailable:
                await asyncio.sleep(0.5)

    def _strike(self, strike: Strike) -> None:
        """Let something befall one of those who are alive."""
        alive = [each for each in (*self._workers, *self._callers) if not each.ended]
        if not alive:
            return
        victim = alive[strike.victim % len(alive)]
        if strike.kind == "stop":
            victim.stop(grace=strike.seconds)
        else:
            _befall(strike, victim.process)

    async def _watch(self) -> None:
        """Replace who ends, until everything has happened; then let all come to their ends."""
        while not self._done():
            if self.world.now > HORIZON:
                self.findings.append("it has not ended")
                break
            await asyncio.sleep(LOOK)
            self._replace()
        for member in self._workers:
            member.stop(grace=10.0)
        deadline = self.world.now + STOPPING
        while not all(each.ended for each in self._workers):
            if self.world.now > deadline:
                break
            await asyncio.sleep(LOOK)
        self._note_who_went_wrong()
        self.world.over = True

    def _done(self) -> bool:
        """Tell whether all callers have their answers, and no run is alive."""
        if self.server.in_flight or not self._callers[-1].ended:
            return False
        if not self._callers[-1].process.alive:
            return False
        query = RunQuery(statuses=ALIVE, limit=1)
        return not at_once(self.server.store.runs(query)).items

    def _replace(self) -> None:
        for member in [each for each in self._workers if each.ended]:
            self._workers.remove(member)
            self._note_error(member)
            self._start_worker()
        if not self._callers[-1].process.alive:
            self._start_caller()

    def _note_who_went_wrong(self) -> None:
        for member in (*self._workers, *self._callers):
            self._note_error(member)
            if not member.ended:
                self.findings.append(f"{member.process.name} does not stop")
        for process in self.world.processes:
            self.findings += [f"{process.name}: {error}" for error in process.errors]

    def _note_error(self, member: Member) -> None:
        if member.process.alive and member.task is not None and member.task.done():
            error = member.task.exception()
            if error is not None:
                self.findings.append(f"{member.process.name} ended with {error!r}")


def _befall(strike: Strike, process: Process) -> None:
    match strike.kind:
        case "crash":
            process.crash()
        case "pause":
            process.pause(strike.seconds)
        case "sleep":
            process.pause(strike.seconds, unnoticed=True)
        case "cut off":
            process.cut_off(strike.seconds)
        case other:
            raise ValueError(f"nothing is called {other}")
