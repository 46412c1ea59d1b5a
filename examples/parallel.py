"""Stages side by side: each gets the same input, and the next stage gets all their outputs."""

import asyncio

from quiet_logs import quiet_logs

import eventflow as ef

PAUSE = 0.3


@ef.stage
async def weather(ctx: ef.StageContext[str]) -> str:
    """Take a moment."""
    await asyncio.sleep(PAUSE)
    return f"sunny in {ctx.input}"


@ef.stage
async def traffic(ctx: ef.StageContext[str]) -> str:
    """Take a moment."""
    await asyncio.sleep(PAUSE)
    return f"no jam in {ctx.input}"


@ef.stage
async def outings(ctx: ef.StageContext[str]) -> list[str]:
    """Take a moment."""
    await asyncio.sleep(PAUSE)
    return [f"concert in {ctx.input}", f"market in {ctx.input}"]


@ef.stage
async def briefing(ctx: ef.StageContext[None]) -> str:
    """Ask for each output by its stage; a type checker knows their types."""
    happening = ", ".join(ctx.require(outings))
    return f"{ctx.require(weather)}; {ctx.require(traffic)}; {happening}"


morning = (
    ef.define_workflow("morning", input=str)
    .parallel(weather, traffic, outings)
    .pipe(briefing)
    .build()
)


async def main() -> None:
    print(morning.describe())
    async with ef.Runtime("memory://", [morning]) as runtime:
        await runtime.start()
        run = await runtime.create_run("morning", "Lisbon")
        print(await run.result(timeout=10))
        history = await run.history()
        for kind in ("job.claimed", "stage.completed"):
            versions = [fact.version for fact in history if fact.type == kind]
            print(f"{kind}: versions {versions}")


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
