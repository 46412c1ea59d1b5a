"""A worker: finds jobs that are due, claims them, executes them and reports what they came to.

It decides nothing about correctness: it may die at any instruction, and any other goes on.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from eventflow.core import events as e
from eventflow.core.commands import ReleaseJob
from eventflow.core.decide import draft
from eventflow.core.draft import Draft
from eventflow.core.frozen import frozen
from eventflow.core.stage import StageState
from eventflow.core.state import RunState
from eventflow.engine.journal import Journal, Outcome
from eventflow.errors import (
    EventflowError,
    InvalidData,
    RunNotFound,
    StaleToken,
    StoreUnavailable,
)
from eventflow.runtime.ai_calls import AICalls
from eventflow.runtime.backoff import Outage, execute_until_known
from eventflow.runtime.catalog import Catalog
from eventflow.runtime.clock import Clock, wait_for
from eventflow.runtime.execution import Execution, JobLost, Report
from eventflow.runtime.hands import Hands
from eventflow.runtime.job import Job
from eventflow.runtime.lease import Leases
from eventflow.runtime.logs import log_failure, logger
from eventflow.runtime.looking import Look
from eventflow.runtime.renewing import Renewals
from eventflow.runtime.reporting import Claimer, Reporter
from eventflow.runtime.room import Room
from eventflow.runtime.setting_aside import Broken
from eventflow.runtime.settings import Settings
from eventflow.runtime.storage import Shelves
from eventflow.runtime.unclaimable import Unclaimable
from eventflow.runtime.values import Values
from eventflow.runtime.waking import Waker
from eventflow.store.contract import DueJob
from eventflow.store.telling import all_of, tell, tell_error

MOST_THREADS = 10_000


@frozen
class Tools:
    """What a worker is handed: everything that is not its own."""

    journal: Journal
    clock: Clock
    catalog: Catalog
    waker: Waker
    settings: Settings
    random: Callable[[], float]
    values: Values
    ai: AICalls


class Worker:
    """Executes the jobs of one process, so many at once as its settings say."""

    def __init__(self, tools: Tools, worker_id: str) -> None:
        self.id = worker_id
        self._tools = tools
        self._journal = tools.journal
        self._clock = tools.clock
        settings = tools.settings
        self._claimer = Claimer(worker_id, settings.stale_job_threshold, tools.catalog.claimable)
        # More threads than jobs: one that outlives its attempt must not keep others from theirs.
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="eventflow")
        self._hands = Hands(self._freed)
        self._room = Room(settings.concurrency, self._hands)
        self._stopped = asyncio.Event()
        self._abandoned = asyncio.Event()
        self._reporter = Reporter(
            tools.journal,
            tools.clock,
            self._claimer,
            self._room,
            self._abandoned,
            tools.values,
            Renewals(tools.journal.store),
        )
        self._execution = Execution(
            tools.clock,
            self._threads,
            self._record,
            self._reporter.record_steps,
            tools.random,
            tools.values,
            tools.ai.of_attempt,
            Shelves(tools.values.blobs, self._note, tools.journal.history, tools.clock),
        )
        self._leases = Leases(
            tools.journal.store,
            tools.clock,
            settings.stale_job_threshold,
            settings.job_poll_interval,
            tools.waker.wake,
        )
        self._unclaimable = Unclaimable(tools.journal, tools.catalog, tools.clock)
        self._broken = Broken(tools.clock)
        self._look = Look(
            tools.journal.store, tools.clock, tools.catalog, self._leases, self._broken
        )

    async def run(self) -> None:
        """Work until `stop`; a store that is away is waited for, never taken for an empty one."""
        concurrency = self._tools.settings.concurrency
        logger().info("worker.started", worker=self.id, concurrency=concurrency)
        async with self._beside(self._leases.keep(), self._watch_unclaimable()):
            self._tools.waker.held = self._leases.holds
            with self._tools.waker.foreign_appends() as self._room.look_again:
                await self._work()
        logger().info("worker.stopped", worker=self.id)

    async def drive(self, find: Callable[[], Awaitable[Sequence[DueJob]]]) -> int:
        """Do the jobs that `find` lists, until it lists none that can be had; tell how many."""
        done = 0
        async with self._beside(self._leases.keep()):
            while True:
                due = [job for job in await find() if self._look.may_claim(job)]
                outcomes = await self._claim_all(due[: self._room.free])
                begun = _claimed(outcomes)
                await self._hands.all_done()
                if not begun and None not in outcomes:
                    return done
                done += begun

    async def create(
        self, run_id: str, work: Draft, *, actor: str | None, key: str | None
    ) -> Outcome:
        """Append a new run; if nothing else waits for the room there is, begin it at once.

        Raises:
            StoreUnavailable: Whether the run was created is unknown.
        """
        if not self._room.spare:
            return await self._journal.create(run_id, work, actor=actor, key=key)
        created: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._hands.take_appending(self._create(created, run_id, work, actor, key), created)
        return await created

    @property
    def in_hand(self) -> list[str]:
        """The jobs that are under way, each as its run and its stage."""
        return [f"{job.run.run_id} {job.state.id}" for job in self._leases.jobs()]

    @property
    def stopping(self) -> bool:
        """Whether it claims nothing any more."""
        return self._room.closed

    def stop(self) -> None:
        """Claim nothing new; `run` returns once the jobs in hand have ended."""
        self._room.closed = True
        self._stopped.set()
        self._room.look_again.set()

    def abandon(self) -> None:
        """Cancel the jobs in hand and give them back; results that are under way still count."""
        self.stop()
        if not self._abandoned.is_set():  # whoever is giving back is left to it
            self._abandoned.set()
            self._hands.cancel()

    @asynccontextmanager
    async def _beside(self, *helpers: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
        """Keep helpers going, and an eye on what this process appends, while jobs are done.

        Whatever is in hand at the end, as when somebody has cancelled this task, is given back.
        """
        self._journal.observers.append(self._notice)
        tasks = [asyncio.create_task(helper) for helper in helpers]
        try:
            yield
        finally:
            self.abandon()
            try:
                await self._let_jobs_end()
            finally:
                self._journal.observers.remove(self._notice)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self._threads.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        outage = Outage("worker", self._clock, self._stopped)
        while not self._room.closed:
            self._room.look_again.clear()
            try:
                claimed = await self._claim_due()
            except StoreUnavailable as error:
                with suppress(StoreUnavailable):  # it was stopped meanwhile
                    await outage.wait(error)
                continue
            except Exception as error:  # noqa: BLE001 - a worker that ends by itself helps nobody
                log_failure("worker.failed", error, worker=self.id)
                claimed = 0
            outage.over()
            if not (claimed and self._room.backlog) and not self._room.closed:
                interval = self._tools.settings.job_poll_interval
                await wait_for(self._room.look_again, self._clock, interval)
        await self._let_jobs_end()

    async def _let_jobs_end(self) -> None:
        """Wait for the jobs in hand; give back those that do not heed that they were cancelled."""
        await self._hands.come_to_an_end(self._abandoned)
        while left := self._leases.jobs():
            for job in left:
                await self._give_back(job)
                self._let_go(job)

    async def _claim_due(self) -> int:
        """Claim as many due jobs as there is room for, and begin them; tell how many."""
        room = self._room.free
        if room <= 0:
            self._room.backlog = True  # nobody knows, so whoever has room next looks first
            return 0
        with self._room.promise(room):
            due = await self._look.find(room)
        if self._room.closed:
            return 0
        self._room.backlog = len(due) >= room
        outcomes = await self._claim_all(due)
        if any(outcome is not None and not outcome.events for outcome in outcomes):
            self._look.lost_a_race()
        return _claimed(outcomes)

    async def _claim_all(self, due: Sequence[DueJob]) -> list[Outcome | None]:
        """Begin to claim jobs; those that are claimed are done while this waits for the others."""
        claims = [self._begin_claim(job) for job in due]
        await all_of(claims)
        return [None if claim.cancelled() else claim.result() for claim in claims]

    def _begin_claim(self, due: DueJob) -> asyncio.Future[Outcome | None]:
        claimed: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        self._hands.take_appending(self._claim_and_do(due, claimed), claimed)
        return claimed

    async def _claim_and_do(self, due: DueJob, claimed: asyncio.Future[Outcome | None]) -> None:
        """Claim a job, tell who waits for that, and do it."""
        with self._hands.undisturbed():
            outcome = await self._claim(due)
        tell(claimed, outcome)
        job = None if outcome is None else self._go_on(outcome)
        if job is None:  # the place was never taken, so nobody has waited for it
            self._hands.leave()
        await self._do_all(job)

    async def _claim(self, due: DueJob) -> Outcome | None:
        """Claim one job; a run that cannot be read is reported once and left alone."""
        command = self._claimer.command(due.stage, self._clock, due.token, due.leased)
        try:
            outcome = await execute_until_known(
                self._journal,
                due.run_id,
                lambda state: draft(state, command),
                actor=self.id,
                outage=Outage("claim", self._clock, self._abandoned),
                seen=due.version,
            )
        except StoreUnavailable as error:
            logger().warning("stage.not_claimed", run_id=due.run_id, error=str(error))
            return None
        except Exception as error:  # noqa: BLE001 - one broken run never stops the others
            self._broken.add(due.run_id, due.version, error)
            return None
        self._broken.discard(due.run_id)
        return outcome

    async def _create(
        self,
        created: asyncio.Future[Outcome],
        run_id: str,
        work: Draft,
        actor: str | None,
        key: str | None,
    ) -> None:
        """Append a new run, tell who waits for it, and do what was claimed along with it."""
        try:
            with self._hands.undisturbed():
                outcome = await self._reporter.create(run_id, work, actor=actor, key=key)
        except Exception as error:  # noqa: BLE001 - who waits gets it
            if isinstance(error, StoreUnavailable):
                self._hands.take(self._disclaim(work))
            tell_error(created, error)
            return
        tell(created, outcome)
        await self._do_all(self._go_on(outcome))

    async def _disclaim(self, work: Draft) -> None:
        """Let others have what was claimed along with a run of which nobody knows if it exists."""
        outage = Outage(f"creation of {work.run.run_id}", self._clock, self._abandoned)
        for job in self._jobs_of(Outcome(work.run, tuple(work.events), first=1)):
            command = ReleaseJob(now=self._clock.now(), stage=job.state.id, token=job.token)
            with suppress(RunNotFound, StoreUnavailable):
                await execute_until_known(
                    self._journal,
                    job.run.run_id,
                    partial(draft, command=command),
                    actor=self.id,
                    outage=outage,
                )

    def _jobs_of(self, outcome: Outcome) -> Sequence[Job]:
        """Give the jobs of the claims in an append that still hold."""
        workflow = self._tools.catalog.get(outcome.state.workflow_id)
        return [Job(outcome.state, stage, token, workflow) for token, stage in _claims(outcome)]

    def _freed(self) -> None:
        """Look for who may have waited for a place."""
        if self._room.backlog or self._room.closed:
            self._room.look_again.set()

    async def _do_all(self, job: Job | None) -> None:
        """Do a job, and the one that was claimed with its result, which takes its place."""
        while job is not None:
            outcome = await self._do(job)
            job = None if outcome is None else self._go_on(outcome)

    def _go_on(self, outcome: Outcome) -> Job | None:
        """Begin what a result has claimed, but for the first job, which this gives."""
        first, *others = self._jobs_of(outcome) or (None,)
        if first is not None:
            self._leases.add(first)
        for job in others:
            self._leases.add(job)
            self._hands.take(self._do_all(job))
        return first

    async def _do(self, job: Job) -> Outcome | None:
        """Execute a job and report it; nothing that goes wrong with it stops the worker."""
        outcome = None
        try:
            if self._abandoned.is_set():
                await self._give_back(job)
                return None
            outcome = await self._report(job, await self._execution.perform(job))
        except (JobLost, StaleToken):
            logger().warning("stage.lost", run_id=job.run.run_id, stage=job.state.id)
            return None
        except asyncio.CancelledError:
            await self._give_back(job)
            raise
        except Exception as error:  # noqa: BLE001 - as `_claim`; once the lease is over, tried again
            log_failure("stage.not_reported", error, run_id=job.run.run_id, stage=job.state.id)
            return None
        finally:
            self._let_go(job)
        return outcome

    def _let_go(self, job: Job) -> None:
        """Look after a job no more, and let those who follow its run know."""
        self._leases.remove(job)
        self._tools.waker.let_go(job.run.run_id)

    async def _report(self, job: Job, result: Report) -> Outcome | None:
        """Report a result; the stage fails if it came to something that no event can hold."""
        with self._hands.undisturbed():
            try:
                return await self._reporter.report(job, result)
            except (InvalidData, OverflowError) as error:
                failure = self._execution.failed(job, error, final=True)
                return await self._reporter.report(job, failure)

    async def _give_back(self, job: Job) -> None:
        """Let others have a job that this worker will not finish."""
        command = ReleaseJob(now=self._clock.now(), stage=job.state.id, token=job.token)
        try:
            await self._journal.execute(
                job.run.run_id, lambda state: draft(state, command), actor=self.id
            )
        except EventflowError as error:
            logger().warning("stage.not_given_back", run_id=job.run.run_id, error=str(error))

    def _notice(self, run: RunState, events: Sequence[e.Event]) -> None:
        """Follow what this process appends: lose claims that it ended, look for what it left."""
        del events
        self._leases.compare(run)
        waiting = [
            stage.due_at
            for stage in run.stages.values()
            if stage.due_at is not None and stage.claim is None
        ]
        if waiting and min(waiting) <= self._clock.now():
            self._room.look_again.set()

    async def _record(self, run_id: str, note: e.Note) -> None:
        await self._note(run_id, note)

    async def _note(self, run_id: str, note: e.Note) -> RunState:
        outcome = await self._journal.record(run_id, [note], self._clock.now(), actor=self.id)
        return outcome.state

    async def _watch_unclaimable(self) -> None:
        while True:
            try:
                await self._unclaimable.report()
            except Exception as error:  # noqa: BLE001 - also of the application's catalog
                logger().warning("worker.scan_failed", error=str(error))
            await self._clock.sleep(self._tools.settings.poll_interval)


def _claims(outcome: Outcome) -> list[tuple[int, StageState]]:
    """Give the claims in an append that still hold, each as its token and its stage.

    An append whose answer was lost may be found again when others have taken over what it
    claimed: their claims are not this worker's.
    """
    claims = [
        (version, outcome.state.stages.get(event.stage))
        for version, event in enumerate(outcome.events, start=outcome.first)
        if isinstance(event, e.JobClaimed)
    ]
    return [
        (token, stage)
        for token, stage in claims
        if stage is not None and stage.claim is not None and stage.claim.token == token
    ]


def _claimed(outcomes: Iterable[Outcome | None]) -> int:
    """Count the jobs that were claimed; to look at one may also fail its run."""
    return sum(len(_claims(outcome)) for outcome in outcomes if outcome is not None)
