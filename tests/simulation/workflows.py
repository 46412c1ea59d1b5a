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
from tests.simulation.effects import Effects

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


@frozen
class Items:
    """What a fan-out does: so many items, each of which leaves an effect in a folder."""

    folder: str
    count: int
    concurrency: int = 10


@ef.stage(retry=PATIENT)
async def fan_out(ctx: ef.StageContext[Items]) -> int:
    """Square each number, and leave an effect of it before the result is recorded."""
    effects = Effects(Path(ctx.input.folder))

    async def square(number: int) -> int:
        effects.leave(number, ctx.token)
        await asyncio.sleep(0.001 * (number % 7))
        return number * number

    squares = await ctx.map(
        range(ctx.input.count), square, ctx.input.concurrency, name="square", progress=False
    )
    return sum(squares)


mapping = ef.define_workflow("mapping", input=Items).pipe(fan_out).build()


@ef.stage(retry=PATIENT)
async def asks_provider(ctx: ef.StageContext[str]) -> str | ef.Suspended[str]:
    """Hand a folder to a provider."""
    Effects(Path(ctx.input)).leave(1, ctx.token)
    return ef.Suspended(ctx.input, check_after=0.05)


@asks_provider.check
async def provided(state: str, ctx: ef.StageContext[str]) -> ef.Pending | ef.Ready[str]:
    """Mark that the provider was asked, who is ready once a file says so."""
    folder = Path(state)
    (folder / f"asked-by-{os.getpid()}").touch()
    return ef.Ready(state) if (folder / "ready").exists() else ef.Pending()


@ef.stage(retry=PATIENT, signal="approval", payload=str)
async def asks_person(ctx: ef.StageContext[str]) -> str | ef.Suspended[str]:
    """Wait for a person, and then do what follows once."""
    if not ctx.resumed:
        Effects(Path(ctx.input)).leave(2, ctx.token)
        return ef.Suspended.for_signal("approval", "the state")
    return f"{ctx.resume_state}: {ctx.signal}"


@ef.stage(retry=PATIENT)
async def sleeps(ctx: ef.StageContext[str]) -> str | ef.Suspended[str]:
    """Sleep for a while."""
    return str(ctx.resume_state) if ctx.resumed else ef.Suspended.for_duration(0.7, ctx.input)


patience = (
    ef.define_workflow("patience", input=str)
    .pipe(asks_provider)
    .pipe(asks_person)
    .pipe(sleeps)
    .build()
)


@ef.stage
async def tells(ctx: ef.StageContext[str]) -> int:
    """Tell the progress, and go on only when somebody has seen it."""
    for done in range(1, 4):
        await ctx.progress(done / 4, f"{done} of 4")
        while not (Path(ctx.input) / f"seen {done} of 4").exists():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    return 4


telling = ef.define_workflow("telling", input=str).pipe(tells).build()

suicide = ef.define_workflow("suicide", input=None).pipe(deadly).build()

WORKFLOWS = (mixture, holding, suicide, mapping, patience, telling)
