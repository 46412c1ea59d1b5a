"""What stages keep by name: artifacts of a run, a stage and a generation."""

import asyncio
from typing import Any

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.core.artifacts import Artifact
from eventflow.core.values import ArtifactKind
from eventflow.errors import ArtifactNotFound, InvalidOutput, StaleToken
from eventflow.store.contract import Store
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import types


@frozen
class Table:
    """A typed value."""

    rows: list[int]
    name: str = "t"


def of_one_stage(stage: Any) -> ef.Workflow[Any, Any]:  # noqa: ANN401 - any stage
    """A workflow of one stage."""
    return ef.define_workflow("w", input=Any).pipe(stage).build()


def places(artifacts: list[Artifact]) -> list[tuple[str, int, str]]:
    """Say where artifacts belong."""
    return [(each.stage, each.generation, each.name) for each in artifacts]


@ef.stage
async def keeper(ctx: ef.StageContext[Any]) -> list[Any]:
    """Keep values of all kinds, and look at them again."""
    storage = ctx.storage
    assert await storage.list() == []
    assert not await storage.exists("bytes")
    await storage.save("bytes", b"\x00\xff raw")
    await storage.save("json", {"a": [1, None, "ü"]})
    await storage.save("typed", Table([1, 2]))
    await storage.save("dir/nothing", None)
    assert await storage.list() == ["bytes", "dir/nothing", "json", "typed"]
    assert await storage.list("dir/") == ["dir/nothing"]
    assert await storage.exists("dir/nothing")
    assert await storage.load("typed", Table) == Table([1, 2])
    with pytest.raises(InvalidOutput, match=r"rows"):
        await storage.load("json", Table)
    return [
        (await storage.load("bytes")).hex(),
        await storage.load("json"),
        await storage.load("typed"),
        await storage.load("dir/nothing"),
    ]


@ef.stage(id="keeper")
def keeper_in_a_thread(ctx: ef.StageContext[Any]) -> list[Any]:
    """Do the same in a thread, without `await`."""
    storage: Any = ctx.storage
    assert storage.list() == []
    storage.save("bytes", b"\x00\xff raw")
    storage.save("json", {"a": [1, None, "ü"]})
    storage.save("typed", Table([1, 2]))
    storage.save("dir/nothing", None)
    assert storage.list("dir/") == ["dir/nothing"]
    assert storage.exists("typed")
    assert not storage.delete("missing")
    assert storage.load("typed", Table) == Table([1, 2])
    names = ("bytes", "json", "typed", "dir/nothing")
    first, *others = (storage.load(name) for name in names)
    return [first.hex(), *others]


@pytest.mark.parametrize("stage", [keeper, keeper_in_a_thread])
async def test_values_and_bytes_are_kept_by_name(
    open_runtime: Open,
    clock: ManualClock,
    stage: Any,  # noqa: ANN401 - any stage
) -> None:
    """What was saved is loaded as it was, in a coroutine and in a thread."""
    runtime = await open_runtime(of_one_stage(stage))
    await runtime.start()
    run = await runtime.create_run("w")
    assert await clock.run_until(run.result()) == [
        b"\x00\xff raw".hex(),
        {"a": [1, None, "ü"]},
        {"rows": [1, 2], "name": "t"},
        None,
    ]
    artifacts = await run.artifacts()
    assert [(each.name, each.size, each.kind) for each in artifacts] == [
        ("bytes", 6, ArtifactKind.BYTES),
        ("json", 19, ArtifactKind.JSON),
        ("typed", 25, ArtifactKind.JSON),
        ("dir/nothing", 4, ArtifactKind.JSON),
    ]
    assert [await run.load(each) for each in artifacts[:2]] == [
        b"\x00\xff raw",
        {"a": [1, None, "ü"]},
    ]
    assert (await run.verify()).events == len(await run.history())


