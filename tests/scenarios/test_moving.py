"""Scenario 22: history moves to another store unharmed, and the runs go on there."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import eventflow as ef
from eventflow.engine.copying import CopyReport, copy_history
from eventflow.errors import CannotCopy, HistoryAltered, IdempotencyMismatch
from eventflow.runtime.moving import copy
from eventflow.store.chain import verify
from eventflow.store.contract import Operation, RunQuery, Store, StoredEvent, Verdict
from eventflow.store.registry import open_store
from eventflow.testing.builders import Author
from eventflow.testing.checker import assert_sound
from eventflow.testing.clock import ManualClock
from tests.postgres_server import ROOT, environment
from tests.scenarios.steps import ARITHMETIC
from tests.scenarios.test_claims import DeadWorker
from tests.scenarios.test_suspension import APPROVAL, Provider, batch_stage

ALL = 10_000

Urls = tuple[str, str]
Stores = tuple[Store, Store]
OpenOn = Callable[..., Any]


@pytest.fixture(params=["memory to sqlite", "sqlite to memory", "sqlite to sqlite"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Urls:
    """The URLs of an empty source and an empty target."""
    source, _, target = request.param.partition(" to ")
    return url_of(source, tmp_path / "source.db"), url_of(target, tmp_path / "target.db")


def url_of(kind: str, path: Path) -> str:
    """The URL of an empty store of a kind."""
    return "memory://" if kind == "memory" else f"sqlite:///{path}?synchronous=NORMAL"


@pytest.fixture
async def stores(urls: Urls) -> AsyncIterator[Stores]:
    """An empty source and an empty target."""
    source, target = [await open_store(url) for url in urls]
    yield source, target
    await source.close()
    await target.close()


@pytest.fixture
async def open_on(clock: ManualClock) -> AsyncIterator[OpenOn]:
    """Opens runtimes on any store."""
    async with AsyncExitStack() as stack:

        async def opened(store: Store, *workflows: ef.Workflow[Any, Any]) -> ef.Runtime:
            runtime = ef.Runtime(clock.watch(store), workflows, clock=clock)
            return await stack.enter_async_context(runtime)

        yield opened


async def log_of(store: Store) -> list[StoredEvent]:
    """All events of a store."""
    return await store.read_all(0, ALL)


async def same_in_both(source: Store, target: Store) -> None:
    """The logs are equal to the last byte, and so are all rows."""
    assert await log_of(target) == await log_of(source)
    everything = RunQuery(limit=ALL)
    assert await target.runs(everything) == await source.runs(everything)


def lives(count: int) -> list[Operation]:
    """The lives of runs of two stages, one operation of each after the other."""
    authors = [Author() for _ in range(count)]
    groups = [["a"], ["b"]]
    return [
        *(author.create(groups=groups, value=number) for number, author in enumerate(authors)),
        *(author.claim("a") for author in authors),
        *(author.complete("a") for author in authors),
        *(author.claim("b") for author in authors),
    ]


class Flaky:
    """A stage that fails at first."""

    def __init__(self) -> None:
        self.calls = 0
        stage = ef.stage(id="flaky", retry=ef.Retry(max_attempts=2, initial=1_000, jitter=0))
        self.workflow = ef.define_workflow("flaky", input=int).pipe(stage(self.work)).build()

    async def work(self, ctx: ef.StageContext[int]) -> int:
        """Fail once."""
        self.calls += 1
        if self.calls == 1:
            raise ConnectionError("not yet")
        return ctx.input * ctx.attempt


async def test_runs_in_every_condition_move_and_go_on(
    stores: Stores, open_on: OpenOn, clock: ManualClock
) -> None:
    """A suspended run, a waiting retry, a claimed, a pending and an ended one all end as due."""
    source, target = stores
    provider, flaky = Provider(clock, seconds=500), Flaky()
    waiting = ef.define_workflow("waiting", input=int).pipe(batch_stage(provider)).build()
    workflows = (waiting, flaky.workflow, APPROVAL, ARITHMETIC)
    here = await open_on(source, *workflows)
    await here.start()
    checked = await here.create_run("waiting", 1, metadata={"request": {"no": 1}})
    retried = await here.create_run("flaky", 5)
    approved = await here.create_run("approval", 7, priority=9)
    ended = await here.create_run("arithmetic", 5)
    assert await clock.run_until(ended.result()) == "Final: 60"
    await ended.rerun_from("triple", actor="ada", reason="again")
    await clock.advance(100)
    assert provider.asked
    await clock.run_until(here.stop())
    claimed = await here.create_run("arithmetic", 6)
    await DeadWorker(source, clock).claim()
    pending = await here.create_run("arithmetic", 7)
    before = [await run.state() for run in (checked, retried, approved, ended, claimed, pending)]

    report = await copy_history(source, target, batch=7)

    events = len(await log_of(source))
    assert report == CopyReport(position=events, copied=events, runs=len(before))
    await same_in_both(source, target)
    await assert_sound(target, finished=False)
    there = await open_on(target, *workflows)
    runs = [there.run(state.run_id) for state in before]
    assert [await run.state() for run in runs] == before
    for run in runs:
        await run.verify()
    await there.start()
    await there.run(approved.id).signal("approval", {"by": "ada"})
    await clock.advance(5_000)
    results = [await clock.run_until(run.result()) for run in runs]
    assert results == [100, 10, "7: ada", "Final: 60", "Final: 66", "Final: 72"]
    assert await there.run(ended.id).rerun_from("format") == 2
    assert await clock.run_until(there.run(ended.id).result()) == "Final: 60"
    kinds = [envelope.type for envelope in await there.run(checked.id).history()]
    assert "lease.expired" not in kinds
    await assert_sound(target)


async def test_idempotency_keys_move_along(
    stores: Stores, open_on: OpenOn, clock: ManualClock
) -> None:
    """The same request with the same key gives the first answer again, in the new store."""
    source, target = stores
    here = await open_on(source, ARITHMETIC)
    await here.start()
    run = await here.create_run("arithmetic", 5, idempotency_key="order-1")
    await clock.run_until(run.result())
    await run.rerun_from("format", idempotency_key="order-1")
    await clock.run_until(run.result())
    fork = await run.fork_from("triple", idempotency_key="order-1")
    await clock.run_until(fork.result())

    await copy_history(source, target)

    there = await open_on(target, ARITHMETIC)
    moved = there.run(run.id)
    events = len(await log_of(target))
    again = await there.create_run("arithmetic", 5, idempotency_key="order-1")
    assert again.id == run.id
    assert await moved.rerun_from("format", idempotency_key="order-1") == 1
    assert (await moved.fork_from("triple", idempotency_key="order-1")).id == fork.id
    with pytest.raises(IdempotencyMismatch):
        await there.create_run("arithmetic", 6, idempotency_key="order-1")
    assert len(await log_of(target)) == events


async def test_what_happens_meanwhile_is_caught_up(stores: Stores) -> None:
    """A further call appends only what is new, with or without looking at the rest again."""
    source, target = stores
    operations = lives(8)
    await source.append(operations[:10])
    first = await copy_history(source, target)
    await source.append(operations[10:20])
    second = await copy_history(source, target)
    assert (second.present, second.runs) == (first.copied, 0)
    await source.append(operations[20:])
    third = await copy_history(source, target, after=second.position)
    assert (third.present, third.copied) == (0, third.position - second.position)
    await same_in_both(source, target)


@pytest.mark.parametrize("batch", [1, 2, 3, 1_000])
async def test_any_batch_and_any_memory_will_do(stores: Stores, batch: int) -> None:
    """An operation is never split, and a run that was forgotten is read from the target."""
    source, target = stores
    operations = [Author().create(groups=[["a", "b", "c"], ["d"]]), *lives(5)]
    await source.append(operations)
    seen: Any = Recording(target)
    reports: list[CopyReport] = []
    await copy_history(source, seen, batch=batch, capacity=1, progress=reports.append)
    assert seen.appended == operations
    assert reports[-1].position == len(await log_of(source))
    await same_in_both(source, target)


class Recording:
    """A target that remembers what was appended to it, without the rows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.appended: list[Operation] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of a store
        return getattr(self._store, name)

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append, and remember."""
        self.appended += operations
        return await self._store.append(operations)


async def test_a_run_that_differs_is_refused(stores: Stores) -> None:
    """Where both stores went on with a run, the copy names it, and overwrites nothing."""
    source, target = stores
    author, other = Author(), Author()
    await source.append([author.create()])
    await copy_history(source, target)
    rival = author.copy()
    await source.append([author.claim(), other.create()])
    await target.append([rival.note()])
    before = await log_of(target)
    with pytest.raises(CannotCopy, match="from version 3 on, the target has another") as caught:
        await copy_history(source, target)
    assert (caught.value.run_id, caught.value.version) == (author.run_id, 3)
    assert await log_of(target) == before


async def test_a_run_that_went_on_in_the_target_alone_is_left_alone(stores: Stores) -> None:
    """A target that is ahead has all that the source has."""
    source, target = stores
    author = Author()
    await source.append([author.create()])
    await copy_history(source, target)
    await target.append([author.claim(), author.complete()])
    before = await log_of(target)
    assert (await copy_history(source, target)).present == 2
    assert await log_of(target) == before


async def test_a_worker_of_the_target_that_comes_between_is_noticed(stores: Stores) -> None:
    """What somebody appends to the target meanwhile is never mistaken for a part of the copy."""
    source, target = stores
    author = Author()
    await source.append([author.create()])
    await copy_history(source, target)
    rival = author.copy()
    claimed = author.claim()
    await source.append([claimed, author.complete()])

    class Raced(Recording):
        async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
            if not self.appended:
                await target.append([rival.claim()])
            return await super().append(operations)

    raced: Any = Raced(target)
    with pytest.raises(CannotCopy):
        await copy_history(source, raced)
    history = await log_of(target)
    assert len(history) == 2 + len(claimed.events)
    verify(history)


async def test_a_key_that_the_target_has_is_refused(stores: Stores) -> None:
    """Two runs with one idempotency key cannot live in one store."""
    source, target = stores
    mine, theirs = Author(), Author()
    await source.append([mine.create(key="order-1")])
    await target.append([theirs.create(key="create:order-1")])
    with pytest.raises(CannotCopy, match=f"belongs to run {theirs.run_id}"):
        await copy_history(source, target)
    assert await target.read([mine.run_id]) == []


class Altered:
    """A source that gives one event otherwise, or not at all."""

    def __init__(
        self, store: Store, position: int, alter: Callable[..., list[StoredEvent]]
    ) -> None:
        self._store = store
        self._position = position
        self._alter = alter

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of a store
        return getattr(self._store, name)

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the log as somebody has left it."""
        return [
            given
            for event in await self._store.read_all(after, limit)
            for given in (self._alter(event) if event.position == self._position else [event])
        ]


