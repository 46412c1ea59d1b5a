"""Reports what a job came to, together with what follows from it, until the store has it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve as changed

from eventflow.core import commands as c
from eventflow.core import events as e
from eventflow.core.decide import draft, extend
from eventflow.core.draft import Draft
from eventflow.core.frozen import frozen
from eventflow.core.state import RunState
from eventflow.core.values import JSON
from eventflow.engine.journal import Journal, Outcome
from eventflow.errors import StaleToken
from eventflow.runtime.backoff import Outage, execute_until_known, until_available
from eventflow.runtime.clock import Clock
from eventflow.runtime.execution import Postpone, Report
from eventflow.runtime.job import Job
from eventflow.runtime.renewing import Renewals
from eventflow.runtime.room import Room
from eventflow.runtime.run_output import CheckedOutput
from eventflow.runtime.steps import Step
from eventflow.runtime.values import Values
from eventflow.store.contract import Renewal


@frozen
class Claimer:
    """How this worker claims: as whom, for how long, and what it can execute.

    Attributes:
        worker: The worker's id.
        lease: Seconds that a claim holds without a heartbeat.
        stages: Gives the stages of each workflow that it can execute.
    """

    worker: str
    lease: float
    stages: Callable[[], Mapping[str, Any]]

    def command(self, stage: str, clock: Clock, token: int = 0, leased: bool = False) -> c.ClaimJob:  # noqa: FBT001, FBT002 - what the row says
        """Ask for a job."""
        return c.ClaimJob(
            now=clock.now(),
            stage=stage,
            worker=self.worker,
            lease=self.lease,
            seen_token=token,
            seen_leased=leased,
        )


@frozen
class Reporter:
    """Appends results, and claims what follows in the same append if there is room.

    Attributes:
        journal: Where to append.
        clock: The time of the claims.
        claimer: Who claims.
        room: For how many jobs the worker has room.
        given_up: Is set when the worker waits for the store no more.
        values: Where large results are kept.
        renewals: Gives checks back until later.
    """

    journal: Journal
    clock: Clock
    claimer: Claimer
    room: Room
    given_up: asyncio.Event
    values: Values
    renewals: Renewals

    async def report(self, job: Job, result: Report) -> Outcome | None:
        """Append what a job came to; a store that is away is waited for while the claim holds.

        Gives None when the job was postponed.

        Raises:
            StaleToken: The claim is gone; the result was recorded as discarded.
            StoreUnavailable: The worker gave up before the store was back.
        """
        task = f"report of {job.run.run_id} {job.state.id}"
        outage = Outage(task, self.clock, self.given_up)
        if isinstance(result, Postpone):
            await self._postpone(job, result, outage)
            return None

        result = await self._with_large_values_kept(job, result, outage)
        checked = CheckedOutput(self.values, job.workflow)

        with self.room.promise() as promise:

            def decide(state: RunState) -> Draft:
                work = checked.draft(state, result)
                promise.jobs = 0
                promise.jobs = self._claim_what_follows(work) - 1
                return work

            outcome = await execute_until_known(
                self.journal, job.run.run_id, decide, actor=self.claimer.worker, outage=outage
            )
        if any(isinstance(event, e.ResultDiscarded) for event in outcome.events):
            raise StaleToken(job.run.run_id, job.state.id, job.token)
        return outcome

    async def create(
        self, run_id: str, work: Draft, *, actor: str | None, key: str | None
    ) -> Outcome:
        """Append a new run, and claim its first stages in the same append.

        Raises:
            StoreUnavailable: Whether anything was appended is unknown.
        """
        with self.room.promise() as promise:
            promise.jobs = self._claim_what_follows(work) - 1
            return await self.journal.create(run_id, work, actor=actor, key=key)

    async def record_steps(self, job: Job, steps: Sequence[Step]) -> None:
        """Append the outputs of steps; a store that is away is waited for while the claim holds.

        Raises:
            StaleToken: The claim is gone; the outputs were recorded as discarded.
            StoreUnavailable: The worker gave up before the store was back.
        """
        outage = Outage(f"steps of {job.run.run_id} {job.state.id}", self.clock, self.given_up)
        stored = [(name, await self._stored(output, outage)) for name, output in steps]
        command = c.CompleteSteps(
            now=self.clock.now(), stage=job.state.id, token=job.token, steps=tuple(stored)
        )
        outcome = await execute_until_known(
            self.journal,
            job.run.run_id,
            lambda state: draft(state, command),
            actor=self.claimer.worker,
            outage=outage,
        )
        if any(isinstance(event, e.ResultDiscarded) for event in outcome.events):
            job.lose()
            raise StaleToken(job.run.run_id, job.state.id, job.token)

    async def _postpone(self, job: Job, result: Postpone, outage: Outage) -> None:
        renewal = Renewal(job.run.run_id, job.state.id, job.token, result.due_at, leased=False)
        await until_available(lambda: self.renewals.renew(renewal), outage)

    async def _with_large_values_kept(
        self, job: Job, result: c.EndOfClaim, outage: Outage
    ) -> c.EndOfClaim:
        """Store what is too large for the event of a result, before that event."""
        match result:
            case c.CompleteStage(output=output):
                stored = await self._stored(output, outage, _sharers(job))
                return result if stored is output else changed(result, output=stored)
            case c.SuspendStage(state=state, output=output):
                stored = await self._stored(state, outage)
                then = await self._stored(output, outage)
                unchanged = stored is state and then is output
                return result if unchanged else changed(result, state=stored, output=then)
            case _:
                return result

    async def _stored(self, value: JSON, outage: Outage, sharers: int = 1) -> JSON:
        """Give a value as its event holds it; a store that is away is waited for."""
        data = self.values.outside(value, sharers)
        if data is None:
            return value
        return await until_available(lambda: self.values.keep(data), outage)

    def _claim_what_follows(self, work: Draft) -> int:
        """Claim the stages that were scheduled just now, as far as there is room; tell how many.

        The first of them takes the place of the task that appends.
        """
        scheduled = [event.stage for event in work.events if isinstance(event, e.StageScheduled)]
        mine = self.claimer.stages().get(work.run.workflow_id, ())
        claimed = [stage for stage in scheduled if stage in mine][: self.room.to_go_on()]
        for stage in claimed:
            extend(work, self.claimer.command(stage, self.clock))
        return len(claimed)


def _sharers(job: Job) -> int:
    """Tell how many outputs the output of the run is made of, if this one is among them."""
    plan, group = job.run.plan, job.state.group
    return len(plan.group(group)) if plan.is_last(group) else 1
