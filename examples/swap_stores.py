"""The same code on another store: the URL is all that changes, and the histories are alike.

python swap_stores.py                                 memory, then SQLite
python swap_stores.py postgresql://user@host/database one more
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from quiet_logs import quiet_logs

import eventflow as ef


@ef.stage
async def double(ctx: ef.StageContext[int]) -> int:
    """Double it."""
    return ctx.input * 2


@ef.stage
async def describe(ctx: ef.StageContext[int]) -> str:
    """Say it."""
    return f"the answer is {ctx.input}"


answering = ef.define_workflow("answering", input=int).pipe(double).pipe(describe).build()


async def history_on(store: str) -> list[str]:
    """Execute the workflow on a store; give the types of its events."""
    async with ef.Runtime(store, [answering]) as runtime:
        await runtime.start()
        run = await runtime.create_run("answering", 21)
        print(f"{store.partition(':')[0]:11} {await run.result(timeout=10)}")
        return [fact.type for fact in await run.history()]


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        stores = ["memory://", f"sqlite:///{Path(folder, 'runs.db')}", *sys.argv[1:]]
        histories = [await history_on(store) for store in stores]
    print(*histories[0], sep="\n")
    print(f"the same on all {len(stores)} stores: {all(h == histories[0] for h in histories)}")


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
