"""Steps: what may be one, what it gives, and what becomes of it when something goes wrong."""

import asyncio
import functools
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.errors import InvalidData, StaleToken
from eventflow.runtime.job import Job
from eventflow.runtime.steps import Recording, Step
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open

ONCE = ef.Retry(max_attempts=1)
TWICE = ef.Retry(max_attempts=2, initial=0.0)


@frozen
class Word:
    """What most steps here give."""

    text: str


async def word(text: str) -> Word:
    """Give a word."""
    return Word(text)


class Speaker:
    """An object that can be called."""

    def __call__(self, text: str) -> Word:
        """Give a word, in a thread."""
        return Word(text)


def later(text: str) -> Awaitable[Word]:
    """Give a word, after all."""
    return word(text)


async def reason(run: ef.Run) -> str:
    """Say why a run failed."""
    ending = (await run.state()).ending
    assert ending is not None
    assert ending.error is not None
    return f"{ending.error.type}: {ending.error.message}"


async def kinds(run: ef.Run) -> list[str]:
    """The types of the events of a run."""
    return [envelope.type for envelope in await run.history()]


@pytest.mark.parametrize(
    "function",
    [word, Speaker(), later, Word, functools.partial(word), functools.partial(Speaker())],
    ids=["coroutine", "object", "awaitable", "class", "partial", "partial of an object"],
)
async def test_whatever_can_be_called_is_a_step(
    execute: Open, function: Callable[..., Any]
) -> None:
    """Its annotation, or the class itself, says what comes back, in every attempt."""
    seen: list[object] = []

    @ef.stage(retry=TWICE)
    async def work(ctx: ef.StageContext[int]) -> int:
        seen.append(await ctx.step("say", function, "hello"))
        if ctx.attempt == 1:
            raise OSError("again")
        return 1

    run = await execute(work)
    assert seen == [Word("hello")] * 2
    assert (await run.state()).stages["work"].steps == {"say": {"text": "hello"}}


async def test_a_function_without_an_annotation_gives_plain_json(execute: Open) -> None:
    """In the first attempt as in every later one, and nobody shares what was given."""
    seen: list[Any] = []

    @ef.stage(retry=TWICE)
    async def work(ctx: ef.StageContext[int]) -> int:
        found: Any = await ctx.step("say", lambda: (Word("hello"), {1}))
        seen.append(found)
        assert found == [{"text": "hello"}, [1]]
        found.append("mine")
        if ctx.attempt == 1:
            raise OSError("again")
        return 1

    run = await execute(work)
    assert len(seen) == 2
    assert (await run.state()).status is ef.Status.COMPLETED


async def test_an_output_that_does_not_fit_fails_the_stage_at_once(execute: Open) -> None:
    """The message names the step, and nothing is recorded."""

    def say() -> Word:
        return "hello"  # type: ignore[return-value]

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int:
        await ctx.step("say", say)
        return 1

    run = await execute(work)
    assert 'InvalidOutput: The output of step "say" of stage "work" does' in await reason(run)
    assert "stage.attempt_failed" not in await kinds(run)
    assert "step.completed" not in await kinds(run)


