"""The store on PostgreSQL: many processes on one log; it adds no rule to the contract."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

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
from eventflow_postgres.address import Address, parse_address
from eventflow_postgres.blobs import PostgresBlobs
from eventflow_postgres.connections import Connections
from eventflow_postgres.decode import due_job, event, projection, verdicts
from eventflow_postgres.encode import PLACES, arrays
from eventflow_postgres.migrations import migrate
from eventflow_postgres.rebuilding import rebuild
from eventflow_postgres.run_query import page_query
from eventflow_postgres.wake import Bell, Waiters


async def connect(url: str) -> "PostgresStore":
    """Open the store behind a URL, and bring its schema up to date.

    Raises:
        ValueError: The URL has a parameter that does not exist, or a value that does not fit.
        StoreUnavailable: The database does not answer, or the role lacks a right.
        SchemaTooNew: A newer release of eventflow wrote the schema.
    """
    address = parse_address(url)
    connections = Connections(address)
    try:
        await connections.write(lambda connection: migrate(connection, address))
    except BaseException:
        await connections.close()
        raise
    return PostgresStore(address, connections)


class PostgresStore:
    """The contract of a store, kept by functions in one schema of a PostgreSQL database.

    Attributes:
        schema: The quoted name of that schema.
        blobs: The blobs beside the log, in the same schema.
    """

    def __init__(self, address: Address, connections: Connections) -> None:
        self._address = address
        self.schema = address.quoted_schema
        self._connections = connections
        self.blobs = PostgresBlobs(address, connections)
        self._waiters = Waiters()
        self._bell = Bell(address, self._waiters, channel(address.schema))
        self._bell.start()
        self._append = f"SELECT * FROM {self.schema}.append({PLACES})"  # noqa: S608 - the name is quoted

    def __repr__(self) -> str:
        return f"<PostgresStore {self._address.shown}>"

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append operations in one transaction and one round trip."""
        self._connections.check_open()
        if not operations:
            return []
        arguments = arrays(operations)
        answer = await self._connections.write(
            lambda connection: connection.fetchrow(self._append, *arguments)
        )
        if answer is None:
            raise AssertionError("a function call answers with one row")
        self._bell.ring(answer["latest"])
        return verdicts(answer)

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read the events of several runs beyond a version, each run's in order."""
        known = [run_id for run_id in run_ids if "\0" not in run_id]
        records = await self._connections.fetch(
            f"SELECT * FROM {self.schema}.read_runs($1, $2)",  # noqa: S608 - as above
            known,
            after,
        )
        return [event(record) for record in records]

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the global log beyond a position, in order."""
        records = await self._connections.fetch(
            f"SELECT * FROM {self.schema}.read_all($1, $2)",  # noqa: S608 - as above
            after,
            limit,
        )
        return [event(record) for record in records]

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Collection[str]] | None,
        limit: int,
        hold: float = 0.0,
    ) -> list[DueJob]:
        """List jobs whose time has come, the most important first; with a hold, no held ones."""
        pairs = (
            None if workflows is None else [(w, s) for w in workflows for s in set(workflows[w])]
        )
        records = await self._connections.fetch(
            f"SELECT * FROM {self.schema}.due($1, $2, $3, $4, $5)",  # noqa: S608 - as above
            now,
            None if pairs is None else [workflow for workflow, _ in pairs],
            None if pairs is None else [stage for _, stage in pairs],
            limit,
            timedelta(seconds=hold),
        )
        return [due_job(record) for record in records]

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Move due times by compare-and-set on the token; return those that were lost."""
        self._connections.check_open()
        if not renewals:
            return []
        lost = await self._connections.fetch(
            f"SELECT * FROM {self.schema}.renew($1, $2, $3, $4, $5) AS number",  # noqa: S608 - as above
            [renewal.run_id for renewal in renewals],
            [renewal.stage for renewal in renewals],
            [renewal.token for renewal in renewals],
            [renewal.due_at for renewal in renewals],
            [renewal.leased for renewal in renewals],
        )
        return [renewals[record["number"] - 1] for record in lost]

    async def runs(self, query: RunQuery) -> RunPage:
        """List one page of runs with their rows, in one query."""
        sql, arguments = page_query(self.schema, query)
        records = await self._connections.fetch(sql, *arguments)
        page = records[: query.limit]
        more = len(records) > len(page) and page
        return RunPage(
            items=tuple(projection(record) for record in page),
            next=str(page[-1]["position"]) if more else None,
        )

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for an append beyond a position, or for `timeout` seconds; tell the newest known."""
        self._connections.check_open()
        return await self._waiters.wait(after, timeout)

    async def now(self) -> datetime:
        """Tell the server's time."""
        (record,) = await self._connections.fetch("SELECT clock_timestamp() AS now")
        moment: datetime = record["now"]
        return moment

    async def rebuild(self, derive: Derive, progress: Callable[[int], object]) -> int:
        """Put derived rows in the place of all that there are; the owner of the tables may."""
        self._connections.check_open()
        return await self._connections.write(
            lambda connection: rebuild(connection, self._address, derive, progress)
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._bell.close()
        await self._connections.close()


def channel(schema: str) -> str:
    """Name the notification channel of a schema, within the length of a PostgreSQL name."""
    return "eventflow_" + hashlib.sha256(schema.encode()).hexdigest()[:16]
