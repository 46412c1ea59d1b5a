"""Logs: one structured event for each transition, with ids and without anybody's data."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.dev import ConsoleRenderer
from structlog.testing import capture_logs

import eventflow as ef
from eventflow.errors import InvalidInput, Problem
from eventflow.runtime.logs import log_failure
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open

SECRET = "hunter2"


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    """What is logged during a test."""
    with capture_logs() as captured:
        yield captured


@ef.stage
async def waits(ctx: ef.StageContext[str]) -> str | ef.Suspended[str]:
    """Wait for a signal."""
    if ctx.resume_state is None:
        return ef.Suspended(ctx.input, signal="go")
    await ctx.log("resumed", secret=ctx.input)
    return ctx.input


@ef.stage
async def fails(ctx: ef.StageContext[str]) -> str:
    """Fail twice."""
    if ctx.attempt < 3:
        raise OSError("again")
    return ctx.input


WORKFLOW = ef.define_workflow("w", input=str).pipe(waits).pipe(fails).build()


async def whole_life(open_runtime: Open, clock: ManualClock) -> ef.Run:
    """Let a run be created, suspended, resumed, retried and completed."""
    runtime = await open_runtime(WORKFLOW, worker_id="worker-1")
    await runtime.start()
    run: ef.Run = await runtime.create_run("w", SECRET, metadata={"note": SECRET})
    await clock.advance(1)
    await run.signal("go", {"payload": SECRET})
    await run.annotate("note", SECRET)
    assert await clock.run_until(run.result()) == SECRET
    await runtime.stop()
    return run


async def test_each_transition_is_one_line(
    open_runtime: Open, clock: ManualClock, logs: list[Any]
) -> None:
    """In their order, under their own names; a claim is called what it is for."""
    run = await whole_life(open_runtime, clock)
    of_the_run = [line["event"] for line in logs if line.get("run_id") == run.id]
    transitions = [
        "stage.started" if e.type == "job.claimed" else e.type
        for e in await run.history()
        if e.type not in {"stage.logged", "run.annotated"}
    ]
    assert of_the_run == transitions
    others = [line["event"] for line in logs if "run_id" not in line]
    assert others == ["worker.started", "worker.stopped"]


async def test_lines_carry_ids(open_runtime: Open, clock: ManualClock, logs: list[Any]) -> None:
    """Run and workflow always; stage, attempt, generation, worker and token where there are any."""
    run = await whole_life(open_runtime, clock)
    lines = [line for line in logs if line.get("run_id") == run.id]
    assert {line["workflow_id"] for line in lines} == {"w"}
    started = [line for line in lines if line["event"] == "stage.started"][-1]
    assert (started["stage"], started["attempt"], started["generation"], started["worker"]) == (
        "fails",
        3,
        0,
        "worker-1",
    )
    completed = next(line for line in lines if line["event"] == "stage.completed")
    assert completed["token"] > 0
    failed = next(line for line in lines if line["event"] == "stage.attempt_failed")
    assert (failed["error"], failed["log_level"]) == ("builtins.OSError: again", "warning")


async def test_no_data_of_a_run_is_logged(
    open_runtime: Open, clock: ManualClock, logs: list[Any]
) -> None:
    """Inputs, outputs, states, payloads, metadata and notes stay in the store."""
    await whole_life(open_runtime, clock)
    assert SECRET not in str(logs)


async def test_what_does_not_fit_a_schema_is_not_quoted(execute: Open, logs: list[Any]) -> None:
    """The log tells which schema it was; the history has the details."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> dict[str, int]:
        return {"a": SECRET}  # type: ignore[dict-item]

    run = await execute(work)
    (line,) = [line for line in logs if line["event"] == "run.failed"]
    assert line["error"] == (
        'eventflow.errors.InvalidOutput: The output of stage "work" does not fit dict[str, int]'
    )
    assert SECRET not in str(logs)
    with pytest.raises(ef.RunFailed, match=f"a: expected an integer.*{SECRET}"):
        await run.result()


async def test_an_unexpected_error_is_logged_without_anybodys_values(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, logs: list[Any]
) -> None:
    """The line says where it was raised, and no renderer can show what the variables held."""

    @ef.stage
    async def work(ctx: ef.StageContext[str]) -> str:
        if ctx.attempt == 1:
            store.failure = RuntimeError("odd")
        return ctx.input

    runtime = await open_runtime(ef.define_workflow("w", input=str).pipe(work).build())
    await runtime.start()
    run = await runtime.create_run("w", SECRET)
    await clock.advance(5)
    store.failure = None
    assert await clock.run_until(run.result()) == SECRET
    names = {line["event"] for line in logs}
    assert names >= {"stage.not_reported", "worker.failed"}
    render = ConsoleRenderer(colors=False)
    for line in logs:
        assert "exc_info" not in line
        if line["event"] in {"stage.not_reported", "worker.failed"}:
            shown = str(render(None, "error", dict(line)))
            assert "RuntimeError: odd" in shown
            assert "in append" in shown or "in due" in shown
            assert SECRET not in shown


