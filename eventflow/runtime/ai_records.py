"""Where calls of models are recorded: in their run, or in a run of their own; never nowhere."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from attrs import evolve

from eventflow.core import events as e
from eventflow.core.draft import Draft
from eventflow.core.frozen import frozen
from eventflow.core.plan import Plan
from eventflow.core.state import RunState
from eventflow.engine.journal import Journal
from eventflow.errors import RuntimeNotOpen, StageNotFound, StoreUnavailable
from eventflow.runtime.backoff import Outage, execute_until_known, until_available
from eventflow.runtime.clock import Clock, within
from eventflow.runtime.values import Values

OUTSIDE = "eventflow.ai"
"""The workflow id of the runs that hold the calls of helpers without a run."""

MOST_CALLS = 1_000
"""So many calls a run of that kind holds; then the next one begins."""

PATIENCE = 60.0
"""Seconds for which a store that is away is waited for, so that a paid call is not lost."""

_PLAN = Plan(OUTSIDE, "Calls of models outside of runs", (), "")


@frozen
class CallLog:
    """Appends calls to runs, each exactly once, also when the store is away for a while."""

    journal: Journal
    clock: Clock
    values: Values
    is_open: Callable[[], bool]

    def refuse_if_closed(self) -> None:
        """Find out that nothing can be recorded any more, before something is paid for.

        Raises:
            RuntimeNotOpen: The runtime was closed.
        """
        if not self.is_open():
            raise RuntimeNotOpen(
                "The runtime of this helper was closed; use it inside of the `async with` block"
            )

    def of_attempt(
        self,
        run_id: str,
        stage: str,
        generation: int,
        attempt: int,
        keep: Callable[[e.Note], None],
    ) -> "AttemptCalls":
        """Record for one attempt at a stage; `keep` keeps a note until its result is appended."""
        return AttemptCalls(self, run_id, stage, generation, attempt, keep)

    def of_run(self, run_id: str, stage: str | None) -> "RunCalls":
        """Record for a run, or for a stage of it."""
        return RunCalls(self, run_id, stage)

    def outside_of_runs(self, new_id: Callable[[], str]) -> "OutsideCalls":
        """Record in runs that hold nothing else."""
        return OutsideCalls(self, new_id)

    async def record(
        self, run_id: str, call: e.AICalled, place: Callable[[RunState], e.AICalled]
    ) -> None:
        """Append a call to a run; what is large of it is stored before.

        `place` gives the call that was given to this with its place in the run.

        Raises:
            RunNotFound: The store has no such run.
            StoreUnavailable: The store was away for longer than `PATIENCE`.
        """

        async def work(outage: Outage) -> None:
            kept = await self._kept(call, outage)
            await self._append(run_id, lambda state: evolve(place(state), **kept), outage)

        await self._patiently(run_id, work)

    async def prepared(self, run_id: str, call: e.AICalled) -> e.AICalled:
        """Store what is large of a call, and give it as it can be appended.

        Raises:
            StoreUnavailable: As `record`.
        """
        prepared = call

        async def work(outage: Outage) -> None:
            nonlocal prepared
            prepared = evolve(call, **await self._kept(call, outage))

        await self._patiently(run_id, work)
        return prepared

    async def append(self, run_id: str, note: Callable[[RunState], e.Note]) -> None:
        """Append a note to a run.

        Raises:
            RunNotFound, StoreUnavailable: As `record`.
            RuntimeNotOpen: The runtime was closed.
        """
        self.refuse_if_closed()
        await self._patiently(run_id, partial(self._append, run_id, note))

    async def _kept(self, call: e.AICalled, outage: Outage) -> dict[str, Any]:
        parts = {"prompt": call.prompt, "response": call.response}
        return {
            name: await until_available(partial(self.values.keep, data), outage)
            for name, value in parts.items()
            if (data := self.values.outside(value, sharers=len(parts))) is not None
        }

    async def _append(
        self, run_id: str, note: Callable[[RunState], e.Note], outage: Outage
    ) -> None:
        def decide(state: RunState) -> Draft:
            work = Draft(state, self.clock.now())
            work.add(note(state))
            return work

        await execute_until_known(self.journal, run_id, decide, actor=None, outage=outage)

    async def _patiently(
        self, run_id: str, work: Callable[[Outage], Coroutine[None, None, None]]
    ) -> None:
        outage = Outage(f"ai.called of {run_id}", self.clock)
        try:
            await within(work(outage), self.clock, PATIENCE)
        except TimeoutError:
            raise StoreUnavailable(
                f"A call of a model could not be recorded in run {run_id}: the store has been "
                f"away for {PATIENCE:g} s"
            ) from None


@frozen
class AttemptCalls:
    """Records for one attempt at a stage."""

    log: CallLog
    run_id: str
    stage: str
    generation: int
    attempt: int
    keep: Callable[[e.Note], None]

    async def ready(self) -> None:
        """Do nothing: the stage is being executed."""

    async def record(self, call: e.AICalled, *, with_result: bool = False) -> None:
        """Record one call."""
        note = evolve(call, stage=self.stage, generation=self.generation, attempt=self.attempt)
        if with_result:
            self.keep(await self.log.prepared(self.run_id, note))
        else:
            await self.log.record(self.run_id, note, lambda _: note)


@frozen
class RunCalls:
    """Records for a run, or for whatever attempt at a stage of it is the current one."""

    log: CallLog
    run_id: str
    stage: str | None

    async def ready(self) -> None:
        """Make sure that there is a run, and a stage of it.

        Raises:
            RunNotFound: The store has no such run.
            StageNotFound: The run has no such stage.
            RuntimeNotOpen: The runtime was closed.
        """
        self.log.refuse_if_closed()
        state = await self.log.journal.state(self.run_id)
        if self.stage is not None and state.plan.find(self.stage) is None:
            there = ", ".join(f'"{each}"' for each in state.plan.stage_ids())
            raise StageNotFound(
                f'Stage "{self.stage}" not found in run {self.run_id}; it has {there}'
            )

    async def record(self, call: e.AICalled, *, with_result: bool = False) -> None:
        """Record one call, at once: nobody here knows of a result."""
        del with_result

        def place(state: RunState) -> e.AICalled:
            found = state.stages.get(self.stage) if self.stage is not None else None
            return evolve(
                call,
                stage=self.stage,
                generation=state.generation if found is None else found.generation,
                attempt=None if found is None else found.attempt,
            )

        await self.log.record(self.run_id, call, place)


class OutsideCalls:
    """Records the calls of helpers without a run, in runs that hold nothing else.

    Such a run is completed as soon as it is created, so that nobody waits for it or claims it.
    """

    def __init__(self, log: CallLog, new_id: Callable[[], str]) -> None:
        self._log = log
        self._new_id = new_id
        self._lock = asyncio.Lock()
        self._run_id = ""
        self._left = 0
        self._held: object = None

    async def ready(self) -> None:
        """Do nothing while the runtime is open: the run is made when it is needed."""
        self._log.refuse_if_closed()

    async def record(self, call: e.AICalled, *, with_result: bool = False) -> None:
        """Record one call, at once: there is no stage."""
        del with_result
        async with self._lock:
            if not self._left:
                self._run_id = await self._begin()
                self._left = MOST_CALLS
            self._left -= 1
            run_id = self._run_id
        await self._log.record(run_id, call, lambda _: call)

    async def _begin(self) -> str:
        run_id = self._new_id()
        work = Draft(None, self._log.clock.now(), run_id)
        created = e.RunCreated(
            workflow_id=OUTSIDE, plan=_PLAN, input=None, config={}, priority=0, metadata={}
        )
        for event in (created, e.RunStarted(), e.RunCompleted(None)):
            work.add(event)
        await self._log.journal.create(run_id, work)
        self._held = self._log.journal.hold(run_id)
        return run_id
