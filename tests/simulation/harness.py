"""Drives the processes of a crash test on a store of any URL; none of them outlives the test.

The driver is itself a process of the application: it creates runs and looks at them, and whatever
the store acknowledges to it is written down as well.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

from attrs import asdict, frozen

import eventflow as ef
from eventflow.store.contract import RunQuery, Store
from eventflow.testing.checker import LogReport, assert_sound
from tests.simulation.acknowledgements import acknowledged, recording_store
from tests.simulation.program import Part
from tests.simulation.workflows import WORKFLOWS

ROOT = Path(__file__).parents[2]
BEAT = 0.02
ALIVE = (ef.Status.PENDING, ef.Status.RUNNING, ef.Status.SUSPENDED)


class Nursery:
    """The process that forks all others, as this one speaks with it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, *order: object) -> int | None:
        """Give an order, and wait for the answer."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        print(json.dumps(order), file=asked, flush=True)
        answer: int | None = json.loads(answers.readline())
        return answer


@frozen
class Child:
    """A process of a crash test."""

    name: str
    pid: int
    _nursery: Nursery

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._nursery.ask("signal", self.pid, number)

    def ended(self) -> int | None:
        """Give its exit code once, when it has ended; negative for a signal."""
        return self._nursery.ask("ended", self.pid)

    async def end(self, number: signal.Signals) -> int:
        """Send it a signal, and wait until it has ended."""
        self.send(number)
        return await self.wait()

    async def wait(self, seconds: float = 30.0) -> int:
        """Wait until it has ended."""
        async with asyncio.timeout(seconds):
            while (code := self.ended()) is None:  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(BEAT)
        return code


@frozen
class Driver:
    """A crash test under way.

    Attributes:
        url: The store.
        folder: Where everybody writes.
        lease: Seconds after which a silent worker is taken for dead.
        store: The store, as this process has it open; what it acknowledges is written down.
        runtime: An application's access to it, which executes nothing.
    """

    url: str
    folder: Path
    lease: float
    store: Store
    runtime: ef.Runtime
    _nursery: Nursery
    _names: Iterator[int]

    def start(
        self,
        role: str,
        *,
        runs: int = 0,
        dies_at: int = 0,
        committed: bool = False,
        skew: float = 0.0,
    ) -> Child:
        """Start a process that plays a part."""
        name = f"{role}-{next(self._names)}"
        folder = str(self.folder)
        part = Part(role, name, self.url, folder, self.lease, runs, dies_at, committed, skew)
        pid = self._nursery.ask("start", asdict(part))
        assert pid is not None
        return Child(name, pid, self._nursery)

    async def until_marked(self, mark: str, seconds: float = 30.0) -> None:
        """Wait until a stage has left a mark."""
        async with asyncio.timeout(seconds):
            while not (self.folder / mark).exists():  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(BEAT)

    async def until_all_ended(self, seconds: float = 60.0) -> None:
        """Wait until no run is alive."""
        async with asyncio.timeout(seconds):
            while not await self.all_ended():  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.1)

    async def all_ended(self) -> bool:
        """Tell whether no run is alive."""
        return not (await self.store.runs(RunQuery(statuses=ALIVE, limit=1))).items

    async def check(self) -> LogReport:
        """Check the whole log, and that nothing is lost of what any process was told."""
        return await assert_sound(self.store, acknowledged=acknowledged(self.folder))


@asynccontextmanager
async def driver(url: str, folder: Path, lease: float = 1.0) -> AsyncIterator[Driver]:
    """Open a store for a crash test; in the end every process of the test is gone."""
    async with recording_store(url, folder, "driver") as store:
        with _nursery(folder) as nursery:
            async with ef.Runtime(store, WORKFLOWS) as runtime:
                yield Driver(url, folder, lease, store, runtime, nursery, count(1))


@contextmanager
def _nursery(folder: Path) -> Iterator[Nursery]:
    """Start the process that forks all others; a group of its own keeps Ctrl-C from it."""
    with (
        (folder / "log.txt").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            process_group=0,
        ) as process,
    ):
        yield Nursery(process)
