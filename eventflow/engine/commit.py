"""Group commit: while one transaction is under way, further operations gather for the next one.

There are no timers and no sizes to tune: an idle store takes an operation at once, and a busy one
takes those that have gathered since. The technique is that of database logs (DeWitt et al.,
"Implementation Techniques for Main Memory Database Systems", 1984).

A transaction takes no more than half of the operations that are in flight. If it took all, the
event loop would have nothing to do until it ends, and the store nothing until the loop has worked
off all answers; so one half is written while the other half goes on.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from eventflow.engine.tasks import begin
from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Appended, Operation, Store, Verdict
from eventflow.store.telling import first_of, tell, tell_error

MOST_AT_ONCE = 500
UNDIVIDED = 16
"""So few operations go together, as it takes longer to write two transactions."""

Waiting: TypeAlias = tuple[Operation, asyncio.Future[Verdict]]


class GroupCommit:
    """Appends the operations of all tasks of one process, in the order in which they came.

    Args:
        store: Where to append.
        appended: Is told the first and the last position of what was appended, before anybody
            else hears of it.
    """

    def __init__(self, store: Store, appended: Callable[[int, int], None]) -> None:
        self._store = store
        self._appended = appended
        self._waiting: deque[Waiting] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    async def append(self, operation: Operation) -> Verdict:
        """Append one operation together with whatever else is waiting.

        Cancelling the caller does not take the operation back: it may still be appended.

        Raises:
            StoreUnavailable: The outcome is unknown.
        """
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((operation, answer))
        if self._writer is None or self._writer.done():
            self._writer = begin(self._write(), "eventflow group commit")
        return await answer

    async def settled(self) -> None:
        """Wait until the transaction that is under way, if one is, has its verdicts."""
        await self._idle.wait()

    async def close(self) -> None:
        """Wait until everything that was handed in has its verdict."""
        while (writer := self._writer) is not None and not writer.done():
            await first_of(writer)

    async def _write(self) -> None:
        batch: list[Waiting] = []
        try:
            while self._waiting:
                in_flight = len(self._waiting) + len(batch)  # whoever was answered goes on
                share = in_flight if in_flight <= UNDIVIDED else (in_flight + 1) // 2
                count = min(len(self._waiting), MOST_AT_ONCE, share)
                batch = [self._waiting.popleft() for _ in range(count)]
                self._idle.clear()
                await self._write_batch(batch)
                self._idle.set()
        except BaseException:
            self._cut_off([*batch, *self._waiting])
            raise
        finally:
            self._idle.set()
            self._writer = None

    def _cut_off(self, unanswered: list[Waiting]) -> None:
        """Answer whoever would wait for ever: all tasks were cancelled, or the store is wrong."""
        self._waiting.clear()
        for operation, answer in unanswered:
            tell_error(
                answer, StoreUnavailable(f"the append of {operation.op_id} was cut off under way")
            )

    async def _write_one_by_one(self, batch: list[Waiting]) -> None:
        """Find the operation that the store cannot take, so that no other one suffers for it."""
        for each in batch:
            await self._write_batch([each])

    async def _write_batch(self, batch: list[Waiting]) -> None:
        try:
            verdicts = await self._store.append([operation for operation, _ in batch])
        except Exception as error:  # noqa: BLE001 - each caller gets it
            if len(batch) > 1 and not isinstance(error, StoreUnavailable):
                await self._write_one_by_one(batch)
                return
            for _, answer in batch:
                tell_error(answer, error)
            return
        for (operation, answer), verdict in zip(batch, verdicts, strict=True):
            if isinstance(verdict, Appended):
                self._appended(verdict.position - len(operation.events) + 1, verdict.position)
            tell(answer, verdict)
