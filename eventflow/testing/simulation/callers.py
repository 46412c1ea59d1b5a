"""Who asks for runs: it insists while the store is away, and remembers what it was told."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import TypeVar

from attrs import Factory, define

import eventflow as ef
from eventflow.core.values import JSON
from eventflow.errors import CannotRerun, RunEnded, StoreUnavailable
from eventflow.testing.simulation.scenario import Ask, PlannedRun
from eventflow.testing.simulation.workload import SIGNAL

T = TypeVar("T")

ONCE_ENDED = ("rerun", "rerun twice", "fork")
"""What can only be asked of a run that has ended, and so is mostly asked only then."""


@define
class Promises:
    """What callers were told, which must be true for ever.

    Attributes:
        created: The run of each planned run.
        forked: The run of each fork, by its key.
        cancelled: The runs that a caller has cancelled.
        over: The runs that a caller could not cancel, each with its version then.
        signalled: Each run with the key of a signal that it has taken.
        annotated: Each run with a value that it was annotated with.
        rewound: Each run with a generation that a caller has begun.
        outputs: Each run with an output that a caller was given.
        broken: What contradicts what was told before.
    """

    created: dict[int, str] = Factory(dict)
    forked: dict[str, str] = Factory(dict)
    cancelled: list[str] = Factory(list)
    over: list[tuple[str, int]] = Factory(list)
    signalled: list[tuple[str, str]] = Factory(list)
    annotated: list[tuple[str, str]] = Factory(list)
    rewound: list[tuple[str, int]] = Factory(list)
    outputs: list[tuple[str, JSON]] = Factory(list)
    broken: list[str] = Factory(list)

    def create(self, number: int, run_id: str) -> None:
        """Remember which run a request was answered with; it is always the same."""
        if self.created.setdefault(number, run_id) != run_id:
            self.broken.append(f"one request led to {self.created[number]} and {run_id}")

    def repeat(self, generation: int, again: int) -> None:
        """Compare what a rerun was answered with when it was asked for twice."""
        if again != generation:
            self.broken.append(f"one rerun led to the generations {generation} and {again}")

    def fork(self, key: str, run_id: str) -> None:
        """Remember which run a fork was answered with; it is always the same."""
        if self.forked.setdefault(key, run_id) != run_id:
            self.broken.append(f"one fork led to {self.forked[key]} and {run_id}")


class Caller:
    """An application that creates runs and asks things of them."""

    def __init__(self, runtime: ef.Runtime, seed: int, promises: Promises) -> None:
        self._runtime = runtime
        self._seed = seed
        self._promises = promises

    async def live(self, planned: PlannedRun) -> None:
        """Ask for a run, and for all else that is planned, until it has ended."""
        chance = Random(f"caller {self._seed} {planned.number}")
        await asyncio.sleep(planned.after)
        run = await self._create(planned)
        for number, ask in enumerate(planned.asks):
            await asyncio.sleep(ask.after)
            stage = chance.choice(self._runtime.workflows[planned.workflow].plan.stage_ids())
            key = f"{planned.number}-{number}"
            if ask.kind in ONCE_ENDED and chance.random() < 0.7:
                await insist(partial(self._outcome, run))
            await insist(partial(self._ask, planned, run, ask, stage, key))
        await insist(partial(self._outcome, run))

    async def _create(self, planned: PlannedRun) -> ef.Run:
        create = partial(
            self._runtime.create_run,
            planned.workflow,
            planned.input,
            priority=planned.priority,
            metadata=planned.metadata,
            idempotency_key=f"run-{planned.number}",
        )
        run = await insist(create)
        self._promises.create(planned.number, run.id)
        return run

    async def _ask(self, planned: PlannedRun, run: ef.Run, ask: Ask, stage: str, key: str) -> None:
        """Ask one thing; that it cannot be done any more, or not yet, is an answer as well."""
        try:
            await self._ask_one(planned, run, ask, stage, key)
        except (CannotRerun, RunEnded):
            return

    async def _ask_one(
        self, planned: PlannedRun, run: ef.Run, ask: Ask, stage: str, key: str
    ) -> None:
        match ask.kind:
            case "cancel":
                if await run.cancel("enough"):
                    self._promises.cancelled.append(run.id)
                else:
                    self._promises.over.append((run.id, (await run.state()).version))
            case "rerun" | "rerun twice":
                generation = await run.rerun_from(stage, idempotency_key=key)
                self._promises.rewound.append((run.id, generation))
                if ask.kind == "rerun twice":
                    await insist(partial(self._outcome, run))
                    again = await insist(partial(run.rerun_from, stage, idempotency_key=key))
                    self._promises.repeat(generation, again)
            case "fork":
                forked = await run.fork_from(stage, idempotency_key=key)
                self._promises.fork(f"{run.id} {key}", forked.id)
            case "create again":
                await self._create(planned)
            case _:
                await self._meddle(run, ask, key)

    async def _meddle(self, run: ef.Run, ask: Ask, key: str) -> None:
        """Do what goes on beside the run."""
        match ask.kind:
            case "signal" | "two signals":
                for each in (key, f"{key}, again")[: 1 + (ask.kind == "two signals")]:
                    await run.signal(SIGNAL, {"key": each})
                    self._promises.signalled.append((run.id, each))
            case "annotate":
                await run.annotate("key", key)
                self._promises.annotated.append((run.id, key))
            case "drive":
                await self._runtime.transition_run(run.id)
                await self._runtime.poll_suspended_stages()
            case _:
                await self._look(run)

    async def _look(self, run: ef.Run) -> None:
        """Read a run in all ways that there are."""
        await run.verify()
        history = await run.history()
        state = await run.state(at=history[-1].version)
        listed = await self._runtime.runs(metadata={"number": state.metadata["number"]})
        if run.id not in [row.run_id for row in listed.items]:
            self._promises.broken.append(f"{run.id} is not listed")
        async for _ in run.events(follow=False):
            pass

    async def _outcome(self, run: ef.Run) -> None:
        try:
            self._promises.outputs.append((run.id, await run.result()))
        except (ef.RunFailed, ef.RunCancelled):
            return


async def insist(request: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the store is away, as an application does that wants its answer."""
    while True:
        try:
            return await request()
        except StoreUnavailable:
            await asyncio.sleep(0.3)
