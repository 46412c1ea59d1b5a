"""Rerun and fork: go on from a stage with another config, in the same run or in a new one.

Earlier stages keep their outputs and are not executed again; nothing is deleted.
"""

import asyncio

from attrs import frozen
from quiet_logs import quiet_logs

import eventflow as ef


@frozen
class Style:
    """How to greet."""

    greeting: str = "Hello"


@ef.stage
async def find_name(ctx: ef.StageContext[str]) -> str:
    """Do the expensive part."""
    print("  find_name is executed")
    return ctx.input.strip().title()


@ef.stage
async def greet(ctx: ef.StageContext[str, Style]) -> str:
    """Do the part that one wants to see again."""
    print("  greet is executed")
    return f"{ctx.config.greeting}, {ctx.input}!"


greeting = ef.define_workflow("greeting", input=str).pipe(find_name).pipe(greet).build()


async def main() -> None:
    async with ef.Runtime("memory://", [greeting]) as runtime:
        await runtime.start()
        print("run")
        run = await runtime.create_run("greeting", "  ada lovelace ")
        print(await run.result(timeout=10))

        print("rerun from greet")
        generation = await run.rerun_from(
            "greet", reason="too formal", actor="eva", config={"greet": {"greeting": "Hi"}}
        )
        print(await run.result(timeout=10))

        print("fork from greet")
        fork = await run.fork_from("greet", config={"greet": {"greeting": "Good morning"}})
        print(await fork.result(timeout=10))

        whole, counting = await run.history(), await run.history(effective=True)
        print(f"generation {generation}: {len(whole)} events, of which {len(counting)} count")


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