async def test_a_stage_that_blocks_the_loop_beyond_its_timeout_is_told_of(
    logs: list[Any],
) -> None:
    """Its timer could not fire, so its result counts, and a line says what to change."""

    @ef.stage(timeout=0.001)
    async def blocks(ctx: ef.StageContext[int]) -> int:
        time.sleep(0.15)  # noqa: ASYNC251 - what is told of
        return ctx.input

    workflow = ef.define_workflow("w", input=int).pipe(blocks).build()
    async with ef.Runtime("memory://", [workflow]) as runtime:
        assert await runtime.run_and_wait("w", 1) == 1
    (line,) = [line for line in logs if line["event"] == "stage.blocked_the_loop"]
    assert (line["stage"], line["timeout"], line["log_level"]) == ("blocks", 0.001, "warning")
    assert line["took"] >= 0.15


def test_a_logged_traceback_quotes_no_value_that_fits_no_schema() -> None:
    """Also not within a group, or as the cause of another error."""
    wrong = InvalidInput("It does not fit:", [Problem("a.b", f"not {SECRET}"), Problem("", SECRET)])
    cause = ExceptionGroup("several", [wrong])
    error = RuntimeError("broken")
    error.__cause__ = cause
    with capture_logs() as captured:
        log_failure("it.failed", error, worker="w1")
    (line,) = captured
    assert line["worker"] == "w1"
    assert SECRET not in line["exception"]
    assert "a.b" in line["exception"]
    assert "RuntimeError: broken" in line["exception"]


async def test_failures_are_errors_and_cancellations_warnings(
    open_runtime: Open, clock: ManualClock, logs: list[Any]
) -> None:
    """The level tells who should look."""

    @ef.stage
    async def never(ctx: ef.StageContext[str]) -> str | ef.Failed:
        return ef.Failed("no")

    workflow = ef.define_workflow("w", input=str).pipe(never).build()
    runtime = await open_runtime(workflow)
    cancelled = await runtime.create_run("w", "x")
    await cancelled.cancel(reason="enough")
    await runtime.start()
    run = await runtime.create_run("w", "x")
    with pytest.raises(ef.RunFailed):
        await clock.run_until(run.result())
    levels = {line["event"]: line["log_level"] for line in logs}
    assert (levels["stage.failed"], levels["run.failed"]) == ("error", "error")
    assert levels["run.cancelled"] == "warning"
    assert levels["run.created"] == "info"


async def test_an_outage_is_logged_once_with_its_end(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, logs: list[Any]
) -> None:
    """However often the worker has tried in between."""
    runtime = await open_runtime(WORKFLOW)
    await runtime.start()
    await clock.advance(5)
    store.failure = ef.StoreUnavailable("away")
    await clock.advance(120)
    store.failure = None
    await clock.advance(10)
    lines = [line for line in logs if line["event"].startswith("store.")]
    assert [(line["event"], line["task"]) for line in lines] == [
        ("store.unavailable", "worker"),
        ("store.available", "worker"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        f"nothing://ada:{SECRET}@host/db",
        f"memory://ada:{SECRET}@host",
        f"postgresql://ada:{SECRET}@host:port/db",
        f"postgresql://ada@host:port/db?password={SECRET}",
        f"sqlite:///nowhere/at/all.db?token={SECRET}",
    ],
)
async def test_the_secrets_of_a_url_are_shown_to_nobody(url: str, logs: list[Any]) -> None:
    """Neither an error, nor what it came from, nor a log, nor `repr` has them."""
    runtime = ef.Runtime(url)
    with pytest.raises(ef.EventflowError) as refused:
        async with asyncio.timeout(20), runtime:
            pass
    shown: list[object] = [repr(runtime), logs]
    error: BaseException | None = refused.value
    while error is not None:
        shown.append((str(error), repr(error)))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert SECRET not in str(shown)


@pytest.mark.parametrize(
    "line", ["run.created", "stage.started", "stage.suspended", "worker.started", "run.completed"]
)
async def test_a_log_that_fails_harms_no_run(
    open_runtime: Open,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    line: str,
) -> None:
    """A processor of the application that raises is told to the event loop, and nobody else."""

    def process(logger: object, method: str, fields: Any) -> Any:  # noqa: ANN401 - as structlog has it
        del logger, method
        if fields["event"] == line:
            raise ValueError("I/O operation on closed file")
        raise structlog.DropEvent

    with capture_logs(processors=[process]):
        await whole_life(open_runtime, clock)
    assert "could not log" in caplog.text
    assert "I/O operation on closed file" in caplog.text
