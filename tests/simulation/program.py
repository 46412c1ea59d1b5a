"""What the processes of a crash test do: each is told its part as data, and may die at any time."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from attrs import frozen

import eventflow as ef
from eventflow.store.contract import Store
from tests.simulation.acknowledgements import Death, recording_store
from tests.simulation.skew import skew_wall_clock
from tests.simulation.workflows import WORKFLOWS, mixture


@frozen
class Part:
    """What one process does.

    Attributes:
        role: `worker` or `creator`.
        name: The name of the process, and of its file of acknowledgements.
        url: The store.
        folder: Where to write.
        lease: Seconds after which a silent worker is taken for dead.
        runs: How many runs a creator creates.
        dies_at: At which of its appends it kills itself, from 1; 0 for none.
        committed: Whether it dies right behind that commit, or right before it.
        skew: How many seconds the clock of its host is ahead of the others.
    """

    role: str
    name: str
    url: str
    folder: str
    lease: float
    runs: int = 0
    dies_at: int = 0
    committed: bool = False
    skew: float = 0.0

    def open_store(self) -> AbstractAsyncContextManager[Store]:
        """Open the store, so that it writes down what it acknowledges, and kills on time."""
        death = Death(self.dies_at, self.committed)
        return recording_store(self.url, Path(self.folder), self.name, death)


def play(part: Part) -> None:
    """Do it, until it is done or the process is stopped."""
    roles = {"worker": work, "creator": create}
    if part.skew:
        skew_wall_clock(part.skew)
    asyncio.run(roles[part.role](part))


async def work(part: Part) -> None:
    """Be a worker until SIGTERM."""
    async with (
        part.open_store() as store,
        ef.Runtime(
            store,
            WORKFLOWS,
            worker_id=part.name,
            stale_job_threshold=part.lease,
            job_poll_interval=0.1,
            poll_interval=1.0,
            concurrency=8,
        ) as runtime,
    ):
        await runtime.serve(grace=5.0)


async def create(part: Part) -> None:
    """Create runs, a few at once, each under a key of its own that is the same next time."""
    slots = asyncio.Semaphore(4)
    async with (
        part.open_store() as store,
        ef.Runtime(store, WORKFLOWS) as runtime,
    ):

        async def one(number: int) -> None:
            key = f"key-{number}"
            async with slots:
                await runtime.create_run(
                    mixture.id, number, metadata={"key": key}, idempotency_key=key
                )

        await asyncio.gather(*(one(number) for number in range(part.runs)))