@ef.stage
async def first(ctx: ef.StageContext[Any]) -> str:
    """Keep something under a name that others use as well."""
    before = await ctx.storage.list()
    await ctx.storage.save("key", [ctx.run_id, ctx.stage_id, ctx.generation])
    return f"{before}"


@ef.stage
async def second(ctx: ef.StageContext[Any]) -> list[Any]:
    """Keep something else under the same name, and read both."""
    assert not await ctx.storage.exists("key")
    await ctx.storage.save("key", [ctx.run_id, ctx.stage_id, ctx.generation])
    return [await ctx.storage.load("key"), await ctx.storage.load("key", stage=first)]


BOTH = ef.define_workflow("both", input=Any).pipe(first).pipe(second).build()


async def test_one_name_in_two_runs_stages_and_generations_does_not_collide(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 20: each run, stage and generation has names of its own, kept as history."""
    runtime = await open_runtime(BOTH)
    await runtime.start()
    runs = [await runtime.create_run("both") for _ in range(2)]
    for run in runs:
        own, earlier = await clock.run_until(run.result())
        assert (own, earlier) == ([run.id, "second", 0], [run.id, "first", 0])
    run = runs[0]
    await run.rerun_from("second")
    assert await clock.run_until(run.result()) == [[run.id, "second", 1], [run.id, "first", 0]]
    await run.rerun_from("first")
    assert await clock.run_until(run.result()) == [[run.id, "second", 2], [run.id, "first", 2]]
    assert places(await run.artifacts()) == [("first", 2, "key"), ("second", 2, "key")]
    everything = await run.artifacts(effective=False)
    assert places(everything) == [
        ("first", 0, "key"),
        ("second", 0, "key"),
        ("second", 1, "key"),
        ("first", 2, "key"),
        ("second", 2, "key"),
    ]
    assert [await run.load(each) for each in everything] == [
        [run.id, stage, generation] for stage, generation, _ in places(everything)
    ]
    assert places(await runs[1].artifacts()) == [("first", 0, "key"), ("second", 0, "key")]


async def test_a_fork_takes_the_artifacts_of_earlier_stages_along(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A stage of a fork reads what the stages before it had saved in the run that it continues."""
    runtime = await open_runtime(BOTH)
    await runtime.start()
    run = await runtime.create_run("both")
    await clock.run_until(run.result())
    fork = await run.fork_from("second")
    assert await clock.run_until(fork.result()) == [[fork.id, "second", 0], [run.id, "first", 0]]
    assert places(await fork.artifacts()) == [("first", 0, "key"), ("second", 0, "key")]
    again = await fork.fork_from("second")
    assert (await clock.run_until(again.result()))[1] == [run.id, "first", 0]
    from_the_start = await run.fork_from("first")
    await clock.run_until(from_the_start.result())
    assert places(await from_the_start.artifacts()) == [("first", 0, "key"), ("second", 0, "key")]


@ef.stage(retry=ef.Retry(max_attempts=3, initial=1.0))
async def persistent(ctx: ef.StageContext[Any]) -> list[str]:
    """Save something in each attempt, of which the first two fail."""
    await ctx.storage.save(f"attempt-{ctx.attempt}", ctx.attempt)
    await ctx.storage.save("last", ctx.attempt)
    if ctx.attempt < 3:
        raise ConnectionError("not this time")
    return await ctx.storage.list()


async def test_the_next_attempt_finds_what_the_last_one_saved(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Attempts share their names; the later one replaces, and the history keeps both."""
    runtime = await open_runtime(of_one_stage(persistent))
    await runtime.start()
    run = await runtime.create_run("w")
    names = ["attempt-1", "attempt-2", "attempt-3", "last"]
    assert await clock.run_until(run.result()) == names
    last = [each for each in await run.artifacts() if each.name == "last"]
    assert [(each.attempt, await run.load(each)) for each in last] == [(3, 3)]
    ever = [each for each in await run.artifacts(effective=False) if each.name == "last"]
    assert [each.effective for each in ever] == [False, False, True]


@ef.stage
async def forgetful(ctx: ef.StageContext[Any]) -> list[str]:
    """Save, delete, look, and save again."""
    await ctx.storage.save("a", 1)
    await ctx.storage.save("b", b"2")
    assert await ctx.storage.delete("a")
    assert not await ctx.storage.delete("a")
    assert not await ctx.storage.exists("a")
    with pytest.raises(ArtifactNotFound, match=r"'a' in generation 0; there are: \"b\""):
        await ctx.storage.load("a")
    await ctx.storage.delete("b")
    await ctx.storage.save("b", b"3")
    return await ctx.storage.list()


async def test_deleting_hides_and_destroys_nothing(
    open_runtime: Open, clock: ManualClock, store: Store
) -> None:
    """A deleted name is free again; what it stood for stays in the history, with its bytes."""
    runtime = await open_runtime(of_one_stage(forgetful))
    await runtime.start()
    run = await runtime.create_run("w")
    assert await clock.run_until(run.result()) == ["b"]
    assert [await run.load(each) for each in await run.artifacts()] == [b"3"]
    everything = await run.artifacts(effective=False)
    assert [await run.load(each) for each in everything] == [1, b"2", b"3"]
    assert (await types(run)).count("artifact.deleted") == 2
    assert len(await store.blobs.list()) == 3


@ef.stage
async def sibling(ctx: ef.StageContext[Any]) -> str:
    """Run beside another stage."""
    await ctx.storage.save("mine", 1)
    return ""


@ef.stage
async def nosy(ctx: ef.StageContext[Any]) -> str:
    """Look where nothing is to be seen."""
    with pytest.raises(ef.StageNotFound, match=r'"sibling" is none of them; there are: "first"'):
        await ctx.storage.load("mine", stage="sibling")
    with pytest.raises(ef.StageNotFound):
        await ctx.storage.exists("x", stage="nobody")
    with pytest.raises(ArtifactNotFound, match=r'Stage "first".*there are: "key"'):
        await ctx.storage.load("other", stage="first")
    assert await ctx.storage.list(stage="first") == ["key"]
    assert await ctx.storage.exists("key", stage=first)
    return ""


async def test_a_stage_sees_itself_and_earlier_groups(
    open_runtime: Open, clock: ManualClock
) -> None:
    """What siblings save depends on who is faster, so nobody sees it."""
    built = ef.define_workflow("w", input=Any).pipe(first).parallel(sibling, nosy).build()
    runtime = await open_runtime(built)
    await runtime.start()
    run = await runtime.create_run("w")
    await clock.run_until(run.result())


WRONG: list[tuple[object, object]] = [
    ("", 1),
    ("a" * 256, 1),
    ("line\nbreak", 1),
    (7, 1),
    ("nan", float("nan")),
    ("object", object()),
    ("surrogate", "\ud800"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
async def test_what_cannot_be_kept_is_refused(
    open_runtime: Open, clock: ManualClock, name: object, value: object
) -> None:
    """A name that is none, or a value that is no JSON, fails the stage, and nothing is kept."""

    @ef.stage(id="careless")
    async def careless(ctx: ef.StageContext[Any]) -> str:
        await ctx.storage.save(name, value)  # type: ignore[arg-type]
        return ""

    runtime = await open_runtime(of_one_stage(careless))
    await runtime.start()
    run = await runtime.create_run("w")
    with pytest.raises(ef.RunFailed, match="InvalidOutput"):
        await clock.run_until(run.result())
    assert await run.artifacts(effective=False) == []


@frozen
class State:
    """What a suspended stage leaves."""

    asked: int


@ef.stage
async def waiting(ctx: ef.StageContext[Any]) -> Any:  # noqa: ANN401 - an output or a suspension
    """Keep something before suspending, and find it and the check's when going on."""
    if ctx.resume_state is None:
        await ctx.storage.save("before", 1)
        return ef.Suspended(State(0), check_after=30)
    return await ctx.storage.list()


@waiting.check
async def look_again(state: State, ctx: ef.StageContext[Any]) -> ef.Reenter:
    """Keep something in a check."""
    assert await ctx.storage.load("before") == 1
    await ctx.storage.save("checked", "yes")
    return ef.Reenter()


async def test_checks_share_the_storage_of_their_stage(
    open_runtime: Open, clock: ManualClock
) -> None:
    """What a check saves under its own claim counts like anything else."""
    runtime = await open_runtime(of_one_stage(waiting))
    await runtime.start()
    run = await runtime.create_run("w")
    assert await clock.run_until(run.result()) == ["before", "checked"]


class Zombie:
    """A stage whose first attempt goes on after its claim was taken away."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.heard: list[type[BaseException]] = []

    def stage(self) -> Any:  # noqa: ANN401 - a stage
        """Give the stage."""

        @ef.stage(id="zombie", retry=ef.Retry(max_attempts=2, initial=0.0))
        async def zombie(ctx: ef.StageContext[Any]) -> str:
            if ctx.attempt == 1:
                await ctx.storage.save("key", "early")
                storage = ctx.storage
                self.late = asyncio.create_task(self.save_late(storage))
                raise ConnectionError("but a piece of it goes on")
            await ctx.storage.save("key", "current")
            self.go.set()
            await self.late
            assert await ctx.storage.load("key") == "current"
            await ctx.storage.delete("nothing")
            return str(await ctx.storage.load("key"))

        return zombie

    async def save_late(self, storage: Any) -> None:  # noqa: ANN401 - the storage of the attempt
        """Save and delete with the token of an attempt that is over."""
        await self.go.wait()
        for late in (storage.save("key", "late"), storage.delete("key")):
            try:
                await late
            except StaleToken as error:
                self.heard.append(type(error))


async def test_a_zombie_changes_nothing(open_runtime: Open, clock: ManualClock) -> None:
    """What an attempt saves or deletes without its claim is recorded, and counts for nothing."""
    zombie = Zombie()
    runtime = await open_runtime(of_one_stage(zombie.stage()))
    await runtime.start()
    run = await runtime.create_run("w")
    assert await clock.run_until(run.result()) == "current"
    assert zombie.heard == [StaleToken, StaleToken]
    assert [await run.load(each) for each in await run.artifacts()] == ["current"]
    ever = await run.artifacts(effective=False)
    assert [await run.load(each) for each in ever] == ["early", "current", "late"]


async def test_what_is_saved_after_a_cancellation_does_not_count(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A cancelled run keeps what was saved before, and takes nothing more."""
    saved, over = asyncio.Event(), asyncio.Event()

    @ef.stage(id="slow")
    async def slow(ctx: ef.StageContext[Any]) -> str:
        await ctx.storage.save("before", 1)
        saved.set()
        try:
            await asyncio.Event().wait()
        finally:
            with pytest.raises(StaleToken):
                await ctx.storage.save("after", 2)
            over.set()
        return ""

    runtime = await open_runtime(of_one_stage(slow))
    await runtime.start()
    run = await runtime.create_run("w")
    await clock.run_until(saved.wait())
    await run.cancel()
    await clock.run_until(over.wait())
    assert [each.name for each in await run.artifacts()] == ["before"]
    assert [each.name for each in await run.artifacts(effective=False)] == ["before", "after"]


async def test_many_saves_at_once_are_all_kept(open_runtime: Open, clock: ManualClock) -> None:
    """Tasks of one stage may save and look at the same time."""

    @ef.stage(id="busy")
    async def busy(ctx: ef.StageContext[Any]) -> int:
        async def keep(number: int) -> None:
            await ctx.storage.save(f"{number:03}", b"%d" % number)
            assert await ctx.storage.load(f"{number:03}") == b"%d" % number

        await asyncio.gather(*(keep(number) for number in range(50)))
        return len(await ctx.storage.list())

    runtime = await open_runtime(of_one_stage(busy))
    await runtime.start()
    run = await runtime.create_run("w")
    assert await clock.run_until(run.result()) == 50
