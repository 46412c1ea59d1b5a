"""A run that waits for a person: however long that takes, it holds no worker."""

import asyncio

from attrs import frozen
from quiet_logs import quiet_logs

import eventflow as ef


@frozen
class Expense:
    """What somebody wants back."""

    who: str
    amount: int


@ef.stage(signal="decision")
async def approve(ctx: ef.StageContext[Expense]) -> str | ef.Suspended[str]:
    """Suspend, and go on when somebody has decided: `ctx.signal` is what they said."""
    if ctx.signal is None:
        return ef.Suspended("asked", check_after=None, max_wait=7 * 86400)
    return f"{ctx.input.amount} for {ctx.input.who}: {ctx.signal}"


expenses = ef.define_workflow("expenses", input=Expense).pipe(approve).build()


async def main() -> None:
    async with ef.Runtime("memory://", [expenses]) as runtime:
        await runtime.start()
        run = await runtime.create_run("expenses", Expense("Ada", 120))
        async for fact in run.events():
            if fact.type == "stage.suspended":
                print(f"the run is {(await run.state()).status}")
                await run.signal("decision", {"approved": True, "by": "Grace"}, actor="grace")
        print(await run.result(timeout=10))


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
