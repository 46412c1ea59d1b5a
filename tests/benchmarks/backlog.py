"""A backlog of any size, appended by the contract alone: one run, copied under other ids.

The hashes of the copies are not those of a chain. Nobody looks at them while jobs are claimed.
"""

from collections.abc import Iterator
from itertools import islice

from attrs import evolve

from eventflow.core.commands import CreateRun
from eventflow.runtime.identifiers import new_id
from eventflow.store.contract import Operation, Store
from eventflow.testing.builders import START, Author
from tests.benchmarks.workload import TRIVIAL

AT_ONCE = 500


async def add_runs(store: Store, runs: int) -> None:
    """Append so many pending runs of the trivial workflow."""
    operations = _copies(runs)
    while some := list(islice(operations, AT_ONCE)):
        await store.append(some)


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
