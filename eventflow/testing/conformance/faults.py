"""A store whose calls go wrong when they are told to; it does nothing else of its own.

What goes wrong is what the contract allows: a call raises `StoreUnavailable`, and an append that
does so may or may not have been made, or may still be made later.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from eventflow.errors import StoreUnavailable
from eventflow.store.contract import (
    Appended,
    DueJob,
    Operation,
    Renewal,
    RunPage,
    RunQuery,
    Store,
    StoredEvent,
    Verdict,
)
from eventflow.testing.checker import Acknowledged


class Fate(StrEnum):
    """What becomes of an append that is answered by `StoreUnavailable`."""

    LOST = "lost"
    """It was not made."""
    UNANSWERED = "unanswered"
    """It was made."""
    LATE = "late"
    """It is made right before the next one."""


class FaultyStore:
    """Another store, as a worker with a bad connection sees it.

    Attributes:
        fates: What becomes of an append, by its number from 1; of the others nothing special.
        away: How many further calls fail, by the name of the method.
        acknowledged: The appends that were answered.
    """

    def __init__(self, store: Store) -> None:
        self.fates: dict[int, Fate] = {}
        self.away: dict[str, int] = {}
        self.acknowledged: list[Acknowledged] = []
        self.blobs = store.blobs
        self._store = store
        self._appends = 0
        self._late: list[Operation] = []

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append, unless that goes wrong."""
        self._fail("append")
        self._appends += 1
        late, self._late = self._late, []
        await self._store.append(late)
        fate = self.fates.get(self._appends)
        if fate is Fate.LATE:
            self._late = list(operations)
        verdicts = await self._store.append(operations) if fate in {None, Fate.UNANSWERED} else []
        if fate is not None:
            raise StoreUnavailable(f"append {self._appends} is {fate}")
        self.acknowledged += [
            Acknowledged(operation.run_id, verdict.version)
            for operation, verdict in zip(operations, verdicts, strict=True)
            if isinstance(verdict, Appended)
        ]
        return verdicts

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read the events of several runs."""
        self._fail("read")
        return await self._store.read(run_ids, after)

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the global log."""
        self._fail("read_all")
        return await self._store.read_all(after, limit)

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Collection[str]] | None,
        limit: int,
        hold: float = 0.0,
    ) -> list[DueJob]:
        """List jobs whose time has come."""
        self._fail("due")
        return await self._store.due(now, workflows, limit, hold)

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Move due times."""
        self._fail("renew")
        return await self._store.renew(renewals)

    async def runs(self, query: RunQuery) -> RunPage:
        """List runs."""
        self._fail("runs")
        return await self._store.runs(query)

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for an append."""
        self._fail("wait")
        return await self._store.wait(after, timeout)

    async def now(self) -> datetime:
        """Tell the time."""
        self._fail("now")
        return await self._store.now()

    async def close(self) -> None:
        """Close nothing: the store is another's."""

    def _fail(self, method: str) -> None:
        left = self.away.get(method, 0)
        if left:
            self.away[method] = left - 1
            raise StoreUnavailable(f"{method} is away")
