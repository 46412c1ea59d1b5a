"""Heartbeats: keeps the leases of jobs in hand, and finds out which claims were lost."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from eventflow.core.state import RunState
from eventflow.runtime.clock import Clock
from eventflow.runtime.job import Job
from eventflow.runtime.logs import logger
from eventflow.store.contract import Renewal, Store

BEATS_PER_LEASE = 3


class Leases:
    """The jobs of one worker whose leases have to be renewed.

    Args:
        store: Where the leases are kept.
        clock: Their time; it is aligned to the store at each heartbeat.
        threshold: Seconds that a claim holds without a heartbeat.
        look_interval: Seconds after which a claim of some age is looked after, so that a
            cancellation by another process is noticed.
        lost: Is told of the run of each claim that a heartbeat found lost.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        threshold: float,
        look_interval: float,
        lost: Callable[[str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._threshold = threshold
        self._look_interval = min(look_interval, threshold / BEATS_PER_LEASE)
        self._longest_silence = timedelta(seconds=threshold * (1 - 1 / BEATS_PER_LEASE))
        self._beaten_at = clock.now()
        self._trusted_from = self._beaten_at
        self._lost = lost
        self._jobs: defaultdict[str, dict[int, Job]] = defaultdict(dict)

    def add(self, job: Job) -> None:
        """Look after a job."""
        self._jobs[job.run.run_id][job.token] = job

    def remove(self, job: Job) -> None:
        """Stop looking after a job."""
        jobs = self._jobs[job.run.run_id]
        jobs.pop(job.token, None)
        if not jobs:
            del self._jobs[job.run.run_id]

    def jobs(self) -> list[Job]:
        """Give the jobs that are looked after."""
        return [job for jobs in self._jobs.values() for job in jobs.values()]

    def holds(self, run_id: str) -> bool:
        """Tell whether a job of a run is looked after, whose claim was not lost."""
        jobs = self._jobs.get(run_id)
        return jobs is not None and any(not job.lost for job in jobs.values())

    def compare(self, run: RunState) -> None:
        """Lose the jobs whose claims do not hold any more in a later state of their run."""
        for job in list(self._jobs.get(run.run_id, {}).values()):
            if not job.held_by(run):
                job.lose()

    def trusted(self) -> bool:
        """Tell whether a lease that is over means that its worker is gone.

        While the store was away nobody could renew, and while this process was paused it saw
        nobody renew. So after a silence all workers, this one as well, have a full lease to be
        heard again before any is taken for dead.
        """
        now = self._clock.now()
        return self._trusted_from <= now <= self._beaten_at + self._longest_silence

    async def keep(self) -> None:
        """Renew leases until cancelled; nothing that goes wrong with a heartbeat ends this."""
        while True:
            await self._clock.sleep(self._look_interval)
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001 - without heartbeats all jobs would be lost
                logger().warning("worker.heartbeat_failed", error=str(error))

    async def beat(self) -> None:
        """Renew the leases of all jobs that are in hand for a while; lose those that were lost."""
        self._clock.align(await self._store.now())
        now = self._clock.now()
        await self._renew(now)
        if now > self._beaten_at + self._longest_silence:
            self._trusted_from = now + timedelta(seconds=self._threshold)
        self._beaten_at = now

    async def _renew(self, now: datetime) -> None:
        old = now - timedelta(seconds=self._look_interval)
        due_at = now + timedelta(seconds=self._threshold)
        jobs = {
            Renewal(run_id, job.state.id, job.token, due_at): job
            for run_id, claims in self._jobs.items()
            for job in claims.values()
            if job.renewed_at <= old
        }
        if not jobs:
            return
        for lost in await self._store.renew(list(jobs)):
            jobs.pop(lost).lose()
            self._lost(lost.run_id)
        for job in jobs.values():
            job.renewed_at = now
