"""Where the suite executes whole runs: runtimes on one store, in virtual time."""

from contextlib import AsyncExitStack
from typing import Any

import eventflow as ef
from eventflow.store.contract import Store
from eventflow.testing.clock import ManualClock

QUICK = ef.Retry(max_attempts=3, initial=1.0, factor=1.0)


class Scene:
    """Runtimes on one store, each as if it were a process of its own, and the time of them all."""

    def __init__(self, store: Store, stack: AsyncExitStack) -> None:
        self.store = store
        self.clock = ManualClock()
        self._stack = stack

    async def open(
        self,
        *workflows: ef.Workflow[Any, Any],
        store: Store | None = None,
        **options: Any,  # noqa: ANN401 - those of Runtime
    ) -> ef.Runtime:
        """Open one more runtime."""
        watched = self.clock.watch(store or self.store)
        runtime = ef.Runtime(watched, workflows, clock=self.clock, **options)
        return await self._stack.enter_async_context(runtime)

    async def work(
        self,
        *workflows: ef.Workflow[Any, Any],
        **options: Any,  # noqa: ANN401 - as `open`
    ) -> ef.Runtime:
        """Open one more runtime, and make it a worker."""
        runtime = await self.open(*workflows, **options)
        await runtime.start()
        return runtime

    async def result(self, run: ef.Run) -> Any:  # noqa: ANN401 - what the workflow gives
        """Move the time until a run has ended, and give its output."""
        return await self.clock.run_until(run.result())

    async def types(self, run: ef.Run) -> list[str]:
        """Read the types of all events of a run."""
        return [event.type for event in await self.store.read([run.id])]


@ef.stage
async def double(ctx: ef.StageContext[int]) -> int:
    """Double the number."""
    return ctx.input * 2


@ef.stage
async def add(ctx: ef.StageContext[int]) -> int:
    """Add ten."""
    return ctx.input + 10


@ef.stage(retry=QUICK)
async def flaky(ctx: ef.StageContext[int]) -> int:
    """Add one, but not at once."""
    if ctx.attempt == 1:
        raise ConnectionError("not yet")
    return ctx.input + 1


@ef.stage
async def total(ctx: ef.StageContext[dict[str, int]]) -> int:
    """Add up what the siblings gave."""
    return sum(ctx.input.values())


SUMS = ef.define_workflow("sums", input=int).pipe(double).parallel(add, flaky).pipe(total).build()
"""For a number n it gives 4n + 11."""
