"""A process that subscribes to a log and writes down what it is given, until it is killed.

Run it as `python -m tests.simulation.subscriber URL FILE LEASE`.
"""

import asyncio
import os
import sys

import eventflow as ef
from eventflow.store.envelope import Envelope


async def subscribe(url: str, path: str, lease: float) -> None:
    """Deliver to a file which other processes write to as well, a line at a time."""
    file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    async def take(envelope: Envelope) -> None:
        await asyncio.sleep(0.002)
        os.write(file, f"{os.getpid()} {envelope.position}\n".encode())

    async with ef.Runtime(url, stale_job_threshold=lease, job_poll_interval=0.1) as runtime:
        await runtime.subscribe("all", take, batch=20)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(subscribe(sys.argv[1], sys.argv[2], float(sys.argv[3])))
