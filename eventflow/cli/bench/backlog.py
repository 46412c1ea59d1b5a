"""Claims against a backlog: one run, copied under other ids and appended by the contract alone.

The hashes of the copies are not those of a chain; nobody looks at them while jobs are claimed.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import islice

from attrs import evolve

from eventflow.cli.bench.workload import TRIVIAL
from eventflow.core.commands import ClaimJob, CreateRun
from eventflow.core.decide import draft
from eventflow.engine.journal import Journal, Outcome
from eventflow.runtime.identifiers import new_id
from eventflow.store.contract import DueJob, Operation, Store
from eventflow.testing.builders import START, Author

AT_ONCE = 16
"""How many jobs a worker of the default concurrency claims with one look."""

_BATCH = 500
_LEASE = 3600.0
_STAGES = {TRIVIAL.id: [stage.id for stage in TRIVIAL.stages]}


async def add_runs(store: Store, runs: int, progress: Callable[[int], object] = int) -> None:
    """Append so many pending runs."""
    operations = _copies(runs)
    while some := list(islice(operations, _BATCH)):
        await store.append(some)
        progress(len(some))


async def claims_per_second(store: Store, claims: int) -> float:
    """Look and claim as a worker with room for sixteen jobs does.

    Raises:
        RuntimeError: A claim was lost, though nobody else claims.
    """
    journal = Journal(store, new_id)
    started = time.perf_counter()
    for _ in range(claims // AT_ONCE):
        now = await store.now()
        jobs = await store.due(now, _STAGES, AT_ONCE)
        outcomes = await asyncio.gather(*(_claim(journal, job, now) for job in jobs))
        if sum(bool(outcome.events) for outcome in outcomes) != AT_ONCE:
            raise RuntimeError("a claim was lost, though nobody else claims")
    return claims / (time.perf_counter() - started)


async def _claim(journal: Journal, due: DueJob, now: datetime) -> Outcome:
    command = ClaimJob(now=now, stage=due.stage, worker="bench", lease=_LEASE, seen_token=due.token)
    return await journal.execute(due.run_id, partial(draft, command=command))


def _copies(runs: int) -> Iterator[Operation]:
    command = CreateRun(
        now=START, plan=TRIVIAL.plan, input={"value": 1}, config={}, priority=5, metadata={}
    )
    written = Author().do(command)
    for _ in range(runs):
        yield _copy(written, new_id())


def _copy(written: Operation, run_id: str) -> Operation:
    events = [evolve(event, run_id=run_id, op_id=run_id) for event in written.events]
    row = evolve(written.changes.run, run_id=run_id)
    return evolve(
        written,
        op_id=run_id,
        run_id=run_id,
        events=tuple(events),
        changes=evolve(written.changes, run=row),
    )
