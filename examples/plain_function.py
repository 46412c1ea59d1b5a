"""A plain function is a stage too: it runs in a thread, so that others go on meanwhile."""

import asyncio
import threading

from quiet_logs import quiet_logs

import eventflow as ef

PHILOSOPHERS = ["Hypatia", "Thales", "Zeno"]
TABLE = threading.Barrier(len(PHILOSOPHERS))


@ef.stage
def dine(ctx: ef.StageContext[str]) -> str:
    """Block until everybody is there, as code does that knows nothing of asyncio."""
    TABLE.wait(timeout=10)
    ctx.log("everybody is there")  # in a thread it needs no await
    on_loop = threading.current_thread() is threading.main_thread()
    return f"{ctx.input} has dined in {'the main' if on_loop else 'another'} thread"


dinner = ef.define_workflow("dinner", input=str).pipe(dine).build()


async def main() -> None:
    async with ef.Runtime("memory://", [dinner]) as runtime:
        await runtime.start()
        runs = [await runtime.create_run("dinner", name) for name in PHILOSOPHERS]
        for run in runs:
            print(await run.result(timeout=10))
            logged = [fact for fact in await run.history() if fact.type == "stage.logged"]
            print(f"  lines in its history: {len(logged)}")


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
