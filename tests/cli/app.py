"""The application that the command line is tried on: small workflows of every kind."""

import asyncio
from typing import Any

import eventflow as ef


@ef.stage
async def split(ctx: ef.StageContext[str]) -> list[str]:
    """Split a text into words."""
    return ctx.input.split()


@ef.stage(retry=ef.Retry(max_attempts=2, initial=0.01))
async def count(ctx: ef.StageContext[list[str]]) -> int:
    """Count words; the first attempt of the word `flaky` fails."""
    await ctx.progress(0.5, "half of them")
    await ctx.log("counting", words=len(ctx.input))
    if "broken" in ctx.input or ("flaky" in ctx.input and ctx.attempt == 1):
        raise ValueError("a word was \x1b[31mbroken")
    return len(ctx.input)


@ef.stage(signal="approval")
async def approve(ctx: ef.StageContext[str]) -> str | ef.Suspended[str]:
    """Wait for somebody to say something."""
    if ctx.signal is None:
        return ef.Suspended(ctx.input, check_after=None)
    return str(ctx.signal)


@ef.stage
async def sleep(ctx: ef.StageContext[float]) -> str:
    """Be at work for some seconds."""
    for tenth in range(10):
        await ctx.progress(tenth / 10)
        await asyncio.sleep(ctx.input / 10)
    return "slept"


words = ef.define_workflow("words", name="Words", input=str).pipe(split).pipe(count).build()
sleeping = ef.define_workflow("sleeping", input=float).pipe(sleep).build()
asking = ef.define_workflow("asking", input=str).pipe(approve).build()
workflows: list[ef.Workflow[Any, Any]] = [words, sleeping, asking]
