"""The workflows that crash tests execute; they know nothing of crashes, except the last one."""

import asyncio
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from attrs import frozen

import eventflow as ef

PATIENT = ef.Retry(max_attempts=1_000, initial=0.02, factor=1.0)
"""So many attempts that being killed never uses them up."""


@frozen
class Batch:
    """What a suspended stage waits for: a moment that all processes of a machine agree on."""

    number: int
    ready_at: float


@ef.stage(retry=PATIENT)
async def double(ctx: ef.StageContext[int]) -> int:
    """Double the number."""
    return ctx.input * 2


@ef.stage(retry=PATIENT)
async def flaky(ctx: ef.StageContext[int]) -> int:
    """Add one, though often not at once."""
    await ctx.log("trying", attempt=ctx.attempt)
    if random.random() < 0.3:  # noqa: S311 - nothing secret
        raise ConnectionError("not this time")
    return ctx.input + 1


@ef.stage(retry=PATIENT)
async def slow(ctx: ef.StageContext[int]) -> int:
    """Add two, after a while."""
    await asyncio.sleep(0.15)
    return ctx.input + 2


@ef.stage(retry=PATIENT)
def plain(ctx: ef.StageContext[int]) -> int:
    """Add three, in a thread."""
    time.sleep(0.02)
    return ctx.input + 3


@ef.stage(retry=PATIENT)
async def batch(
    ctx: ef.StageContext[dict[str, int]],
) -> int | ef.Suspended[Batch]:
    """Hand the sum over to somebody who takes his time."""
    return ef.Suspended(Batch(sum(ctx.input.values()), time.monotonic() + 0.1), check_after=0.05)


@batch.check
async def delivered(state: Batch, ctx: ef.StageContext[Any]) -> ef.Pending | ef.Ready[int]:
    """Ask whether it is done."""
    if time.monotonic() < state.ready_at:
        return ef.Pending(check_after=0.05)
    return ef.Ready(state.number)


@ef.stage(id="format", retry=PATIENT)
async def format_number(ctx: ef.StageContext[int]) -> str:
    """Say the number."""
    return f"Final: {ctx.input}"


mixture = (
    ef.define_workflow("mixture", input=int)
    .pipe(double)
    .parallel(flaky, slow, plain)
    .pipe(batch)
    .pipe(format_number)
    .build()
)


def outcome(number: int) -> str:
    """Say what a run of the mixture comes to, however often its workers die."""
    return f"Final: {6 * number + 6}"


@ef.stage
async def held(ctx: ef.StageContext[str]) -> int:
    """Mark in a folder that the attempt has begun, and work until it is marked to be over."""
    folder = Path(ctx.input)
    (folder / f"begun-{ctx.attempt}").touch()
    try:
        while not (folder / f"over-{ctx.attempt}").exists():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        (folder / f"cancelled-{ctx.attempt}").touch()
        raise
    return ctx.attempt


holding = ef.define_workflow("holding", input=str).pipe(held).build()


@ef.stage
async def deadly(ctx: ef.StageContext[None]) -> None:
    """Kill the process that executes it."""
    os.kill(os.getpid(), signal.SIGKILL)


suicide = ef.define_workflow("suicide", input=None).pipe(deadly).build()

WORKFLOWS = (mixture, holding, suicide)
