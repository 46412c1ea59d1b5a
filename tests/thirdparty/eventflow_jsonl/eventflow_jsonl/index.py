"""What the lines of the log come to, in memory, and the answers to all questions about it."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import islice

import msgspec
from attrs import define, evolve, field

from eventflow.core.projection import JobRow, Projection, RunRow, StageRow
from eventflow.core.values import JSON
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
from eventflow_jsonl.lines import Append, Line, Renewed, stored


@define
class Run:
    """One run: its events and its rows."""

    row: RunRow
    events: list[StoredEvent] = field(factory=list)
    stages: dict[str, StageRow] = field(factory=dict)
    jobs: dict[str, JobRow] = field(factory=dict)

    @property
    def age(self) -> int:
        """The position of its first event: the lower, the older."""
        return self.events[0].position


@define
class Index:
    """All runs, in the order in which they were created."""

    log: list[StoredEvent] = field(factory=list)
    runs: dict[str, Run] = field(factory=dict)
    keys: dict[str, str] = field(factory=dict)

    def apply(self, line: Line) -> None:
        """Take in a line of the log."""
        for part in line:
            if isinstance(part, Append):
                self._append(part)
            else:
                self._renew(part)

    def refusal(self, operation: Operation) -> Verdict | None:
        """Say why an operation is not appended, or was before; None if it can be appended now."""
        run = self.runs.get(operation.run_id)
        events = run.events if run is not None else []
        place = operation.expected
        if len(events) > place and events[place].op_id == operation.op_id:
            last = events[place + len(operation.events) - 1]
            return Appended(last.version, last.position)
        if operation.idempotency_key in self.keys:
            return DuplicateKey(self.keys[operation.idempotency_key])
        return Conflict(len(events)) if len(events) != place else None

    def holds(self, renewal: Renewal) -> bool:
        """Tell whether the claim that somebody renews still holds."""
        run = self.runs.get(renewal.run_id)
        job = run.jobs.get(renewal.stage) if run is not None else None
        return job is not None and job.leased and job.token == renewal.token

    def due(
        self, now: datetime, workflows: Mapping[str, Collection[str]] | None, limit: int
    ) -> list[DueJob]:
        """List jobs whose time has come."""
        ready = [
            (-run.row.priority, run.events[job.scheduled - 1].position, run.row.run_id, job)
            for run in self.runs.values()
            for job in run.jobs.values()
            if job.due_at <= now
            and (workflows is None or job.stage in workflows.get(run.row.workflow_id, ()))
        ]
        ready.sort(key=lambda each: each[:2])
        return [
            DueJob(run_id, job.stage, len(self.runs[run_id].events), job.token, job.leased)
            for _, _, run_id, job in ready[:limit]
        ]

    def page(self, query: RunQuery) -> RunPage:
        """List one page of runs."""
        before = len(self.log) + 1 if query.after is None else int(query.after)
        older = (run for run in reversed(self.runs.values()) if run.age < before)
        found = (run for run in older if _answers(run, query))
        page = list(islice(found, query.limit + 1))
        items = page[: query.limit]
        more = bool(items) and len(page) > len(items)
        return RunPage(
            items=tuple(_projection(run) for run in items),
            next=str(items[-1].age) if more else None,
        )

    def _append(self, part: Append) -> None:
        changes = part.changes
        run = self.runs.setdefault(part.run_id, Run(changes.run))
        run.row = changes.run
        events = stored(part, len(self.log) + 1)
        self.log += events
        run.events += events
        if part.key is not None:
            self.keys[part.key] = part.run_id
        _forget(run.stages, changes.dropped_stages)
        run.stages |= {row.stage: row for row in changes.stages}
        _forget(run.jobs, changes.dropped_jobs)
        run.jobs |= {row.stage: row for row in changes.jobs}

    def _renew(self, part: Renewed) -> None:
        renewal = part.renewal
        jobs = self.runs[renewal.run_id].jobs
        jobs[renewal.stage] = evolve(
            jobs[renewal.stage], due_at=renewal.due_at, leased=renewal.leased
        )


def _forget(rows: dict[str, StageRow] | dict[str, JobRow], stages: Iterable[str]) -> None:
    for stage in stages:
        rows.pop(stage, None)


def _projection(run: Run) -> Projection:
    return Projection(
        run=evolve(run.row, metadata=msgspec.json.decode(msgspec.json.encode(run.row.metadata))),
        stages=tuple(sorted(run.stages.values(), key=lambda row: (row.group, row.stage))),
        jobs=tuple(sorted(run.jobs.values(), key=lambda row: (row.scheduled, row.stage))),
    )


def _answers(run: Run, query: RunQuery) -> bool:
    """Tell whether a run has everything that is asked for."""
    row = run.row
    return (
        (query.run_ids is None or row.run_id in query.run_ids)
        and (query.statuses is None or row.status in query.statuses)
        and (query.workflow_id is None or row.workflow_id == query.workflow_id)
        and (query.created_from is None or row.created_at >= query.created_from)
        and (query.created_before is None or row.created_at < query.created_before)
        and (not query.called_models or row.ai is not None)
        and _spelled(query.metadata).items() <= _spelled(row.metadata).items()
    )


def _spelled(metadata: Mapping[str, JSON]) -> dict[str, bytes]:
    """Spell values so that two are equal exactly when their JSON is: 1, 1.0 and true differ."""
    return {key: msgspec.json.encode(value, order="sorted") for key, value in metadata.items()}
