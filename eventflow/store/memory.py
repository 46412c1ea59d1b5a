"""The store that keeps everything in memory: the model of all stores, which never outlives them.

It answers exactly as the contract says, in the fewest words; other stores are compared with it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice

import msgspec
from attrs import define, evolve, field

from eventflow.core.projection import Projection, RunRow, StageRow
from eventflow.core.values import JSON
from eventflow.errors import StoreUnavailable
from eventflow.store.contract import (
    Appended,
    Conflict,
    DueJob,
    DuplicateKey,
    Operation,
    Renewal,
    RunPage,
    RunQuery,
    StoredEvent,
    Verdict,
)
from eventflow.store.memory_blobs import MemoryBlobs
from eventflow.store.memory_jobs import Job, Jobs
from eventflow.store.rebuilding import Derive


async def connect(url: str) -> "MemoryStore":
    """Open `memory://`: each time a new, empty store.

    Raises:
        ValueError: The URL names something; a store in memory is never shared.
    """
    if url.partition("://")[2].strip("/"):
        raise ValueError(
            "a store in memory has no name, since nobody else could open it: write memory://"
        )
    return MemoryStore()


@asynccontextmanager
async def scratch(url: str) -> AsyncGenerator[Callable[[], str]]:
    """Give URLs of empty stores; nothing of them is left anyway."""
    yield lambda: url


@define
class _Run:
    """One run; the values of its metadata are kept as JSON, which nobody can change."""

    row: RunRow
    metadata: dict[str, bytes]
    events: list[StoredEvent] = field(factory=list)
    stages: dict[str, StageRow] = field(factory=dict)


class MemoryStore:
    """The contract of a store, kept in dicts and lists.

    Args:
        now: Tells the store's time; the wall clock by default.

    Attributes:
        blobs: The blobs beside the log.
    """

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.blobs = MemoryBlobs()
        self._now = now or _wall_clock
        self._log: list[StoredEvent] = []
        self._runs: dict[str, _Run] = {}
        self._keys: dict[str | None, str] = {}
        self._jobs = Jobs()
        self._appended = asyncio.Event()
        self._closed = False

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append operations in order; no other task runs in between."""
        self._refuse_closed()
        verdicts = [self._append(operation) for operation in operations]
        self._wake()
        return verdicts

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read the events of several runs beyond a version."""
        self._refuse_closed()
        runs = [self._runs[run_id] for run_id in dict.fromkeys(run_ids) if run_id in self._runs]
        return [event for run in runs for event in run.events[after:]]

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the global log beyond a position."""
        self._refuse_closed()
        return self._log[after : after + limit]

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Collection[str]] | None,
        limit: int,
        hold: float = 0.0,  # noqa: ARG002 - a courtesy between processes
    ) -> list[DueJob]:
        """List jobs whose time has come, the most important first."""
        self._refuse_closed()
        return [
            DueJob(
                run_id=job.run_id,
                stage=job.row.stage,
                version=len(self._runs[job.run_id].events),
                token=job.row.token,
                leased=job.row.leased,
            )
            for job in islice(self._jobs.due(now, workflows), limit)
        ]

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Move due times by compare-and-set; return the renewals whose claim was lost."""
        self._refuse_closed()
        return [renewal for renewal in renewals if not self._renew(renewal)]

    async def runs(self, query: RunQuery) -> RunPage:
        """List one page of runs with their rows."""
        self._refuse_closed()
        before = None if query.after is None else int(query.after)
        found = (
            run
            for run in self._newest_first(query)
            if (before is None or _age(run) < before) and _answers(run, query)
        )
        page = list(islice(found, query.limit + 1))
        items = page[: query.limit]
        more = bool(items) and len(page) > len(items)
        return RunPage(
            items=tuple(self._projection(run) for run in items),
            next=str(items[-1].events[0].position) if more else None,
        )

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for an append beyond a position, or for `timeout` seconds; tell the newest."""
        self._refuse_closed()
        if len(self._log) <= after:
            try:
                async with asyncio.timeout(timeout):
                    await self._appended.wait()
            except TimeoutError:
                pass
        return len(self._log)

    async def now(self) -> datetime:
        """Tell the time."""
        self._refuse_closed()
        return self._now()

    async def rebuild(self, derive: Derive, progress: Callable[[int], object]) -> int:
        """Put derived rows in the place of all that there are; no other task runs in between."""
        self._refuse_closed()
        claimed = {run_id: self._jobs.of(run_id) for run_id in self._runs}
        rebuilt = [
            derive(run.events, {stage: job.row for stage, job in claimed[run_id].items()})
            for run_id, run in self._runs.items()
        ]
        self._jobs, self._keys = Jobs(), {}
        for each in rebuilt:
            run, row = self._runs[each.operation.run_id], each.operation.changes.run
            run.row, run.metadata, run.stages = row, _encoded(row.metadata), {}
            self._write_rows(each.operation, run)
            self._keys.update(dict.fromkeys(each.keys, row.run_id))
        progress(len(self._log))
        return len(rebuilt)

    async def close(self) -> None:
        """Refuse everything from now on."""
        self._closed = True
        self._wake()
        await self.blobs.close()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The store in memory was closed")

    def _wake(self) -> None:
        """Wake all who wait now; who waits later waits for the next append."""
        self._appended.set()
        self._appended = asyncio.Event()

    def _append(self, operation: Operation) -> Verdict:
        run = self._runs.get(operation.run_id)
        events = run.events if run is not None else []
        if _holds(events, operation):
            last = events[operation.expected + len(operation.events) - 1]
            return Appended(last.version, last.position)
        if operation.idempotency_key in self._keys:
            return DuplicateKey(self._keys[operation.idempotency_key])
        if len(events) != operation.expected:
            return Conflict(len(events))
        return self._write(operation, run)

    def _write(self, operation: Operation, run: _Run | None) -> Appended:
        row = operation.changes.run
        if run is None:
            run = self._runs[operation.run_id] = _Run(row, _encoded(row.metadata))
        run.row = row
        for event in operation.events:
            placed = _placed(event, len(self._log) + 1)
            self._log.append(placed)
            run.events.append(placed)
        if operation.idempotency_key is not None:
            self._keys[operation.idempotency_key] = operation.run_id
        self._write_rows(operation, run)
        return Appended(len(run.events), len(self._log))

    def _write_rows(self, operation: Operation, run: _Run) -> None:
        changes = operation.changes
        for stage_id in changes.dropped_stages:
            run.stages.pop(stage_id, None)
        for stage in changes.stages:
            run.stages[stage.stage] = stage
        for stage_id in changes.dropped_jobs:
            self._jobs.drop(operation.run_id, stage_id)
        for job in changes.jobs:
            self._jobs.put(
                Job(
                    row=job,
                    run_id=operation.run_id,
                    workflow_id=run.row.workflow_id,
                    priority=run.row.priority,
                    position=run.events[job.scheduled - 1].position,
                )
            )

    def _renew(self, renewal: Renewal) -> bool:
        job = self._jobs.of(renewal.run_id).get(renewal.stage)
        if job is None or job.row.token != renewal.token or not job.row.leased:
            return False
        row = evolve(job.row, due_at=renewal.due_at, leased=renewal.leased)
        self._jobs.put(evolve(job, row=row, ready=False))
        return True

    def _newest_first(self, query: RunQuery) -> Iterable[_Run]:
        if query.run_ids is None:
            return reversed(self._runs.values())
        asked = {run_id for run_id in query.run_ids if run_id in self._runs}
        return sorted((self._runs[run_id] for run_id in asked), key=_age, reverse=True)

    def _projection(self, run: _Run) -> Projection:
        jobs = [job.row for job in self._jobs.of(run.row.run_id).values()]
        return Projection(
            run=evolve(run.row, metadata=_decoded(run.metadata)),
            stages=tuple(sorted(run.stages.values(), key=lambda row: (row.group, row.stage))),
            jobs=tuple(sorted(jobs, key=lambda row: (row.scheduled, row.stage))),
        )


