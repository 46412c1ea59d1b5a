"""One process takes requests, another does the work; all that they share is the store.

The first opens a runtime and never starts it, as an API server would. The second is a worker, and
serves until it is told to stop.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from quiet_logs import quiet_logs

import eventflow as ef


@ef.stage
async def work(ctx: ef.StageContext[str]) -> str:
    """Tell in which process this is."""
    return f"{ctx.input} by process {os.getpid()}"


workflow = ef.define_workflow("work", input=str).pipe(work).build()


async def take_requests(store: str) -> None:
    """Create a run, and wait for its result."""
    worker = await asyncio.create_subprocess_exec(sys.executable, __file__, store)
    try:
        async with ef.Runtime(store, [workflow]) as runtime:
            run = await runtime.create_run("work", "done")
            result = await run.result(timeout=10)
            print(result)
            here = str(os.getpid()) in result
            print(f"executed here, in process {os.getpid()}: {here}")
    finally:
        worker.terminate()
        print(f"the worker stopped with exit code {await worker.wait()}")


async def serve(store: str) -> None:
    """Be a worker until SIGTERM or SIGINT comes."""
    async with ef.Runtime(store, [workflow]) as runtime:
        await runtime.serve()


if __name__ == "__main__":
    quiet_logs()
    if sys.argv[1:]:
        asyncio.run(serve(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(take_requests(f"sqlite:///{Path(folder, 'shared.db')}"))
