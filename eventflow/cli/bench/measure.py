"""Measures the parts of the benchmark one after another, each on stores of its own."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from types import MappingProxyType

from attrs import frozen

from eventflow.cli.bench.backlog import (
    AT_ONCE,
    add_ended_runs,
    add_runs,
    bare_claims_per_second,
    claims_per_second,
)
from eventflow.cli.bench.bare import (
    Recording,
    append_together,
    bare_latencies,
    bare_runs_per_second,
    recorded,
    recording,
)
from eventflow.cli.bench.effort import Effort, Part
from eventflow.cli.bench.figures import Figure, figure
from eventflow.cli.bench.histories import (
    append_seconds,
    folded,
    long_run,
    open_seconds,
    read_seconds,
)
from eventflow.cli.bench.memory import resident_megabytes
from eventflow.cli.bench.processes import (
    IN_FLIGHT,
    append,
    complete,
    crowd_runs_per_second,
    handover_seconds,
    hearing_seconds,
)
from eventflow.cli.bench.workload import (
    CONCURRENCY,
    EVENTS_PER_RUN,
    TRIVIAL,
    latencies,
    runs_per_second,
    warm_up,
)
from eventflow.runtime.runtime import Runtime
from eventflow.store.contract import Operation, Store
from eventflow.store.registry import open_store
from eventflow.store.scratch import NewStore

MILLISECONDS = 1e3
MICROSECONDS = 1e6
SIGNALS = 20
BARE = "bare appends"


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
        yield figure(Part.THROUGHPUT, name, "runs/s", complete, limit=bare, against=BARE)


async def rest(bench: Bench) -> AsyncIterator[Figure]:
    """How long one run takes while nothing else happens, beside its bare appends."""
    effort = bench.effort
    bench.tell("recording what a run appends")
    operations = await recorded(bench.new_store(), effort.at_rest)
    alone, bare = [], []
    each = -(-effort.at_rest // effort.rounds)
    store = await open_store(bench.new_store())
    async with _working(bench.new_store()) as runtime:
        for number in range(effort.rounds):
            bench.tell(f"one run at a time, round {number + 1} of {effort.rounds}")
            some = operations[number * each : (number + 1) * each]
            alone += await latencies(runtime, len(some))
            bare += await bare_latencies(store, some)
    await store.close()
    yield _times(Part.REST, "created to result", alone, bare, "bare appends")


async def handover(bench: Bench) -> AsyncIterator[Figure]:
    """How long it takes until another process starts a run, or only hears of an append."""
    effort = bench.effort
    started, heard = [], []
    each = -(-effort.handovers // effort.rounds)
    for number in range(effort.rounds):
        told = f"round {number + 1} of {effort.rounds}"
        bench.tell(f"another process starts what this one creates, {told}")
        started += await handover_seconds(bench.new_store(), each)
        bench.tell(f"another process hears of what this one appends, {told}")
        heard += await hearing_seconds(bench.new_store(), each)
    yield _times(Part.HANDOVER, "created to started", started, heard, "a bare append heard of")


async def claims(bench: Bench) -> AsyncIterator[Figure]:
    """Claims a second against backlogs, from each in turn, so that the load is alike."""
    effort = bench.effort
    stores: dict[int, tuple[Store, Recording]] = {}
    for backlog in effort.backlogs:
        bench.tell(f"appending a backlog of {backlog:,}")
        stores[backlog] = recording(await open_store(bench.new_store()))
        await _filled(*stores[backlog], add_runs, backlog)
    empty = await open_store(bench.new_store())
    rates: dict[int, list[float]] = {backlog: [] for backlog in effort.backlogs}
    bare: list[float] = []
    claimed: Sequence[Operation] = ()
    for number in range(3 * effort.rounds):
        bench.tell(f"claiming, round {number + 1} of {3 * effort.rounds}")
        for backlog, (store, record) in stores.items():
            rates[backlog].append(await claims_per_second(store, effort.claims))
            claimed = record.taken()
            await _filled(store, record, add_runs, effort.claims)
        bare.append(await bare_claims_per_second(empty, claimed))
    for backlog, found in rates.items():
        yield figure(
            Part.CLAIMS,
            f"backlog of {backlog:,}, {AT_ONCE} at once",
            "claims/s",
            found,
            limit=bare,
            against=BARE,
            smallest=_smallest(rates, backlog),
        )
    for store in (empty, *(each for each, _ in stores.values())):
        await store.close()


async def growth(bench: Bench) -> AsyncIterator[Figure]:
    """What an event costs in stores that hold few runs and many, in turn."""
    effort = bench.effort
    runs = effort.runs // 2
    bench.tell("recording what a run appends")
    operations = await recorded("memory://", runs * effort.rounds)
    urls = {stored: bench.new_store() for stored in effort.stored}
    for stored, url in urls.items():
        bench.tell(f"a store of {stored:,} runs")
        store = await open_store(url)
        await add_ended_runs(store, stored)
        await store.close()
    costs: dict[int, list[float]] = {stored: [] for stored in urls}
    bare: dict[int, list[float]] = {stored: [] for stored in urls}
    for number in range(effort.rounds):
        some = operations[number * runs : (number + 1) * runs]
        for stored, url in urls.items():
            told = f"round {number + 1} of {effort.rounds}"
            bench.tell(f"completing runs beside {stored:,} others, {told}")
            async with _working(url) as runtime:
                rate = await runs_per_second(runtime, runs, in_flight=100)
            limit = await bare_runs_per_second(url, some, in_flight=100)
            costs[stored].append(MICROSECONDS / rate / EVENTS_PER_RUN)
            bare[stored].append(MICROSECONDS / limit / EVENTS_PER_RUN)
    for stored, found in costs.items():
        yield figure(
            Part.GROWTH,
            f"an event beside {stored:,} runs",
            "us",
            found,
            limit=bare[stored],
            against=BARE,
            smallest=_smallest(costs, stored),
        )


async def processes(bench: Bench) -> AsyncIterator[Figure]:
    """Completed runs a second of several processes together, beside their bare appends."""
    effort = bench.effort
    rates: list[float] = []
    bare: list[float] = []
    for number in range(effort.rounds):
        bench.tell(f"{effort.processes} processes, round {number + 1} of {effort.rounds}")
        for found, work in ((rates, complete), (bare, append)):
            url = bench.new_store()
            found.append(await crowd_runs_per_second(url, work, effort.processes, effort.runs))
    name = f"{effort.processes} processes, {IN_FLIGHT} in flight in each"
    yield figure(Part.PROCESSES, name, "runs/s", rates, limit=bare, against=BARE)


async def histories(bench: Bench) -> AsyncIterator[Figure]:
    """What opening a long run takes, and what a further event of it costs."""
    effort = bench.effort
    store, record = recording(await open_store(bench.new_store()))
    twin = await open_store(bench.new_store())
    opened: dict[int, list[float]] = {}
    added: dict[int, list[float]] = {}
    read: dict[int, list[float]] = {}
    bare: dict[int, list[float]] = {}
    runs = {}
    for events in effort.histories:
        bench.tell(f"a run of {events:,} events")
        runs[events] = await long_run(store, events)
        await append_together(twin, [record.taken()], 1)
        opened[events], added[events], read[events], bare[events] = [], [], [], []
    for number in range(effort.rounds):
        bench.tell(f"opening long runs, round {number + 1} of {effort.rounds}")
        for events, run_id in runs.items():
            opened[events].append(await open_seconds(store, run_id))
            read[events].append(await read_seconds(store, run_id))
    journals = {events: await folded(store, run_id) for events, run_id in runs.items()}
    for number in range(3 * effort.rounds):
        bench.tell(f"appending to long runs, round {number + 1} of {3 * effort.rounds}")
        for events, run_id in runs.items():
            added[events].append(await append_seconds(journals[events], run_id, SIGNALS))
            bare[events].append(await append_together(twin, [record.taken()], 1) / SIGNALS)
    for events in runs:
        name = f"open {events:,} events: read, verify, fold"
        yield _times(Part.HISTORIES, name, opened[events], read[events], "bare reads")
        least = _smallest(added, events)
        name = f"append behind {events:,} events"
        yield _times(Part.HISTORIES, name, added[events], bare[events], BARE, smallest=least)
    await store.close()
    await twin.close()


async def memory(bench: Bench) -> AsyncIterator[Figure]:
    """What the process holds after more and more runs."""
    quarter = bench.effort.memory // 4
    held: dict[int, list[float]] = {}
    async with _working(bench.new_store()) as runtime:
        for runs in (number * quarter for number in range(1, 5)):
            bench.tell(f"memory, {runs:,} of {bench.effort.memory:,} runs")
            await runs_per_second(runtime, quarter, in_flight=100)
            if (now := resident_megabytes()) is not None:
                held[runs] = [now]
    for runs, found in held.items():
        name = f"held after {runs:,} runs"
        yield figure(Part.MEMORY, name, "MB", found, smallest=_smallest(held, runs))


async def _filled(
    store: Store, record: Recording, fill: Callable[[Store, int], Awaitable[None]], runs: int
) -> None:
    """Fill a store, and forget what that appended."""
    await fill(store, runs)
    record.taken()


def _smallest(values: Mapping[int, Sequence[float]], size: int) -> Sequence[float]:
    """Give what a size is compared with; the first size with nothing."""
    first = next(iter(values))
    return () if size == first else values[first]


def _times(
    part: Part,
    name: str,
    seconds: Sequence[float],
    limit: Sequence[float],
    against: str,
    *,
    smallest: Sequence[float] = (),
) -> Figure:
    """Work out a figure in milliseconds."""
    values, bare, least = (
        [each * MILLISECONDS for each in some] for some in (seconds, limit, smallest)
    )
    return figure(part, name, "ms", values, limit=bare, against=against, smallest=least)


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
        Part.GROWTH: growth,
        Part.PROCESSES: processes,
        Part.HISTORIES: histories,
        Part.MEMORY: memory,
    }
)
