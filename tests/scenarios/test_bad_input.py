"""Wrong values never reach the log, where nothing could be mended; they are named and refused."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import eventflow as ef
from eventflow.store.contract import Store
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC, types

Use = Callable[[Any], Awaitable[object]]

WRONG_NOTES: dict[str, Use] = {
    "message": lambda ctx: ctx.log({"rows": 5}),
    "level": lambda ctx: ctx.log("x", level=20),
    "fraction": lambda ctx: ctx.progress("half"),
    "range": lambda ctx: ctx.progress(7),
    "nan": lambda ctx: ctx.progress(float("nan")),
    "key": lambda ctx: ctx.annotate(5, "x"),
    "empty key": lambda ctx: ctx.annotate("", "x"),
    "key for later": lambda ctx: ctx.annotate(None, "x", with_result=True),
    "annotation": lambda ctx: ctx.annotate("key", float("nan"), scope="run"),
    "scope": lambda ctx: ctx.annotate("key", "x", scope="workflow"),
    "who": lambda ctx: ctx.annotate("key", "x", actor="ada"),
}


@pytest.mark.parametrize("use", WRONG_NOTES.values(), ids=WRONG_NOTES)
async def test_a_wrong_note_fails_its_stage_and_leaves_the_run_readable(
    open_runtime: Open, clock: ManualClock, use: Use
) -> None:
    """The stage fails with what is wrong, and the run can be read by everybody afterwards."""

    @ef.stage
    async def notes(ctx: ef.StageContext[int]) -> int:
        await use(ctx)
        return 1

    workflow = ef.define_workflow("w", input=int).pipe(notes).build()
    runtime = await open_runtime(workflow)
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed):
        await clock.run_until(run.result())
    other = await open_runtime(workflow)
    assert (await other.run(run.id).state()).status is ef.Status.FAILED
    await other.run(run.id).verify()


WRONG_REQUESTS: dict[str, Use] = {
    "cancel reason": lambda run: run.cancel(reason=7),
    "actor": lambda run: run.cancel(actor=7),
    "half an actor": lambda run: run.signal("go", actor="\ud800"),
    "actor of a signal": lambda run: run.signal("go", actor=7),
    "signal name": lambda run: run.signal(7),
    "empty signal name": lambda run: run.signal(""),
    "unprintable signal name": lambda run: run.signal("a\0b"),
    "long signal name": lambda run: run.signal("x" * 256),
    "payload": lambda run: run.signal("go", float("nan")),
    "annotation key": lambda run: run.annotate(7, "x"),
    "empty annotation key": lambda run: run.annotate("", "x"),
    "annotation": lambda run: run.annotate("key", object()),
    "field of an annotation": lambda run: run.annotate("key", 1, unit=object()),
    "actor of an annotation": lambda run: run.annotate("key", 1, actor=7),
}


@pytest.mark.parametrize("ask", WRONG_REQUESTS.values(), ids=WRONG_REQUESTS)
async def test_a_wrong_request_is_refused_without_a_trace(open_runtime: Open, ask: Use) -> None:
    """Nothing is appended, and the same run takes the next request."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)
    before = await types(run)
    with pytest.raises(ef.EventflowError, match=r"7|str|text|cannot be|nan"):
        await ask(run)
    assert await types(run) == before
    assert await run.cancel()


