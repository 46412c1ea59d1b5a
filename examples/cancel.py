"""Cancelling is final at once: the stage that is running is stopped, and the next never starts."""

import asyncio

from quiet_logs import quiet_logs

import eventflow as ef


@ef.stage
async def count_sheep(ctx: ef.StageContext[int]) -> int:
    """Take very long, and notice that nobody wants the result any more."""
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        print(f"the stage was stopped; ctx.cancelled is {ctx.cancelled}")
        raise
    return ctx.input


@ef.stage
async def wake_up(ctx: ef.StageContext[int]) -> str:
    """Never get here."""
    return f"awake after {ctx.input} sheep"


sleeping = ef.define_workflow("sleeping", input=int).pipe(count_sheep).pipe(wake_up).build()


async def main() -> None:
    async with ef.Runtime("memory://", [sleeping]) as runtime:
        await runtime.start()
        run = await runtime.create_run("sleeping", 1_000_000)
        async for fact in run.events():
            if fact.type == "job.claimed":
                await run.cancel(reason="the alarm rang", actor="eva")
        try:
            await run.result(timeout=10)
        except ef.RunCancelled as error:
            print(f"cancelled: {error.reason}")
        print(f"a second cancel changes nothing: {await run.cancel()}")


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
