"""Follow a run live: its events arrive as they are recorded, whichever process appends them."""

import asyncio

from quiet_logs import quiet_logs

import eventflow as ef


@ef.stage
async def bake(ctx: ef.StageContext[int]) -> str:
    """Tell how far it is, and leave a line in the history."""
    for loaf in range(1, ctx.input + 1):
        await asyncio.sleep(0.1)
        await ctx.progress(loaf / ctx.input, f"loaf {loaf}")
    await ctx.log("the oven is off", loaves=ctx.input)
    return f"{ctx.input} loaves"


bakery = ef.define_workflow("bakery", input=int).pipe(bake).build()


async def main() -> None:
    async with ef.Runtime("memory://", [bakery]) as runtime:
        await runtime.start()
        run = await runtime.create_run("bakery", 4)
        async for fact in run.events(follow=True):
            fraction = getattr(fact.event, "fraction", None)
            print(fact.version, fact.type, "" if fraction is None else f"{fraction:.0%}")
        print(await run.result())


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
