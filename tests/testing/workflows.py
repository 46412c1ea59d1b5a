"""Workflows whose histories the tests of the kit look at; they touch nothing outside."""

from datetime import datetime, timedelta

import eventflow as ef


@ef.stage
async def double(ctx: ef.StageContext[int]) -> int:
    """Give twice the input."""
    await ctx.log("doubling", value=ctx.input)
    return ctx.input * 2


@ef.stage(retry=ef.Retry(max_attempts=2, initial=600.0))
async def stumble(ctx: ef.StageContext[int]) -> int:
    """Fail the first time."""
    if ctx.attempt == 1:
        raise ConnectionError("try again later")
    return ctx.input + 10


@ef.stage
async def spell(ctx: ef.StageContext[int]) -> dict[str, str]:
    """Write the number, and what it was made of."""
    await ctx.annotate("spelled", ctx.input)
    return {"text": f"{ctx.input} from {ctx.require(double)}"}


stumbling = (
    ef.define_workflow("stumbling", input=int).pipe(double).pipe(stumble).pipe(spell).build()
)


@ef.stage
async def ask(ctx: ef.StageContext[str]) -> str | ef.Suspended[dict[str, str]]:
    """Wait for an answer, and give it."""
    if ctx.resume_state is None:
        return ef.Suspended({"question": ctx.input}, signal="answer")
    return f"{ctx.resume_state['question']} {ctx.signal}"


@ef.stage
async def submit(ctx: ef.StageContext[str]) -> str | ef.Suspended[str]:
    """Hand the work over."""
    return ef.Suspended(f"{ctx.claimed_at.isoformat()} {ctx.input}", check_after=60)


@submit.check
async def ready(state: str, ctx: ef.StageContext[str]) -> ef.Pending | ef.Ready[str]:
    """Be ready at the second look."""
    since, _, text = state.partition(" ")
    if ctx.claimed_at - datetime.fromisoformat(since) < timedelta(seconds=100):
        return ef.Pending()
    return ef.Ready(text.upper())


waiting = ef.define_workflow("waiting", input=str).pipe(ask).pipe(submit).build()
