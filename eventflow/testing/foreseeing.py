"""Says when something will happen in a store that nobody works on; it only reads rows."""

from collections.abc import Callable
from datetime import datetime, timedelta

from eventflow.core.projection import JobRow
from eventflow.core.values import Status
from eventflow.engine.paging import pages_of
from eventflow.store.contract import RunQuery, Store
from eventflow.testing.clock import NothingLeft

_ALIVE = tuple(status for status in Status if not status.ended)


class Foresight:
    """What is to come, for a test that waits for it.

    Args:
        store: Where the runs are.
        now: Tells the time.
        limit: How many seconds the time may move from now on.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        limit: float,
    ) -> None:
        self._store = store
        self._now = now
        self._limit = limit
        self._until = now() + timedelta(seconds=limit)
        self._seen = -1
        self._next: datetime | None = None

    async def __call__(self) -> datetime:
        """Tell when the next job is due; now, if that cannot be told.

        Raises:
            NothingLeft: No job is under way, and none is due before the time is over.
        """
        newest = await self._store.wait(0, 0)
        if newest != self._seen or self._next is None or self._next <= self._now():
            self._seen = newest
            self._next = await self._next_due()
        if self._next is not None and self._next > self._until:
            raise NothingLeft(
                f"It does not happen within {self._limit:g} virtual seconds: until {self._until} "
                "nothing is due, and nobody sends a signal"
            )
        return self._next or self._now()

    async def _next_due(self) -> datetime | None:
        """Give the time of the next job of any run; None while somebody works on one."""
        jobs: list[JobRow] = []
        async for rows in pages_of(self._store, RunQuery(statuses=_ALIVE)):
            jobs += [job for each in rows for job in each.jobs]
        if not jobs or any(job.leased for job in jobs):
            return None
        return min(job.due_at for job in jobs)
