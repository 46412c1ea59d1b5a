"""Bugs in what a store does."""

from datetime import timedelta
from typing import Any

from attrs import evolve

from eventflow.store.contract import Appended, Conflict
from tests.simulation.planting import mutant

A_SECOND = timedelta(seconds=1)


@mutant("eventflow.store.memory:MemoryStore._append")
def appends_before_the_check(sound: Any) -> Any:
    """Events are written before their version is compared."""

    def append(store: Any, operation: Any) -> Any:
        verdict = sound(store, operation)
        if isinstance(verdict, Conflict):
            store._write(operation, store._runs.get(operation.run_id))
        return verdict

    return append


@mutant("eventflow.store.memory:MemoryStore._append")
def conflicts_told_as_appended(sound: Any) -> Any:
    """Who loses a race is told to have won it."""

    def append(store: Any, operation: Any) -> Any:
        verdict = sound(store, operation)
        if isinstance(verdict, Conflict) and operation.idempotency_key is None:
            return Appended(operation.expected + len(operation.events), len(store._log))
        return verdict

    return append


@mutant("eventflow.store.memory:MemoryStore._append")
def forgotten_keys(sound: Any) -> Any:
    """An idempotency key can be used again."""
    return lambda store, operation: sound(store, evolve(operation, idempotency_key=None))


@mutant("eventflow.store.memory:MemoryStore._write_rows")
def lost_rows(sound: Any) -> Any:
    """Some rows are not written along with their events."""

    def write_rows(store: Any, operation: Any, run: Any) -> None:
        if len(run.events) % 5:
            sound(store, operation, run)

    return write_rows


@mutant("eventflow.store.memory:MemoryStore._renew")
def renewals_by_anybody(sound: Any) -> Any:
    """A lease is renewed by whoever asks."""

    def renew(store: Any, renewal: Any) -> Any:
        job = store._jobs.of(renewal.run_id).get(renewal.stage)
        return sound(store, evolve(renewal, token=job.row.token) if job else renewal)

    return renew


@mutant("eventflow.store.memory_jobs:Jobs.due")
def hidden_retries(sound: Any) -> Any:
    """What waits for its time is not found any more."""

    def due(jobs: Any, now: Any, workflows: Any) -> Any:
        return (job for job in sound(jobs, now, workflows) if job.row.due_at + A_SECOND > now)

    return due


@mutant("eventflow.store.memory:_placed")
def gaps(sound: Any) -> Any:
    """A position is left out now and then."""
    return lambda event, position: sound(event, position + position // 7)


@mutant("eventflow.store.memory:MemoryStore.append")
def shared_conflicts(sound: Any) -> Any:
    """One operation that loses a race spoils all that are appended with it."""

    async def append(store: Any, operations: Any) -> Any:
        verdicts = await sound(store, operations)
        lost = [each for each in verdicts if isinstance(each, Conflict)]
        return lost[:1] * len(verdicts) if lost else verdicts

    return append


@mutant("eventflow.store.memory:MemoryStore.read")
def stale_reads(sound: Any) -> Any:
    """The last event is not read yet."""

    async def read(store: Any, run_ids: Any, after: int = 0) -> Any:
        events = await sound(store, run_ids, after)
        return events[:-1] if len(events) > 3 else events

    return read


@mutant("eventflow.store.memory:MemoryStore.due")
def dead_workers_trusted(sound: Any) -> Any:
    """A lease that is over is not found."""

    async def due(*asked: Any) -> Any:
        return [job for job in await sound(*asked) if not job.leased]

    return due


@mutant("eventflow.store.memory_jobs:Jobs.put")
def one_job_a_run(sound: Any) -> Any:
    """The job of a stage takes the place of those of its siblings."""

    def put(jobs: Any, job: Any) -> None:
        for stage in list(jobs.of(job.run_id)):
            jobs.drop(job.run_id, stage)
        sound(jobs, job)

    return put
