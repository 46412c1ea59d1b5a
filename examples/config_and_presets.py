"""Config: every stage has defaults, a run overrides single fields, and all mistakes are listed.

A preset is plain data too: keep the ones that your application offers by name, and hand one over.
"""

import asyncio

from attrs import field, frozen, validators
from quiet_logs import quiet_logs

import eventflow as ef


@frozen
class TrimConfig:
    """How much of a text is kept."""

    most_words: int = 3


@frozen
class ShoutConfig:
    """How loud it gets."""

    marks: int = field(default=1, validator=validators.in_(range(10)))
    capitals: bool = True


@ef.stage
async def trim(ctx: ef.StageContext[str, TrimConfig]) -> str:
    """Keep the first words."""
    return " ".join(ctx.input.split()[: ctx.config.most_words])


@ef.stage
async def shout(ctx: ef.StageContext[str, ShoutConfig]) -> str:
    """Say it louder."""
    text = ctx.input.upper() if ctx.config.capitals else ctx.input
    return text + "!" * ctx.config.marks


speech = ef.define_workflow("speech", input=str).pipe(trim).pipe(shout).build()

PRESETS = {
    "short": {},
    "shouted": {"trim": {"most_words": 6}},
    "desperate": {"trim": {"most_words": 2}, "shout": {"marks": 3}},
}


async def main() -> None:
    print(f"defaults: {speech.default_config()}")
    async with ef.Runtime("memory://", [speech]) as runtime:
        await runtime.start()
        for name, preset in PRESETS.items():
            run = await runtime.create_run("speech", "to be or not to be", config=preset)
            print(f"{name}: {await run.result(timeout=10)}")
        try:
            wrong = {"trim": {"most_words": "many"}, "shout": {"marks": 99}, "sing": {}}
            await runtime.create_run("speech", "to be", config=wrong)
        except ef.InvalidConfig as error:
            print(error)


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
