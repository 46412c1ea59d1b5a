"""Long histories: what it takes to open a run of many events, and what a further event costs."""

import time
from functools import partial

from eventflow.cli.bench.workload import TRIVIAL
from eventflow.core.commands import CreateRun, ReceiveSignal
from eventflow.core.decide import draft
from eventflow.core.events import StageLogged
from eventflow.core.state import replay
from eventflow.engine.journal import Journal
from eventflow.runtime.clock import SystemClock
from eventflow.runtime.identifiers import new_id
from eventflow.store.chain import verify
from eventflow.store.contract import Store
from eventflow.store.envelope import open_envelope


async def long_run(store: Store, events: int) -> str:
    """Make a run of so many events, nearly all of them notes; give its id."""
    clock, run_id = SystemClock(), new_id()
    command = CreateRun(
        now=clock.now(), plan=TRIVIAL.plan, input={"value": 1}, config={}, priority=5, metadata={}
    )
    journal = Journal(store, new_id)
    created = await journal.create(run_id, draft(None, command, run_id))
    left = events - created.state.version
    notes = [_note(number) for number in range(left)]
    for start in range(0, left, 500):
        await journal.record(run_id, notes[start : start + 500], clock.now())
    return run_id


def _note(number: int) -> StageLogged:
    return StageLogged(TRIVIAL.stages[0].id, 0, 1, "info", "worked", {"item": number})


async def open_seconds(store: Store, run_id: str) -> float:
    """Read a run, verify its chain, and fold it."""
    started = time.perf_counter()
    stored = await store.read([run_id])
    verify(stored)
    replay(open_envelope(each) for each in stored)
    return time.perf_counter() - started


async def read_seconds(store: Store, run_id: str) -> float:
    """Read a run, and do nothing with it."""
    started = time.perf_counter()
    await store.read([run_id])
    return time.perf_counter() - started


async def folded(store: Store, run_id: str) -> Journal:
    """Give a journal that has a run in memory, as that of a worker that has it in hand."""
    journal = Journal(store, new_id)
    await journal.state(run_id)
    return journal


async def append_seconds(journal: Journal, run_id: str, signals: int) -> float:
    """Append a signal to a run again and again; the seconds that each takes."""
    clock = SystemClock()
    started = time.perf_counter()
    for _ in range(signals):
        command = ReceiveSignal(now=clock.now(), name="bench", payload=None)
        await journal.execute(run_id, partial(draft, command=command))
    return (time.perf_counter() - started) / signals
