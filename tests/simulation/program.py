"""What the processes of a crash test do: each is told its part as data, and may die at any time."""

import asyncio
from pathlib import Path

from attrs import frozen

import eventflow as ef
from tests.simulation.acknowledgements import recording_store
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
    """

    role: str
    name: str
    url: str
    folder: str
    lease: float
    runs: int = 0


def play(part: Part) -> None:
    """Do it, until it is done or the process is stopped."""
    roles = {"worker": work, "creator": create}
    asyncio.run(roles[part.role](part))


async def work(part: Part) -> None:
    """Be a worker until SIGTERM."""
    folder = Path(part.folder)
    async with (
        recording_store(part.url, folder, part.name) as store,
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
        recording_store(part.url, Path(part.folder), part.name) as store,
        ef.Runtime(store, WORKFLOWS) as runtime,
    ):

        async def one(number: int) -> None:
            key = f"key-{number}"
            async with slots:
                await runtime.create_run(
                    mixture.id, number, metadata={"key": key}, idempotency_key=key
                )

        await asyncio.gather(*(one(number) for number in range(part.runs)))
