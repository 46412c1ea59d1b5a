"""A run that waits for a person: however long that takes, it holds no worker.

Nobody answers the first question in time, so the stage asks somebody else. What the second one says
is checked where it is sent.
"""

import asyncio

from attrs import frozen
from quiet_logs import quiet_logs

import eventflow as ef


@frozen
class Expense:
    """What somebody wants back."""

    who: str
    amount: int


@frozen
class Decision:
    """What an approver says."""

    approved: bool
    by: str


PATIENCE = {"the manager": 0.3, "the director": 7 * 86400}
"""Whom to ask in turn, and how many seconds they have."""


@ef.stage(signal="decision", payload=Decision)
async def approve(ctx: ef.StageContext[Expense]) -> str | ef.Suspended[str]:
    """Ask one after the other until somebody has decided."""
    if ctx.signal_name is not None:
        decision: Decision = ctx.signal
        verdict = "approved" if decision.approved else "refused"
        return f"{ctx.input.amount} for {ctx.input.who}: {verdict} by {decision.by}"
    asked = "the director" if ctx.resumed else "the manager"
    await ctx.log(f"asked {asked}")
    return ef.Suspended.for_signal("decision", asked, max_wait=PATIENCE[asked], then=ef.Reenter())


expenses = ef.define_workflow("expenses", input=Expense).pipe(approve).build()


async def answer(run: ef.Run) -> None:
    """Be the director, who first makes a mistake."""
    try:
        await run.signal("decision", {"approved": "sure", "by": "Grace"}, actor="grace")
    except ef.InvalidInput as refused:
        print(f"not taken: {refused.problems[0]}")
    await run.signal("decision", {"approved": True, "by": "Grace"}, actor="grace")


async def main() -> None:
    async with ef.Runtime("memory://", [expenses], job_poll_interval=0.1) as runtime:
        await runtime.start()
        run = await runtime.create_run("expenses", Expense("Ada", 120))
        async for fact in run.events():
            if fact.type != "stage.suspended":
                continue
            state = await run.state()
            waiting = state.stages["approve"].suspension
            print(f"the run is {state.status}, and waits for {waiting.state if waiting else None}")
            if waiting is not None and waiting.state == "the director":
                await answer(run)
        print(await run.result(timeout=10))


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
