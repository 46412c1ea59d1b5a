"""Writes down what a store has acknowledged, before the process that asked can go on.

It can also kill its process at a chosen append: right before the commit, or right behind it.
"""

import os
import signal
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from attrs import frozen

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
from eventflow.store.registry import open_store
from eventflow.testing.checker import Acknowledged


@frozen
class Death:
    """When a process kills itself.

    Attributes:
        append: At which of its appends, from 1; 0 for none.
        committed: Whether that append is durable, though nobody was told.
    """

    append: int = 0
    committed: bool = False


class RecordingStore:
    """A store whose acknowledged appends are lines of a file; what was written outlives a kill."""

    def __init__(self, store: Store, path: Path, death: Death) -> None:
        self._store = store
        self._death = death
        self._appends = 0
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.blobs = store.blobs

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append, and write down what was appended before anybody hears of it."""
        self._appends += 1
        last = self._appends == self._death.append
        if last and not self._death.committed:
            os.kill(os.getpid(), signal.SIGKILL)
        verdicts = await self._store.append(operations)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        lines = [
            f"{operation.run_id} {verdict.version} {operation.op_id}\n"
            for operation, verdict in zip(operations, verdicts, strict=True)
            if isinstance(verdict, Appended)
        ]
        os.write(self._file, "".join(lines).encode())
        return verdicts

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read the events of several runs."""
        return await self._store.read(run_ids, after)

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the global log."""
        return await self._store.read_all(after, limit)

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Collection[str]] | None,
        limit: int,
        hold: float = 0.0,
    ) -> list[DueJob]:
        """List jobs whose time has come."""
        return await self._store.due(now, workflows, limit, hold)

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Move due times."""
        return await self._store.renew(renewals)

    async def runs(self, query: RunQuery) -> RunPage:
        """List runs."""
        return await self._store.runs(query)

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for an append."""
        return await self._store.wait(after, timeout)

    async def now(self) -> datetime:
        """Tell the time."""
        return await self._store.now()

    async def close(self) -> None:
        """Close the store and the file."""
        os.close(self._file)
        await self._store.close()


@asynccontextmanager
async def recording_store(
    url: str, folder: Path, name: str, death: Death = Death()
) -> AsyncIterator[Store]:
    """Open a store whose acknowledgements go into a file of this name."""
    store = RecordingStore(await open_store(url), folder / f"{name}.acks", death)
    try:
        yield store
    finally:
        await store.close()


def acknowledged(folder: Path) -> list[Acknowledged]:
    """Read what all processes were told; a line that a kill has torn was told to nobody."""
    return [
        Acknowledged(run_id, int(version), op_id)
        for path in folder.glob("*.acks")
        for line in path.read_text().splitlines(keepends=True)
        if line.endswith("\n")
        for run_id, version, op_id in [line.split()]
    ]
