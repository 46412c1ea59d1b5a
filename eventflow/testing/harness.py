"""A runtime for tests: a worker on a store of its own, whose time the test moves."""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from eventflow.definition.workflow import Workflow
from eventflow.runtime.catalog import Workflows
from eventflow.runtime.run import Run
from eventflow.runtime.runtime import Runtime
from eventflow.store.contract import Store
from eventflow.store.memory import MemoryStore
from eventflow.store.registry import open_store
from eventflow.testing.clock import TWO_DAYS, ManualClock, NothingLeft
from eventflow.testing.foreseeing import Foresight
from eventflow.testing.history import History
from eventflow.testing.waiting import what_holds_up

T = TypeVar("T")


class ManualRuntime(Runtime):
    """A `Runtime` in virtual time.

    Attributes:
        clock: Its time, which moves only when the test moves it.
    """

    def __init__(
        self,
        workflows: Workflows | Workflow[Any, Any],
        clock: ManualClock,
        store: Store,
        **options: Any,  # noqa: ANN401 - those of Runtime
    ) -> None:
        several = [workflows] if isinstance(workflows, Workflow) else workflows
        super().__init__(clock.watch(store), several, clock=clock.of_engine(), **options)
        self.clock = clock
        self._bare_store = store

    @property
    def store(self) -> Store:
        """Its store, as it was given."""
        return self._bare_store

    async def finish(self, run: Run, limit: float = TWO_DAYS) -> Any:  # noqa: ANN401 - the workflow's output
        """Move the time until a run has ended, and give its output.

        Args:
            run: The run.
            limit: Virtual seconds to wait at most.

        Raises:
            NothingLeft: The run does not end, however far the time moves; with what it waits for.
                It is raised at once if nothing is due before.
            RunCancelled: It was cancelled.
            RunFailed: It failed.
        """
        return await self._run_until(run, run.result(), limit)

    async def play(
        self,
        workflow: str | Workflow[Any, Any],
        input: object = None,
        *,
        limit: float = TWO_DAYS,
        **options: Any,  # noqa: ANN401 - those of create_run
    ) -> History:
        """Create a run, move the time until it has ended, in whatever way, and give its history.

        Args:
            workflow: The workflow, or its id.
            input: What the stages of group 1 get.
            limit: Virtual seconds to wait at most.
            options: Whatever else `create_run` takes, such as `config`.

        Raises:
            As `create_run`, and NothingLeft as `finish`.
        """
        workflow_id = workflow if isinstance(workflow, str) else workflow.id
        run = await self.create_run(workflow_id, input, **options)
        await self._run_until(run, _until_ended(run), limit)
        return await History.of_run(run)

    async def _run_until(self, run: Run, happens: Awaitable[T], limit: float) -> T:
        foresight = Foresight(self._bare_store, self.clock.now, limit)
        try:
            return await self.clock.run_until(happens, limit, foresight)
        except NothingLeft as error:
            raise NothingLeft(f"{error}; {what_holds_up(await run.state())}") from None


@asynccontextmanager
async def runtime(
    workflows: Workflows | Workflow[Any, Any] = (),
    *,
    clock: ManualClock | None = None,
    store: Store | str | None = None,
    start: bool = True,
    **options: Any,  # noqa: ANN401 - those of Runtime
) -> AsyncGenerator[ManualRuntime, None]:
    """Open a runtime in virtual time, by default on a new store in memory; it is a worker already.

    At the end, jobs that are still under way are given back at once.

    Args:
        workflows: One workflow, or several.
        clock: The time; a new one by default. Give the one that stages wait with.
        store: A store that the caller opens and closes, or the URL of one.
        start: Whether it executes jobs.
        options: Whatever else `Runtime` takes, such as `concurrency`.
    """
    opened = await open_store(store) if isinstance(store, str) else store or MemoryStore()
    manual = ManualRuntime(workflows, clock or ManualClock(), opened, **options)
    try:
        async with manual:
            if start:
                await manual.start()
            try:
                yield manual
            finally:
                await manual.stop(grace=0.0)
    finally:
        if opened is not store:
            await opened.close()


async def _until_ended(run: Run) -> None:
    async for _ in run.events():
        pass