@pytest.mark.parametrize(
    "alter",
    [
        lambda event: [evolve(event, data=event.data + b" ")],
        lambda event: [evolve(event, actor="mallory")],
        lambda event: [evolve(event, version=event.version + 1)],
        lambda _: [],
    ],
    ids=["data", "actor", "version", "missing"],
)
@pytest.mark.parametrize("present", [False, True], ids=["at first", "when looked at again"])
async def test_an_altered_event_ends_the_copy(
    stores: Stores, alter: Callable[..., list[StoredEvent]], *, present: bool
) -> None:
    """The error names the event, or the one behind a gap, and nothing from there on is written."""
    source, target = stores
    await source.append(lives(5))
    log = await log_of(source)
    wrong = log[11]
    if present:
        await copy_history(source, target)
    altered: Any = Altered(source, wrong.position, alter)
    with pytest.raises(HistoryAltered) as caught:
        await copy_history(altered, target, batch=3)
    due = wrong if alter(wrong) else log[12]
    assert (caught.value.run_id, caught.value.version) == (due.run_id, due.version)
    written = len(await log_of(target))
    assert written == len(log) if present else written < wrong.position


async def test_a_target_that_lacks_the_beginning_is_not_begun_in_the_middle(
    stores: Stores,
) -> None:
    """Who asks to begin behind a position is told when the target lacks what is before it."""
    source, target = stores
    await source.append(lives(2))
    with pytest.raises(CannotCopy, match="copy from the first position on"):
        await copy_history(source, target, after=4)
    assert await log_of(target) == []


