"""Measures the parts of the benchmark one after another, each on stores of its own."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from types import MappingProxyType

from attrs import evolve, frozen

from eventflow.cli.bench.backlog import AT_ONCE, add_runs, claims_per_second
from eventflow.cli.bench.bare import bare_runs_per_second, recorded
from eventflow.cli.bench.figures import Figure, figure
from eventflow.cli.bench.histories import append_seconds, long_run, open_seconds
from eventflow.cli.bench.memory import resident_megabytes
from eventflow.cli.bench.processes import crowd_runs_per_second, handover_seconds
from eventflow.cli.bench.workload import (
    CONCURRENCY,
    TRIVIAL,
    latencies,
    runs_per_second,
    warm_up,
)
from eventflow.runtime.runtime import Runtime
from eventflow.store.contract import Store
from eventflow.store.registry import open_store
from eventflow.store.scratch import NewStore

MILLISECONDS = 1e3


class Part(StrEnum):
    """What can be measured alone."""

    THROUGHPUT = "throughput"
    REST = "rest"
    HANDOVER = "handover"
    CLAIMS = "claims"
    PROCESSES = "processes"
    HISTORIES = "histories"
    MEMORY = "memory"


SHARED = frozenset({Part.HANDOVER, Part.PROCESSES})
"""What needs a store that several processes can open."""


@frozen
class Effort:
    """How much is measured.

    Attributes:
        rounds: How often each thing is measured.
        runs: How many runs a round completes.
        in_flight: How many runs are under way at once, one measurement each.
        at_rest: How many runs are measured alone.
        handovers: How many runs another process starts.
        claims: How many jobs a round claims.
        backlogs: How many jobs wait while others are claimed, one measurement each.
        processes: How many processes work on one store.
        histories: How long the runs are that are opened, one measurement each.
        memory: How many runs are completed while the memory is looked at.
    """

    rounds: int = 5
    runs: int = 1_000
    in_flight: tuple[int, ...] = (1, 20, 100, 500)
    at_rest: int = 200
    handovers: int = 60
    claims: int = 160
    backlogs: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    processes: int = 4
    histories: tuple[int, ...] = (10, 1_000, 10_000)
    memory: int = 20_000


QUICK = Effort(
    rounds=2,
    runs=200,
    in_flight=(1, 100),
    at_rest=30,
    handovers=10,
    claims=64,
    backlogs=(1_000, 10_000),
    processes=2,
    histories=(10, 1_000),
    memory=2_000,
)


@frozen
class Bench:
    """Where and how much is measured.

    Attributes:
        new_store: Gives empty stores.
        effort: How much is measured.
        tell: Is told what is being done, and how far that is.
    """

    new_store: NewStore
    effort: Effort
    tell: Callable[[str], object]

    async def measure(self, parts: Collection[Part]) -> AsyncIterator[Figure]:
        """Measure the parts in their order, and give each figure once it is known."""
        for part in Part:
            if part in parts:
                async for found in _MEASURES[part](self):
                    yield found


async def throughput(bench: Bench) -> AsyncIterator[Figure]:
    """Completed runs a second, beside the bare appends of such runs, in turn."""
    effort = bench.effort
    bench.tell("recording what a run appends")
    operations = await recorded(bench.new_store(), effort.runs)
    for in_flight in effort.in_flight:
        complete, bare = [], []
        runs = min(effort.runs, 20 * in_flight + 80)
        for number in range(effort.rounds):
            bench.tell(f"{in_flight} in flight, round {number + 1} of {effort.rounds}")
            async with _working(bench.new_store()) as runtime:
                complete.append(await runs_per_second(runtime, runs, in_flight))
            url = bench.new_store()
            bare.append(await bare_runs_per_second(url, operations[:runs], in_flight))
        name = f"{in_flight} in flight"
        yield figure(Part.THROUGHPUT, name, "runs/s", complete, limit=bare, against="bare appends")


async def rest(bench: Bench) -> AsyncIterator[Figure]:
    """How long one run takes while nothing else happens."""
    bench.tell("one run at a time")
    async with _working(bench.new_store()) as runtime:
        seconds = await latencies(runtime, bench.effort.at_rest)
    yield figure(Part.REST, "created to result", "ms", [s * MILLISECONDS for s in seconds])


async def handover(bench: Bench) -> AsyncIterator[Figure]:
    """How long it takes until another process starts a run."""
    bench.tell("another process starts what this one creates")
    seconds = await handover_seconds(bench.new_store(), bench.effort.handovers)
    yield figure(Part.HANDOVER, "created to started", "ms", [s * MILLISECONDS for s in seconds])


async def claims(bench: Bench) -> AsyncIterator[Figure]:
    """Claims a second against backlogs, from each in turn, so that the load is alike."""
    effort = bench.effort
    stores: dict[int, Store] = {}
    for backlog in effort.backlogs:
        bench.tell(f"appending a backlog of {backlog:,}")
        stores[backlog] = await open_store(bench.new_store())
        await add_runs(stores[backlog], backlog)
    rates: dict[int, list[float]] = {backlog: [] for backlog in effort.backlogs}
    for number in range(3 * effort.rounds):
        bench.tell(f"claiming, round {number + 1} of {3 * effort.rounds}")
        for backlog, store in stores.items():
            rates[backlog].append(await claims_per_second(store, effort.claims))
            await add_runs(store, effort.claims)
    smallest = rates[effort.backlogs[0]]
    for backlog, found in rates.items():
        name = f"backlog of {backlog:,}, {AT_ONCE} at once"
        yield figure(
            Part.CLAIMS, name, "claims/s", found, limit=smallest, against="smallest backlog"
        )
    for store in stores.values():
        await store.close()


async def processes(bench: Bench) -> AsyncIterator[Figure]:
    """Completed runs a second of several processes together."""
    effort, rates = bench.effort, []
    for number in range(effort.rounds):
        bench.tell(f"{effort.processes} processes, round {number + 1} of {effort.rounds}")
        url = bench.new_store()
        rates.append(await crowd_runs_per_second(url, effort.processes, effort.runs, 100))
    name = f"{effort.processes} processes, 100 in flight in each"
    yield figure(Part.PROCESSES, name, "runs/s", rates)


async def histories(bench: Bench) -> AsyncIterator[Figure]:
    """What opening a long run takes, and what a further event of it costs."""
    effort = bench.effort
    store = await open_store(bench.new_store())
    for events in effort.histories:
        bench.tell(f"a run of {events:,} events")
        run_id = await long_run(store, events)
        opened = [await open_seconds(store, run_id) for _ in range(effort.rounds)]
        added = [await append_seconds(store, run_id, 20) for _ in range(effort.rounds)]
        yield figure(
            Part.HISTORIES,
            f"open {events:,} events: read, verify, fold",
            "ms",
            [s * MILLISECONDS for s in opened],
        )
        yield figure(
            Part.HISTORIES,
            f"append behind {events:,} events",
            "ms",
            [s * MILLISECONDS for s in added],
        )
    await store.close()


async def memory(bench: Bench) -> AsyncIterator[Figure]:
    """What the process holds after more and more runs."""
    effort, held = bench.effort, []
    async with _working(bench.new_store()) as runtime:
        for step in range(5):
            bench.tell(f"memory, {step * effort.memory // 4:,} of {effort.memory:,} runs")
            if step:
                await runs_per_second(runtime, effort.memory // 4, in_flight=100)
            if (now := resident_megabytes()) is not None:
                held.append(now)
    if held:
        grown = [now - held[1] for now in held[2:]]
        name = f"grown between {effort.memory // 4:,} and {effort.memory:,} runs"
        yield evolve(figure(Part.MEMORY, name, "MB", grown), median=grown[-1])


@asynccontextmanager
async def _working(url: str) -> AsyncGenerator[Runtime]:
    """Open a runtime that works on an empty store, and is warm."""
    async with Runtime(url, [TRIVIAL], concurrency=CONCURRENCY) as runtime:
        await runtime.start()
        await warm_up(runtime)
        yield runtime


_MEASURES: Mapping[Part, Callable[[Bench], AsyncIterator[Figure]]] = MappingProxyType(
    {
        Part.THROUGHPUT: throughput,
        Part.REST: rest,
        Part.HANDOVER: handover,
        Part.CLAIMS: claims,
        Part.PROCESSES: processes,
        Part.HISTORIES: histories,
        Part.MEMORY: memory,
    }
)
