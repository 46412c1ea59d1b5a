"""The store in one SQLite file, for the processes of one machine; it adds no rule to the contract.

SQLite's locks cannot be trusted on network file systems: keep the file on a local disk.
"""

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from eventflow.store.contract import (
    DueJob,
    Operation,
    Renewal,
    RunPage,
    RunQuery,
    StoredEvent,
    Verdict,
)
from eventflow.store.rebuilding import Derive
from eventflow_sqlite import batch, jobs, reads, run_query
from eventflow_sqlite.address import Address, absolute, parse_address
from eventflow_sqlite.blobs import SQLiteBlobs
from eventflow_sqlite.connections import connect_reader, connect_watcher, connect_writer
from eventflow_sqlite.handle import Handle
from eventflow_sqlite.rebuilding import rebuild
from eventflow_sqlite.session import Session
from eventflow_sqlite.wake import Watch
from eventflow_sqlite.write import laid_out


async def connect(url: str) -> "SQLiteStore":
    """Open the store behind a URL; a file that does not exist is created, its folder is not.

    Raises:
        ValueError: The URL names no file, or has a parameter or a value that does not exist.
        StoreUnavailable: The file cannot be used, or belongs to another application.
        SchemaTooNew: A newer release of eventflow wrote the file.
    """
    address = absolute(parse_address(url))
    path, patience = address.path, address.busy_timeout
    writer = Session(partial(connect_writer, address), path, "SQLite writer", patience)
    reader = Session(partial(connect_reader, address), path, "SQLite reader", patience)
    watch = Watch(Handle(partial(connect_watcher, address)))
    try:
        await writer.open()
        await reader.open()
        watch.open()
    except BaseException:
        watch.close()
        await reader.close()
        await writer.close()
        raise
    return SQLiteStore(address, writer, reader, watch)


class SQLiteStore:
    """The contract of a store, kept in one file.

    One connection writes, and one reads without ever waiting for it; each has a thread of its own.

    Attributes:
        blobs: The blobs beside the log, in the same file.
    """

    def __init__(self, address: Address, writer: Session, reader: Session, watch: Watch) -> None:
        self._address = address
        self._writer = writer
        self._reader = reader
        self._watch = watch
        self.blobs = SQLiteBlobs(address.path, writer, reader)
        self._closed = False

    def __repr__(self) -> str:
        return f"<SQLiteStore {self._address.path}>"

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append operations in one transaction, in one turn of the writer's thread."""
        together = tuple(operations)
        append = partial(batch.append, operations=together, batch=laid_out(together))
        outcome = await self._writer.write(append)
        self._watch.appended(outcome.newest)
        return outcome.verdicts

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read the events of several runs beyond a version, each run's in order."""
        return await self._reader.run(partial(reads.read_runs, run_ids=set(run_ids), after=after))

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the global log beyond a position, in order."""
        return await self._reader.run(partial(reads.read_all, after=after, limit=limit))

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Collection[str]] | None,
        limit: int,
        hold: float = 0.0,
    ) -> list[DueJob]:
        """List jobs whose time has come, the most important first; with a hold, no held ones."""
        if hold > 0:
            return await self._writer.write(
                partial(jobs.hold_due, now=now, workflows=workflows, limit=limit, hold=hold)
            )
        look = partial(jobs.list_due, now=now, workflows=workflows, limit=limit)
        while (found := await self._reader.run(look)) is None:
            await self._writer.write(partial(jobs.promote, now=now))
        return found

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Move due times by compare-and-set on the token; return those that were lost."""
        return await self._writer.write(partial(jobs.renew, renewals=tuple(renewals)))

    async def runs(self, query: RunQuery) -> RunPage:
        """List one page of runs with their rows, as of one moment."""
        return await self._reader.run(partial(run_query.list_runs, query=query))

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for an append beyond a position, or for `timeout` seconds; tell the newest known."""
        self._writer.check_open()
        return await self._watch.wait(after, timeout)

    async def now(self) -> datetime:
        """Tell the time of this machine, which all processes on the file share."""
        self._writer.check_open()
        return datetime.now(UTC)  # noqa: TID251 - this is the store's clock

    async def rebuild(self, derive: Derive, progress: Callable[[int], object]) -> int:
        """Put derived rows in the place of all that there are, in one turn of the writer."""
        loop = asyncio.get_running_loop()
        interrupted = threading.Event()

        def tell(events: int) -> None:
            loop.call_soon_threadsafe(progress, events)

        work = partial(rebuild, derive=derive, progress=tell, interrupted=interrupted)
        try:
            return await self._writer.write(work)
        finally:
            interrupted.set()

    async def close(self) -> None:
        """Close all connections, once what was begun has ended."""
        if self._closed:
            return
        self._closed = True
        self._writer.refuse()
        self._reader.refuse()
        self._watch.close()
        await self._reader.close()
        await self._writer.close()
