"""How long it takes to open, prove, export and import histories, and in how much memory.

`python -m tests.benchmarks.proving [runs]`
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import eventflow as ef
from eventflow.core.events import StepCompleted
from eventflow.core.state import replay
from eventflow.engine.checkpoints import make_checkpoint
from eventflow.engine.histories import verify_file
from eventflow.engine.rebuilding import rebuild_rows
from eventflow.engine.signing import SigningKey
from eventflow.engine.walking import newest_position
from eventflow.runtime.verification import verify_store
from eventflow.store.chain import seal, verify
from eventflow.store.contract import Operation, Store, StoredEvent
from eventflow.store.envelope import open_envelope
from eventflow.store.registry import open_store
from eventflow.testing import load
from eventflow.testing.builders import START, Author
from tests.benchmarks.workload import quiet_logs

T = TypeVar("T")

LONG = 10_000
GROUPS = [[f"stage-{number}"] for number in range(20)]
AT_ONCE = 500


def rounds() -> list[Operation]:
    """Write a long run that goes through twenty stages, logs much, and is rewound at its end."""
    author = Author()
    operations = [author.create(groups=GROUPS)]
    turn = 0
    while author.version < LONG:
        (stage,) = GROUPS[turn % len(GROUPS)]
        operations.append(author.claim(stage))
        operations += [author.note({"turn": turn, "text": "of some length"}) for _ in range(20)]
        operations.append(author.complete(stage))
        if author.run.status.ended:
            operations.append(author.rewind(*GROUPS[0]))
        turn += 1
    return operations


def fan_out() -> list[StoredEvent]:
    """Write a long run of one stage that completes one step after the other."""
    author = Author()
    events = [*author.create().events, *author.claim().events]
    steps = [
        StepCompleted("a", 0, 1, author.token("a"), f"step-{number}", {"number": number})
        for number in range(LONG - len(events))
    ]
    sealed = seal(
        run_id=author.run_id,
        events=steps,
        after=len(events),
        previous=author.head,
        recorded_at=START,
        actor="worker",
        op_id="steps",
    )
    return [*events, *sealed]


def lives(count: int) -> list[Operation]:
    """Write runs of three stages."""
    operations: list[Operation] = []
    for _ in range(count):
        author = Author()
        operations.append(author.create(groups=[["a"], ["b"], ["c"]], metadata={"n": count}))
        for stage in "abc":
            operations += [author.claim(stage), author.complete(stage)]
    return operations


async def timed(what: str, work: Awaitable[T], events: int = 0) -> T:
    """Print the time of something, and of the processor for it; give what it came to."""
    begun, worked = time.perf_counter(), time.process_time()
    result = await work
    seconds, cpu = time.perf_counter() - begun, time.process_time() - worked
    rate = f"{events / seconds:10,.0f} events/s" if events else ""
    print(f"  {what:44} {1_000 * seconds:8,.0f} ms, cpu {1_000 * cpu:8,.0f} ms {rate}")
    return result


def opened(events: list[StoredEvent]) -> None:
    """Prove and fold a run that was read."""
    verify(events)
    replay(map(open_envelope, events))


async def open_long_run(store: Store, run_id: str, path: Path) -> None:
    """Measure what it takes to look at one long run."""
    for _ in range(3):
        begun, worked = time.perf_counter(), time.process_time()
        opened(await store.read([run_id]))
        wall, cpu = time.perf_counter() - begun, time.process_time() - worked
        print(
            f"  read, verified and folded: {1_000 * wall:.0f} ms, "
            f"of them {1_000 * cpu:.0f} ms of the processor"
        )
    async with ef.Runtime(store) as runtime:
        run = runtime.run(run_id)
        for at in (1, LONG // 2, LONG):
            await timed(f"state(at={at})", run.state(at=at))
        await run.export(path)
    history = await timed("loaded from its file", asyncio.to_thread(load, path))
    for at in (1, LONG // 2, LONG):
        await timed(f"history.state(at={at})", asyncio.to_thread(history.state, at))


async def measure(store: Store, runs: int, folder: Path) -> None:
    """Measure what is done with a whole store."""
    events = await newest_position(store)
    path = folder / "all.ndjson"
    async with ef.Runtime(store) as runtime:
        await timed("export", runtime.export(None, path), events)
        await timed("export, compressed", runtime.export(None, folder / "all.ndjson.gz"), events)
        await timed("runs(as_of=), a page of 100", runtime.runs(as_of=events))
    await timed("verify_file", asyncio.to_thread(verify_file, path), events)
    await timed("verify", verify_store(store), events)
    key = SigningKey.generate()
    await timed("checkpoint", make_checkpoint(store, key, START), events)
    await timed("rebuild", rebuild_rows(store), events)
    target = await open_store(f"sqlite:///{folder}/target.db")
    async with ef.Runtime(target) as runtime:
        await timed("import", runtime.import_history(path), events)
    await target.close()
    print(f"  {runs:,} runs, {events:,} events, {path.stat().st_size / 1e6:.0f} MB as a file")


async def main(runs: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(f"sqlite:///{folder}/long.db")
        operations = rounds()
        for first in range(0, len(operations), AT_ONCE):
            await store.append(operations[first : first + AT_ONCE])
        print(f"A run of {LONG:,} events, on SQLite:")
        await open_long_run(store, operations[0].run_id, Path(folder, "long.ndjson"))
        await store.close()
        print(f"A run of {LONG:,} events, most of them steps of one stage:")
        steps = fan_out()
        for _ in range(3):
            begun = time.perf_counter()
            opened(steps)
            print(f"  verified and folded: {1_000 * (time.perf_counter() - begun):.0f} ms")
        store = await open_store(f"sqlite:///{folder}/many.db")
        for _ in range(max(1, runs // AT_ONCE)):
            await store.append(lives(min(runs, AT_ONCE)))
        print("Many runs of three stages, on SQLite:")
        await measure(store, runs, Path(folder))
        await store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    print(f"The process took {peak:.0f} MB at most.")


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
