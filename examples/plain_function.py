"""A plain function is a stage too: it runs in a thread, so that others go on meanwhile."""

import asyncio
import threading
import time

from quiet_logs import quiet_logs

import eventflow as ef

NAP = 0.3


@ef.stage
def blocking(ctx: ef.StageContext[float]) -> str:
    """Block a thread, as code does that knows nothing of asyncio; `ctx.log` needs no await."""
    time.sleep(ctx.input)
    ctx.log("slept", seconds=ctx.input)
    return "the event loop" if threading.current_thread() is threading.main_thread() else "a thread"


napping = ef.define_workflow("napping", input=float).pipe(blocking).build()


async def main() -> None:
    async with ef.Runtime("memory://", [napping]) as runtime:
        await runtime.start()
        began = time.perf_counter()
        runs = [await runtime.create_run("napping", NAP) for _ in range(4)]
        for run in runs:
            print(f"executed in {await run.result(timeout=10)}")
        took = time.perf_counter() - began
        print(f"four naps, in less than the time of three: {took < 3 * NAP}")
        logged = [fact for fact in await runs[0].history() if fact.type == "stage.logged"]
        print(f"lines in the history: {len(logged)}")


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