@pytest.mark.parametrize(
    "wrong",
    [
        {"idempotency_key": 7},
        {"actor": 7},
        {"priority": "high"},
        {"metadata": {1: 2}},
        {"metadata": {"x": object()}},
        {"metadata": "x"},
        {"idempotency_key": ""},
    ],
    ids=["key", "actor", "priority", "metadata key", "metadata value", "metadata", "no key"],
)
async def test_a_wrong_creation_is_refused_without_a_trace(
    open_runtime: Open, store: Store, wrong: dict[str, Any]
) -> None:
    """The log stays empty."""
    runtime = await open_runtime(ARITHMETIC)
    with pytest.raises(ef.EventflowError):
        await runtime.create_run("arithmetic", 5, **wrong)
    assert await store.read_all(0, 10) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"after": "x"}, "not the cursor of a page: 'x'"),
        ({"after": "x", "workflow": "no such"}, "not the cursor of a page: 'x'"),
        ({"limit": "x"}, "limit of a page of runs is a whole number, at least one .* not 'x'"),
        ({"limit": 0}, "limit of a page of runs is a whole number, at least one .* not 0"),
        ({"metadata": {"a": object()}}, 'The metadata "a" cannot be stored as JSON'),
        ({"metadata": "x"}, "Metadata are values by name, not 'x'"),
    ],
    ids=["page", "page of none", "limit", "none at all", "metadata value", "metadata"],
)
async def test_a_wrong_question_is_refused(
    open_runtime: Open, wrong: dict[str, Any], message: str
) -> None:
    """A page that there never was is an error, on every store, and not an empty page."""
    runtime = await open_runtime(ARITHMETIC)
    await runtime.create_run("arithmetic", 5)
    with pytest.raises(ef.InvalidInput, match=message):
        await runtime.runs(**wrong)


async def test_what_is_named_by_an_id_is_told_so(open_runtime: Open) -> None:
    """A workflow is named by its id, and a version by its number; the message says what to give."""
    runtime = await open_runtime(ARITHMETIC)
    with pytest.raises(ef.WorkflowNotFound, match='asked for by its id; give "arithmetic"'):
        await runtime.create_run(ARITHMETIC, 5)
    with pytest.raises(ef.WorkflowNotFound, match="asked for by its id, a text, not by 7"):
        await runtime.create_run(7, 5)
    run = await runtime.create_run("arithmetic", 5)
    with pytest.raises(ValueError, match="has the versions 1 to 2, not '1'"):
        await run.state(at="1")


async def test_a_stage_may_stand_for_its_id(open_runtime: Open, clock: ManualClock) -> None:
    """Wherever a run is asked about a stage, the stage itself will do."""
    first = ARITHMETIC.stages[0]
    runtime = await open_runtime(ARITHMETIC)
    await runtime.start()
    run = await runtime.create_run("arithmetic", 5)
    await clock.run_until(run.result())
    await run.annotate("checked", "yes", stage=first)
    assert [each.stage for each in await run.annotations()] == [first.id]
    assert await run.rerun_from(first) == 1
    await clock.run_until(run.result())
    fork = await run.fork_from(first)
    assert await clock.run_until(fork.result()) == "Final: 60"


async def test_an_outcome_that_is_raised_is_told_to_be_returned(
    open_runtime: Open, clock: ManualClock
) -> None:
    """`raise Failed(...)` is a natural mistake, of which Python says little."""

    @ef.stage(retry=ef.Retry(max_attempts=1))
    async def raises(ctx: ef.StageContext[int]) -> int:
        raise ef.Failed("no")  # type: ignore[misc]

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(raises).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match=r"eventflow\.Failed and the like are returned, not rai"):
        await clock.run_until(run.result())


