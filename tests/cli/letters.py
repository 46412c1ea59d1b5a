"""A workflow that saves artifacts, and then waits for a signal whose payload is checked."""

import asyncio
from typing import Any

from attrs import frozen

import eventflow as ef


@frozen
class Approval:
    """What a person says about a letter."""

    approved: bool


@frozen
class Style:
    """How letters are written."""

    greeting: str = "Dear"


@ef.stage
async def write(ctx: ef.StageContext[str, Style]) -> int:
    """Write a letter, and save it with what is known of it."""
    letter = f"{ctx.config.greeting} {ctx.input}\n"
    await ctx.storage.save("letter.txt", letter.encode())
    await ctx.storage.save("facts", {"length": len(letter)})
    await ctx.storage.save("seal", b"\x00\xff")
    return len(letter)


@ef.stage(signal="approval", payload=Approval)
async def approve(ctx: ef.StageContext[int]) -> bool | ef.Suspended[None]:
    """Wait for a person."""
    if ctx.signal is None:
        return ef.Suspended(None, check_after=None)
    await ctx.storage.save("letter.txt", b"approved\n")
    return bool(ctx.signal.approved)


letters = ef.define_workflow("letters", input=str).pipe(write).pipe(approve).build()
workflows: list[ef.Workflow[Any, Any]] = [letters]
APPLICATION = f"{__name__}:workflows"


async def _suspended(url: str) -> str:
    async with ef.Runtime(url, workflows, job_poll_interval=0.02) as runtime:
        await runtime.start()
        run = await runtime.create_run("letters", "Ada", config={"write": {"greeting": "Hello"}})
        async for event in run.events():
            if event.type == "stage.suspended":
                break
        await run.annotate("language", "English", actor="grace")
    return run.id


def suspended(url: str) -> str:
    """Make a run that has saved artifacts, was annotated, and waits for `approval`."""
    return asyncio.run(_suspended(url))


async def _work_off(url: str, run_id: str) -> None:
    async with ef.Runtime(url, workflows, job_poll_interval=0.02) as runtime:
        await runtime.start()
        await runtime.run(run_id).result(30)


def work_off(url: str, run_id: str) -> None:
    """Execute what is left of a run."""
    asyncio.run(_work_off(url, run_id))
