"""The worker of the demo: a process of its own, which fetches and analyses until it is stopped.

It ends when its standard input ends, so that no worker outlives the demo that started it.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import frozen
from document_analysis import Document, key_terms, normalise, readability, report, structure
from quiet_logs import quiet_logs

import eventflow as ef

STALE_AFTER = 2.0
"""Seconds after which a silent worker is taken for dead; short, since people are watching."""

CONCURRENCY = 4


@frozen
class FetchConfig:
    """How slow the line is over which documents seem to come."""

    latency: float = 0.25
    bytes_per_second: float = 40_000


@ef.stage(timeout=30)
async def fetch(ctx: ef.StageContext[Document, FetchConfig]) -> Document:
    """Stand in for a download: wait as long as one would take, so that there is time to watch."""
    size = len(ctx.input.text.encode())
    await asyncio.sleep(ctx.config.latency + size / ctx.config.bytes_per_second)
    await ctx.log("fetched", bytes=size)
    return ctx.input


demo_analysis = (
    ef.define_workflow("document-demo", name="Document analysis over a slow line", input=Document)
    .pipe(fetch)
    .pipe(normalise)
    .parallel(key_terms, readability, structure)
    .pipe(report)
    .build()
)


@frozen
class WorkerProcess:
    """A worker that runs as a process of its own.

    Attributes:
        name: Its name in the log.
        process: The process.
    """

    name: str
    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def died(self) -> bool:
        """Whether it has ended."""
        return self.process.returncode is not None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def end(self) -> None:
        """Ask it to stop, and wait until it has; it is killed if it does not listen."""
        if not self.died:
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), timeout=10)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def worker_processes(
    store: str, names: list[str]
) -> AsyncGenerator[list[WorkerProcess], None]:
    """Start workers, and stop those that are left at the end, whatever happens."""
    started: list[WorkerProcess] = []
    try:
        for name in names:
            process = await asyncio.create_subprocess_exec(
                sys.executable, Path(__file__), name, store, stdin=asyncio.subprocess.PIPE
            )
            started.append(WorkerProcess(name, process))
        yield started
    finally:
        await asyncio.gather(*(worker.end() for worker in started))


async def work(name: str, store: str) -> None:
    """Be a worker until a signal comes, or the process that started this one is gone."""
    loop = asyncio.get_running_loop()

    def parent_is_gone() -> None:
        loop.remove_reader(sys.stdin)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sys.stdin, parent_is_gone)
    async with ef.Runtime(
        store,
        [demo_analysis],
        worker_id=name,
        concurrency=CONCURRENCY,
        stale_job_threshold=STALE_AFTER,
        job_poll_interval=0.2,
    ) as runtime:
        await runtime.serve(grace=2.0)


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(work(*sys.argv[1:]))
