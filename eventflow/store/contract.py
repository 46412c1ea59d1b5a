"""The promise of a store: an append-only log of runs, and the rows that answer questions about it.

Everything above this floor is written against `Store`, and every store behaves the same; the suite
in `eventflow.testing.conformance` proves it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from attrs import field

from eventflow.core.frozen import frozen
from eventflow.core.projection import Changes, Projection
from eventflow.core.values import JSON, Status
from eventflow.store.blobs import BlobStore


@frozen
class StoredEvent:
    """An event as it is kept: the bytes that were hashed, in their envelope.

    Attributes:
        run_id: The run.
        version: Its number within the run, from 1, no gaps.
        type: Its name on the wire, such as `stage.completed`.
        schema: The number of the shape of `data`, from 1.
        data: JSON, exactly as it was written.
        recorded_at: When, in UTC; never before the previous event of the run.
        actor: Who caused it, if that is known.
        op_id: The operation that appended it; unique, so that an append can be repeated safely.
        hash: SHA-256 over all of the above and the hash of the event before it.
        position: Its number within the store, from 1, no gaps, in commit order; 0 before it is
            appended.
    """

    run_id: str
    version: int
    type: str
    schema: int
    data: bytes
    recorded_at: datetime
    actor: str | None
    op_id: str
    hash: bytes
    position: int = 0


@frozen
class Operation:
    """Events to append to one run at an exact version, with the rows that they imply.

    Attributes:
        op_id: Unique; the same operation given twice is appended once and answered alike.
        run_id: The run.
        expected: The version that the run has now, exactly; 0 when it does not exist.
        events: At least one, numbered from `expected + 1`.
        changes: What the projection rows become.
        idempotency_key: If given, no other operation of the store has used it.
    """

    op_id: str
    run_id: str
    expected: int
    events: tuple[StoredEvent, ...]
    changes: Changes
    idempotency_key: str | None = None


@frozen
class Appended:
    """The operation is durable; the version and position are those of its last event."""

    version: int
    position: int


@frozen
class Conflict:
    """The run has another version than expected (0: it does not exist); nothing was appended."""

    actual: int


@frozen
class DuplicateKey:
    """The idempotency key belongs to another operation, of this run; nothing was appended."""

    run_id: str


Verdict: TypeAlias = Appended | Conflict | DuplicateKey


@frozen
class DueJob:
    """A job that a worker may claim now.

    Attributes:
        run_id: The run.
        stage: The stage.
        version: The version that the run had when this was read.
        token: The token of the job's row.
        leased: Whether that claim was still held, so that it has now expired.
    """

    run_id: str
    stage: str
    version: int
    token: int
    leased: bool


@frozen
class Renewal:
    """A new due time for a job, unless its claim was lost.

    Attributes:
        run_id: The run.
        stage: The stage.
        token: The claim that the caller believes to hold.
        due_at: When the lease ends, or, if `leased` is false, when the next check is due.
        leased: False gives the claim back until `due_at`: the job waits, unclaimed.
    """

    run_id: str
    stage: str
    token: int
    due_at: datetime
    leased: bool = True


@frozen
class RunQuery:
    """Which runs to list; what is left out is not asked for.

    Attributes:
        run_ids: Only these runs.
        statuses: Only runs in one of these statuses.
        workflow_id: Only runs of this workflow.
        metadata: Only runs whose metadata has all these values under these keys.
        created_from: Only runs created at this time or later.
        created_before: Only runs created before this time.
        called_models: Only runs that called a model.
        limit: At most so many.
        after: Only what follows the page that ended with this cursor.
    """

    run_ids: Collection[str] | None = None
    statuses: Collection[Status] | None = None
    workflow_id: str | None = None
    metadata: Mapping[str, JSON] = field(factory=dict)
    created_from: datetime | None = None
    created_before: datetime | None = None
    called_models: bool = False
    limit: int = 100
    after: str | None = None


@frozen
class RunPage:
    """Some runs, newest first, each with all its rows; `next` is the cursor of the next page."""

    items: tuple[Projection, ...]
    next: str | None


class Store(Protocol):
    """Where the log and its projections are kept.

    Every method may raise `StoreUnavailable` when the store cannot be reached, is full, locked for
    too long or read-only. An append that raises it may or may not be durable; repeating it with
    the same operations gives the true outcome. A store belongs to one event loop.
    """

    @property
    def blobs(self) -> BlobStore:
        """The blobs beside the log, closed with it; each is put before the events that need it."""
        ...

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append operations in order, in one transaction, with one verdict each.

        A conflicting operation fails alone. A later operation sees the earlier ones. When this
        returns, what was appended is durable.
        """
        ...

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read the events of several runs beyond a version, each run's in the order of versions."""
        ...

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the global log beyond a position, in order, without gaps."""
        ...

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Collection[str]] | None,
        limit: int,
        hold: float = 0.0,
    ) -> list[DueJob]:
        """List jobs whose time has come: priority descending, then oldest first by position.

        Args:
            now: The time to compare due times with.
            workflows: The stages of each workflow that may be listed, or None for all.
            limit: At most so many.
            hold: A store may keep what it lists, for so many seconds, from other callers that give
                a hold too, so that many workers do not race for the same few jobs. It is a
                courtesy and never a promise: what decides is the append of the claim.
        """
        ...

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Move the due times of claimed jobs; return the renewals whose claim was lost."""
        ...

    async def runs(self, query: RunQuery) -> RunPage:
        """List runs and their rows, newest first by position.

        Raises:
            ValueError: `after` is not the cursor of a page.
        """
        ...

    async def wait(self, after: int, timeout: float) -> int:
        """Return once something was appended beyond a position, or after `timeout` seconds.

        Gives the newest position that it knows of. It may return early. It never misses an append
        of this process, and notices those of other processes within milliseconds.
        """
        ...

    async def now(self) -> datetime:
        """Tell the store's time, in UTC."""
        ...

    async def close(self) -> None:
        """Release what is held; a closed store raises `StoreUnavailable`."""
        ...
