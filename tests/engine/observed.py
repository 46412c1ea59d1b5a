"""A store in memory that shows what it is asked, waits at a gate, and fails when it is told to."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from eventflow.errors import StoreUnavailable
from eventflow.store.contract import DueJob, Operation, Renewal, StoredEvent, Verdict
from eventflow.store.memory import MemoryStore


class ObservedStore(MemoryStore):
    """The model of all stores, seen from the inside.

    Attributes:
        gate: While it is not set, calls wait before they do anything.
        appends: The op ids of each append, in order.
        reads: The runs and the version of each read, in order.
        renewals: What each call wanted to renew, in order.
        failure: Is raised by all of these, and by looking for jobs, instead of doing anything.
        poison: The op id of an operation with which no append succeeds.
        lost_answers: So many appends are made and then answered by `StoreUnavailable`.
        late: So many appends are answered by `StoreUnavailable`, and made right before the next.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.appends: list[list[str]] = []
        self.reads: list[tuple[set[str], int]] = []
        self.renewals: list[list[Renewal]] = []
        self.failure: Exception | None = None
        self.poison: str | None = None
        self.lost_answers = 0
        self.late = 0
        self._under_way: list[Operation] = []

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append operations, unless something was arranged."""
        op_ids = [operation.op_id for operation in operations]
        self.appends.append(op_ids)
        await self.gate.wait()
        self._fail()
        if self.poison in op_ids:
            raise ValueError(f"{self.poison} cannot be written")
        if self.late:
            self.late -= 1
            self._under_way.extend(operations)
            raise StoreUnavailable("the connection was lost, and the append is still under way")
        under_way, self._under_way = self._under_way, []
        await super().append(under_way)
        verdicts = await super().append(operations)
        if self.lost_answers:
            self.lost_answers -= 1
            raise StoreUnavailable("the answer was lost")
        return verdicts

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read events, unless something was arranged."""
        self.reads.append((set(run_ids), after))
        await self.gate.wait()
        self._fail()
        return await super().read(run_ids, after)

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Move due times, unless something was arranged."""
        self._fail()
        self.renewals.append(list(renewals))
        return await super().renew(renewals)

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Collection[str]] | None,
        limit: int,
        hold: float = 0.0,
    ) -> list[DueJob]:
        """List jobs, unless something was arranged."""
        self._fail()
        return await super().due(now, workflows, limit, hold)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


async def settle() -> None:
    """Let all tasks go as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)
