"""A store in memory, virtual time, and runtimes as if each were a process of its own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from structlog.testing import capture_logs

import eventflow as ef
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore

Open = Callable[..., Any]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Print no log: structlog's own way to print a traceback takes longer than the tests."""
    with capture_logs():
        yield


@pytest.fixture
def clock() -> ManualClock:
    """The time of the test; it moves only when the test moves it."""
    return ManualClock()


@pytest.fixture
def store() -> ObservedStore:
    """An empty store in memory."""
    return ObservedStore()


@pytest.fixture
async def open_runtime(store: ObservedStore, clock: ManualClock) -> AsyncIterator[Open]:
    """Opens runtimes on the one store."""
    async with AsyncExitStack() as stack:

        async def opened(*workflows: ef.Workflow[Any, Any], **options: Any) -> ef.Runtime:  # noqa: ANN401 - those of Runtime
            runtime = ef.Runtime(clock.watch(store), workflows, clock=clock, **options)
            return await stack.enter_async_context(runtime)

        yield opened


@pytest.fixture
def execute(open_runtime: Open, clock: ManualClock) -> Open:
    """Executes one stage as a workflow of its own, until its run has ended; gives the run."""

    async def executed(stage: Any, given: object = 0, **options: Any) -> ef.Run:  # noqa: ANN401 - any stage
        input_type = options.pop("input_type", int)
        workflow = ef.define_workflow("w", input=input_type).pipe(stage).build()
        runtime = await open_runtime(workflow)
        await runtime.start()
        run: ef.Run = await runtime.create_run("w", given, **options)
        async for _ in _until_ended(run, clock):
            pass
        return run

    return executed


async def _until_ended(run: ef.Run, clock: ManualClock) -> AsyncIterator[None]:
    while not (await run.state()).status.ended:
        await clock.advance(1)
        yield