async def test_an_output_that_was_not_awaited_is_told_so(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A coroutine, or a task, is no output."""

    async def fetch() -> int:
        return 1

    @ef.stage
    async def gives(ctx: ef.StageContext[int]) -> int:
        return asyncio.create_task(fetch())  # type: ignore[return-value]

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(gives).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match="is not a value yet; was an await forgotten"):
        await clock.run_until(run.result())


async def test_a_stage_that_exits_fails_and_its_worker_lives(
    open_runtime: Open, clock: ManualClock
) -> None:
    """`sys.exit` ends the attempt, in a coroutine and in a thread, and nothing else."""

    @ef.stage(retry=ef.Retry(max_attempts=1))
    async def exits(ctx: ef.StageContext[int]) -> int:
        sys.exit(4)

    @ef.stage(retry=ef.Retry(max_attempts=1))
    def exits_plainly(ctx: ef.StageContext[int]) -> int:
        sys.exit("no")

    runtime = await open_runtime(
        ef.define_workflow("a", input=int).pipe(exits).build(),
        ef.define_workflow("b", input=int).pipe(exits_plainly).build(),
        ARITHMETIC,
    )
    await runtime.start()
    for workflow in ("a", "b"):
        run = await runtime.create_run(workflow, 0)
        with pytest.raises(ef.RunFailed, match=r"sys\.exit"):
            await clock.run_until(run.result())
    sound = await runtime.create_run("arithmetic", 5)
    assert await clock.run_until(sound.result()) == "Final: 60"


async def test_a_job_that_does_not_heed_its_cancellation_is_given_back(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Stopping never waits for code that swallows its cancellation; another worker goes on."""
    swallowed = asyncio.Event()
    released = asyncio.Event()

    @ef.stage
    async def shielded(ctx: ef.StageContext[int]) -> int:
        while not swallowed.is_set() or not released.is_set():
            try:
                await released.wait()
                swallowed.set()
            except asyncio.CancelledError:
                swallowed.set()
        return 1

    workflow = ef.define_workflow("w", input=int).pipe(shielded).build()
    first, second = await open_runtime(workflow), await open_runtime(workflow)
    await first.start()
    run = await first.create_run("w", 0)
    await clock.advance(1)
    await clock.run_until(first.stop(grace=1))
    assert swallowed.is_set()
    released.set()
    await second.start()
    assert await clock.run_until(run.result()) == 1
    expired = next(e.event for e in await run.history() if e.type == "lease.expired")
    assert expired.reason == "released"


async def test_an_error_leaves_the_block_at_once(store: Store, clock: ManualClock) -> None:
    """What goes wrong in the block is heard without waiting for the jobs in hand."""

    @ef.stage
    async def endless(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(10_000)
        return 1

    workflow = ef.define_workflow("w", input=int).pipe(endless).build()

    async def block() -> None:
        async with ef.Runtime(clock.watch(store), [workflow], clock=clock) as runtime:
            await runtime.start()
            run = await runtime.create_run("w", 0)
            await run.result(timeout=1)

    before = clock.now()
    with pytest.raises(ef.ResultTimeout):
        await clock.run_until(block())
    assert (clock.now() - before).total_seconds() < 5


class NoException(BaseException):
    """An error of another kind, as some libraries have."""


@pytest.mark.parametrize("wrong", [NoException("odd"), BaseExceptionGroup("odd", [NoException()])])
async def test_an_error_of_any_kind_fails_its_attempt(
    open_runtime: Open, clock: ManualClock, wrong: BaseException
) -> None:
    """The attempt has failed at once and for its own reason, not once its lease is over."""

    @ef.stage(retry=ef.Retry(max_attempts=2))
    async def odd(ctx: ef.StageContext[int]) -> int:
        raise wrong

    @ef.stage(retry=ef.Retry(max_attempts=2))
    def plainly_odd(ctx: ef.StageContext[int]) -> int:
        raise wrong

    for stage in (odd, plainly_odd):
        workflow = ef.define_workflow("w", input=int).pipe(stage).build()
        runtime = await open_runtime(workflow)
        await runtime.start()
        run = await runtime.create_run("w", 0)
        with pytest.raises(ef.RunFailed, match="odd"):
            await clock.run_until(run.result())
        assert (await types(run))[-3:] == ["job.claimed", "stage.failed", "run.failed"]
        await runtime.stop()


@pytest.mark.parametrize("wrong", [KeyboardInterrupt, GeneratorExit])
async def test_a_thread_ends_neither_the_process_nor_its_worker(
    open_runtime: Open, clock: ManualClock, wrong: type[BaseException]
) -> None:
    """What would end a process or a coroutine elsewhere fails the attempt of a plain function."""

    @ef.stage(retry=ef.Retry(max_attempts=1))
    def ends(ctx: ef.StageContext[int]) -> int:
        raise wrong

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(ends).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match=wrong.__name__):
        await clock.run_until(run.result())
