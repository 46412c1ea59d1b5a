"""Claims against a backlog: one run, copied under other ids and appended by the contract alone.

So are stores made that hold many runs which have ended.

The hashes of the copies are not those of a chain; nobody looks at them while jobs are claimed.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache, partial
from itertools import islice

from attrs import evolve

from eventflow.cli.bench.workload import TRIVIAL
from eventflow.core.commands import CancelRun, ClaimJob, CreateRun
from eventflow.core.decide import draft
from eventflow.engine.journal import Journal, Outcome
from eventflow.runtime.identifiers import new_id
from eventflow.store.contract import DueJob, Operation, Store
from eventflow.testing.builders import START, Author

AT_ONCE = 16
"""How many jobs a worker of the default concurrency claims with one look."""

_BATCH = 500
_CREATE = CreateRun(
    now=START, plan=TRIVIAL.plan, input={"value": 1}, config={}, priority=5, metadata={}
)
_LEASE = 3600.0
_STAGES = {TRIVIAL.id: [stage.id for stage in TRIVIAL.stages]}


async def add_runs(store: Store, runs: int, progress: Callable[[int], object] = int) -> None:
    """Append so many pending runs."""
    await _append(store, ([_copy(_pending(), new_id())] for _ in range(runs)), progress)


async def add_ended_runs(store: Store, runs: int, progress: Callable[[int], object] = int) -> None:
    """Append so many runs that were cancelled before anybody claimed them: three events each."""
    author = Author()
    life = [author.do(_CREATE), author.do(CancelRun(now=START))]
    await _append(store, (_copies(life, new_id()) for _ in range(runs)), progress)


async def _append(
    store: Store, runs: Iterator[Sequence[Operation]], progress: Callable[[int], object]
) -> None:
    while some := list(islice(runs, _BATCH)):
        await store.append([operation for run in some for operation in run])
        progress(len(some))


async def bare_claims_per_second(store: Store, claims: Sequence[Operation]) -> float:
    """Append claims that were recorded elsewhere, as many at once, to runs that are made before."""
    await store.append([_copy(_pending(), claim.run_id) for claim in claims])
    started = time.perf_counter()
    for begin in range(0, len(claims), AT_ONCE):
        await store.append(claims[begin : begin + AT_ONCE])
    return len(claims) / (time.perf_counter() - started)


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


@cache
def _pending() -> Operation:
    return Author().do(_CREATE)


def _copies(life: Sequence[Operation], run_id: str) -> list[Operation]:
    return [_copy(each, run_id, f"{run_id}-{number}") for number, each in enumerate(life)]


def _copy(written: Operation, run_id: str, op_id: str | None = None) -> Operation:
    op_id = op_id or run_id
    events = [evolve(event, run_id=run_id, op_id=op_id) for event in written.events]
    row = evolve(written.changes.run, run_id=run_id)
    return evolve(
        written,
        op_id=op_id,
        run_id=run_id,
        events=tuple(events),
        changes=evolve(written.changes, run=row),
    )