def _wall_clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the time of a store is its own


def _holds(events: Sequence[StoredEvent], operation: Operation) -> bool:
    """Tell whether this very operation was appended before."""
    place = operation.expected
    return len(events) > place and events[place].op_id == operation.op_id


def _placed(event: StoredEvent, position: int) -> StoredEvent:
    return StoredEvent(
        event.run_id,
        event.version,
        event.type,
        event.schema,
        event.data,
        event.recorded_at,
        event.actor,
        event.op_id,
        event.hash,
        position,
    )


def _age(run: _Run) -> int:
    return run.events[0].position


def _answers(run: _Run, query: RunQuery) -> bool:
    """Tell whether a run has everything that is asked for."""
    row = run.row
    return (
        (query.statuses is None or row.status in query.statuses)
        and (query.workflow_id is None or row.workflow_id == query.workflow_id)
        and (query.created_from is None or row.created_at >= query.created_from)
        and (query.created_before is None or row.created_at < query.created_before)
        and (not query.called_models or row.ai is not None)
        and _encoded(query.metadata).items() <= run.metadata.items()
    )


def _encoded(metadata: Mapping[str, JSON]) -> dict[str, bytes]:
    """Write each value so that two are equal exactly when their JSON is: 1, 1.0 and true differ."""
    return {key: msgspec.json.encode(value, order="sorted") for key, value in metadata.items()}


def _decoded(metadata: Mapping[str, bytes]) -> dict[str, JSON]:
    return {key: msgspec.json.decode(value) for key, value in metadata.items()}