def speaks(thread: threading.Thread) -> threading.Thread:
    """Give what no event can hold."""
    return thread


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda ctx: ctx.step("say", "hello"), "needs a function and its arguments, not 'hello'"),
        (lambda ctx: ctx.step("say", speaks), "cannot be Thread"),
        (lambda ctx: ctx.map([1], lambda n: n), 'has no name; write ctx.map(..., name="...")'),
        (lambda ctx: ctx.map([1], word, 0), 'concurrency of map "word" is at least 1, not 0'),
        (lambda ctx: ctx.map([1], word, name=7), "7 cannot be the name of a map"),
        (lambda ctx: ctx.map([object()], word), 'The items of map "word" cannot be stored'),
    ],
    ids=["no function", "no schema", "no name", "no concurrency", "7", "no json"],
)
async def test_a_wrong_use_fails_the_stage_at_once(
    execute: Open, use: Callable[[Any], Awaitable[object]], message: str
) -> None:
    """Trying again would not help; the message says what to write."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int:
        await use(ctx)
        return 1

    run = await execute(work)
    assert message in await reason(run)
    assert "InvalidStep" in await reason(run)
    assert "stage.attempt_failed" not in await kinds(run)


async def test_a_step_that_failed_may_be_tried_again_in_the_same_attempt(execute: Open) -> None:
    """Nothing was recorded under its name."""
    tries: list[int] = []

    async def flaky() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("not yet")
        return len(tries)

    @ef.stage(retry=ONCE)
    async def work(ctx: ef.StageContext[int]) -> int:
        while True:
            try:
                return await ctx.step("flaky", flaky)
            except OSError:
                await ctx.log("once more")

    run = await execute(work)
    assert await run.result() == 3


async def test_a_plain_stage_catches_what_its_step_raises(execute: Open) -> None:
    """The function is called in the thread of the stage, and may be tried again there."""
    threads: list[threading.Thread] = []

    def flaky() -> int:
        threads.append(threading.current_thread())
        if len(threads) == 1:
            raise OSError("not yet")
        return 7

    @ef.stage(retry=ONCE)
    def work(ctx: ef.StageContext[int]) -> int:
        step: Any = ctx.step  # which gives the output itself here
        with pytest.raises(OSError, match="not yet"):
            step("flaky", flaky)
        assert threads == [threading.current_thread()]
        output: int = step("flaky", flaky)
        return output

    run = await execute(work)
    assert await run.result() == 7


@pytest.mark.parametrize("kind", ["coroutine", "function"])
async def test_a_step_that_exits_ends_its_attempt(execute: Open, kind: str) -> None:
    """And not the process of the worker."""

    async def leave() -> int:
        sys.exit(3)

    def leave_plainly() -> int:
        sys.exit(3)

    @ef.stage(retry=ONCE)
    async def work(ctx: ef.StageContext[int]) -> int:
        await ctx.map([1, 2], leave if kind == "coroutine" else leave_plainly, name="leave")  # type: ignore[arg-type]
        return 1

    run = await execute(work)
    assert (await run.state()).status is ef.Status.FAILED


class Abort(BaseException):
    """What a library raises that wants to end everything, as the one for tests does."""


async def abort() -> int:
    """Give up."""
    raise Abort("give up")


def abort_plainly() -> int:
    """Give up, in a thread."""
    raise Abort("give up")


@pytest.mark.parametrize("function", [abort, abort_plainly])
@pytest.mark.parametrize("way", ["itself", "step", "map"])
async def test_what_is_no_exception_ends_its_attempt_and_says_so(
    execute: Open, function: Callable[..., Any], way: str
) -> None:
    """In a stage, a step and a fan-out; the worker lives, and the lease is not waited for."""

    @ef.stage(id="work", retry=ONCE)
    async def work(ctx: ef.StageContext[int]) -> int:
        match way:
            case "itself":
                await abort()
            case "step":
                await ctx.step("abort", function)
            case _:
                await ctx.map([1], lambda _: function(), name="abort")
        return 1

    run = await execute(work)
    with pytest.raises(ef.RunFailed, match="raised Abort, which is no Exception: give up"):
        await run.result()
    assert "lease.expired" not in await kinds(run)


async def test_arguments_of_a_step_may_have_any_name(execute: Open) -> None:
    """Names that eventflow uses for itself are free."""
    seen: list[object] = []

    async def note(name: str, function: str, arguments: int) -> None:
        seen.append((name, function, arguments))

    @ef.stage(retry=ONCE)
    async def work(ctx: ef.StageContext[int]) -> int:
        await ctx.step("note", note, name="a", function="b", arguments=3)
        return 1

    await execute(work)
    assert seen == [("a", "b", 3)]


async def test_a_step_that_is_cut_off_by_the_timeout_is_not_recorded(
    execute: Open, clock: ManualClock
) -> None:
    """What had finished before is kept for the next attempt."""
    calls: list[str] = []

    async def quick() -> int:
        calls.append("quick")
        return 1

    async def slow() -> int:
        calls.append("slow")
        await clock.sleep(20 if calls.count("slow") == 1 else 1)
        return 2

    @ef.stage(timeout=10, retry=TWICE)
    async def work(ctx: ef.StageContext[int]) -> int:
        return await ctx.step("quick", quick) + await ctx.step("slow", slow)

    run = await execute(work)
    assert await run.result() == 3
    assert calls == ["quick", "slow", "slow"]


async def test_code_that_outlives_its_attempt_begins_no_step(execute: Open) -> None:
    """A thread cannot be stopped; its function is not called, since nothing of it would count."""
    calls: list[str] = []
    refused: list[BaseException] = []
    ended = threading.Event()

    def say() -> int:
        calls.append("said")
        return 1

    @ef.stage(retry=ONCE)
    async def work(ctx: ef.StageContext[int]) -> int:
        def speak_late() -> None:
            ended.wait(10)
            step: Any = ctx.step
            try:
                step("say", say)
            except StaleToken as error:
                refused.append(error)

        asyncio.get_running_loop().run_in_executor(None, speak_late)
        return 1

    run = await execute(work)
    assert (await run.state()).status is ef.Status.COMPLETED
    ended.set()
    await asyncio.to_thread(time.sleep, 0.05)
    assert calls == []
    assert len(refused) == 1


async def test_a_store_that_is_away_is_waited_for(
    open_runtime: Open, clock: ManualClock, store: ObservedStore
) -> None:
    """The function has been called, so its output is kept until it can be recorded; once."""
    calls: list[str] = []

    async def say() -> str:
        calls.append("said")
        store.failure = ef.StoreUnavailable("away")
        return "hello"

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> str:
        return await ctx.step("say", say)

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(work).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(20)
    assert calls == ["said"]
    store.failure = None
    assert await clock.run_until(run.result()) == "hello"
    await clock.advance(10)  # until the worker itself asks the store again
    assert calls == ["said"]
    assert (await kinds(run)).count("step.completed") == 1


async def test_items_that_finish_together_are_recorded_together(
    execute: Open, store: ObservedStore
) -> None:
    """A thousand quick items need far fewer appends, and leave one event each."""

    async def square(number: int) -> int:
        return number * number

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int:
        return sum(await ctx.map(range(1_000), square, concurrency=50, progress=False))

    run = await execute(work)
    assert await run.result() == sum(number * number for number in range(1_000))
    history = [envelope for envelope in await run.history() if envelope.type == "step.completed"]
    assert len(history) == 1_001
    assert len({envelope.op_id for envelope in history}) <= 1_000 // 50 + 3


async def test_a_fan_out_that_is_cancelled_records_what_has_finished(
    execute: Open, clock: ManualClock
) -> None:
    """The timeout of the attempt cuts off what is under way, and nothing else."""
    calls: list[int] = []

    async def work_on(number: int) -> int:
        calls.append(number)
        await clock.sleep(1)
        return number

    @ef.stage(timeout=5.5, retry=ef.Retry(max_attempts=5, initial=0.0))
    async def work(ctx: ef.StageContext[int]) -> int:
        return len(await ctx.map(range(20), work_on, concurrency=2, progress=False))

    run = await execute(work)
    assert await run.result() == 20
    assert sorted(set(calls)) == list(range(20))
    assert len(calls) <= 20 + 2 * 2


class Log:
    """Takes the outputs of steps, in its own time, and not those that no event can hold."""

    def __init__(self) -> None:
        self.appended: list[list[str]] = []
        self.go = asyncio.Event()

    async def append(self, _: object, steps: Sequence[Step]) -> None:
        """Wait, and take all of them or none."""
        await self.go.wait()
        if any(output == "impossible" for _, output in steps):
            raise InvalidData("no event can hold this")
        self.appended.append([name for name, _ in steps])


async def test_an_output_that_no_event_can_hold_harms_no_other() -> None:
    """What was gathered with it is recorded all the same, in order."""
    log = Log()
    recording = Recording(cast("Job", None), log.append)
    outputs = {"a": 1, "b": 2, "c": "impossible", "d": 4}
    tasks = [asyncio.create_task(recording.record(*each)) for each in outputs.items()]
    await asyncio.sleep(0)
    log.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each).__name__ for each in found] == [
        "NoneType",
        "NoneType",
        "InvalidData",
        "NoneType",
    ]
    assert log.appended == [["a"], ["b"], ["d"]]


async def test_what_has_finished_is_settled_though_nobody_waits_for_it() -> None:
    """Who was cancelled meanwhile takes nothing back."""
    log = Log()
    recording = Recording(cast("Job", None), log.append)
    task = asyncio.create_task(recording.record("a", 1))
    await asyncio.sleep(0)
    task.cancel()
    settling = asyncio.create_task(recording.settled())
    await asyncio.sleep(0)
    assert not settling.done()
    log.go.set()
    await settling
    assert log.appended == [["a"]]


async def test_a_fan_out_is_named_by_its_function(execute: Open) -> None:
    """Also behind arguments that are given to it before."""

    async def say(greeting: str, name: str) -> str:
        return f"{greeting} {name}"

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> list[str]:
        return await ctx.map(["ada"], functools.partial(say, "hello"), progress=False)

    run = await execute(work)
    assert await run.result() == ["hello ada"]
    assert [*(await run.state()).stages["work"].steps] == ["say[items]", "say[0]"]