async def test_a_batch_has_events(stores: Stores) -> None:
    """An empty batch would never end, so it is refused."""
    with pytest.raises(ValueError, match="at least one event"):
        await copy_history(*stores, batch=0)


async def test_a_copy_that_was_killed_goes_on(urls: Urls) -> None:
    """Killed at any moment, a copy leaves whole operations, and the next call does the rest."""
    if "memory://" in urls:
        pytest.skip("a store in memory dies with its process")
    source = await open_store(urls[0])
    await source.append(lives(250))
    whole = await log_of(source)
    for moment in range(4):
        await kill_a_mover(urls, after_batches=1 + 3 * moment)
        target = await open_store(urls[1])
        half = await log_of(target)
        assert 0 < len(half) < len(whole)
        assert half == whole[: len(half)]
        assert half[-1].op_id != whole[len(half)].op_id
        await assert_sound(target, finished=False)
        await target.close()
    report = await copy(*urls)
    assert report.present == len(half)
    target = await open_store(urls[1])
    await same_in_both(source, target)
    await source.close()
    await target.close()


async def kill_a_mover(urls: Urls, after_batches: int) -> None:
    """Start a process that copies, and kill it once it has told of so many batches."""
    mover = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.scenarios.mover",
        *urls,
        "20",
        stdout=PIPE,
        cwd=ROOT,
        env=environment(),
    )
    assert mover.stdout is not None
    for _ in range(after_batches):
        assert await mover.stdout.readline()
    mover.kill()
    await mover.wait()
