"""Looks for jobs that are due and that a worker may claim, the most important first."""

from datetime import timedelta

from eventflow.runtime.catalog import Catalog
from eventflow.runtime.clock import Clock
from eventflow.runtime.lease import Leases
from eventflow.runtime.setting_aside import Broken
from eventflow.store.contract import DueJob, Store

CROWDED = timedelta(seconds=10)
HOLD = 1.0


class Look:
    """One worker's view of what is due.

    Args:
        store: Where to look.
        clock: The time as of which something is due.
        catalog: The stages that this process can execute.
        leases: Tells whether expired leases can be trusted to be nobody's.
        broken: The runs that cannot be read.
    """

    def __init__(
        self, store: Store, clock: Clock, catalog: Catalog, leases: Leases, broken: Broken
    ) -> None:
        self._store = store
        self._clock = clock
        self._catalog = catalog
        self._leases = leases
        self._broken = broken
        self._crowded_until = clock.now()

    def may_claim(self, job: DueJob) -> bool:
        """Pass over runs that cannot be read, and over leases that may be over for no fault."""
        return not self._broken.holds(job) and (self._leases.trusted() or not job.leased)

    async def find(self, room: int) -> list[DueJob]:
        """Look beyond what is passed over, until there is a job for each place or no more."""
        limit = room + len(self._broken)
        due = await self._due(limit, hold=HOLD if self._clock.now() < self._crowded_until else 0.0)
        while True:
            sound = [job for job in due if self.may_claim(job)][:room]
            if len(sound) == room or len(due) < limit:
                return sound
            limit *= 2
            due = await self._due(limit)

    def lost_a_race(self) -> None:
        """Ask the store for a while to keep what is found from others that look."""
        self._crowded_until = self._clock.now() + CROWDED

    async def _due(self, limit: int, hold: float = 0.0) -> list[DueJob]:
        stages = self._catalog.claimable()
        return await self._store.due(self._clock.now(), stages, limit, hold)
