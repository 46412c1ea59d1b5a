"""What the fixtures of the pytest plugin give; it imports no test framework."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import field, frozen

from eventflow.definition.workflow import Workflow
from eventflow.runtime.catalog import Workflows
from eventflow.runtime.identifiers import new_id
from eventflow.store.contract import Store
from eventflow.store.envelope import Envelope
from eventflow.store.memory import MemoryStore
from eventflow.store.registry import open_store
from eventflow.testing.clock import ManualClock
from eventflow.testing.divergence import ReplayReport
from eventflow.testing.golden import assert_golden
from eventflow.testing.harness import ManualRuntime, runtime
from eventflow.testing.history import History
from eventflow.testing.loading import load
from eventflow.testing.replaying import replay

__all__ = ["Golden", "ManualClock", "OpenRuntime", "Replay", "StoreOfTest"]

MEMORY = "memory://"


class StoreOfTest:
    """The store of one test, opened while somebody is inside `async with`, and kept in between.

    Attributes:
        url: Where it is; a store in memory can only be had by `async with`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._memory = MemoryStore() if url == MEMORY else None
        self._opened: Store | None = None
        self._users = 0

    @classmethod
    def named(cls, name: str, folder: Path) -> Self:
        """Make a store of `memory`, `sqlite`, or a URL in which `{name}` becomes a new name.

        Raises:
            ValueError: It is none of these.
        """
        urls = {"memory": MEMORY, "sqlite": f"sqlite:///{folder / 'eventflow.db'}"}
        if name not in urls and "://" not in name:
            raise ValueError(f'no store is called "{name}"; write memory, sqlite, or a URL')
        return cls(urls.get(name, name).replace("{name}", f"test_{new_id()[-12:]}"))

    def __repr__(self) -> str:
        return f"<StoreOfTest {self.url.partition('://')[0]}>"

    async def __aenter__(self) -> Store:
        if self._opened is None:
            self._opened = self._memory or await open_store(self.url)
        self._users += 1
        return self._opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._users -= 1
        opened = self._opened
        if self._users == 0 and opened is not None:
            self._opened = None
            if opened is not self._memory:
                await opened.close()

    def refuse_open(self) -> None:
        """Make sure that nobody left it open.

        Raises:
            AssertionError: Somebody did.
        """
        if self._users:
            raise AssertionError("the test left its store open; use `async with`")


@frozen
class OpenRuntime:
    """Opens runtimes on one store and one clock.

    Attributes:
        store: The store.
        clock: The time.
    """

    store: StoreOfTest
    clock: ManualClock

    def __call__(
        self,
        workflows: Workflows | Workflow[Any, Any] = (),
        *,
        start: bool = True,
        **options: Any,  # noqa: ANN401 - those of Runtime
    ) -> AbstractAsyncContextManager[ManualRuntime]:
        """Open a runtime, which is a worker unless `start` is false."""
        return self._open(workflows, start=start, **options)

    @asynccontextmanager
    async def _open(
        self,
        workflows: Workflows | Workflow[Any, Any],
        **options: Any,  # noqa: ANN401 - as above
    ) -> AsyncGenerator[ManualRuntime, None]:
        async with (
            self.store as store,
            runtime(workflows, clock=self.clock, store=store, **options) as opened,
        ):
            yield opened


@frozen
class Replay:
    """Replays histories; relative paths begin at a folder.

    Attributes:
        folder: Where.
    """

    folder: Path

    def __call__(
        self,
        history: History | str | Path,
        workflow: Workflow[Any, Any],
        **options: Any,  # noqa: ANN401 - those of replay
    ) -> ReplayReport:
        """Replay a history, or a file of one, in an event loop of its own.

        Raises:
            AssertionError: It diverges; the message has every divergence.
        """
        __tracebackhide__ = True
        given = history if isinstance(history, History) else load(self.folder / history)
        with ThreadPoolExecutor(1, "eventflow-replay") as thread:
            report = thread.submit(asyncio.run, replay(given, workflow, **options)).result()
        report.assert_same()
        return report


@frozen
class Golden:
    """Compares histories with golden ones, or writes them.

    Attributes:
        folder: Where they are.
        test: The test, by which one is named.
        record: Whether they are written.
        written: Takes the paths of those that were written.
    """

    folder: Path
    test: str
    record: bool = False
    written: list[str] = field(factory=list)

    def __call__(
        self, history: Sequence[Envelope], name: str | None = None, *, ignore: Sequence[str] = ()
    ) -> None:
        """Compare a history with the golden one of this test, or of this name.

        Raises:
            AssertionError: It is another one, or there is none yet.
        """
        __tracebackhide__ = True
        path = self.folder / f"{_file_name(name or self.test)}.ndjson"
        if assert_golden(history, path, record=self.record, ignore=ignore):
            self.written.append(str(path))


def _file_name(name: str) -> str:
    """Give a name that a file can have everywhere."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-")
