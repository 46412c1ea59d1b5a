"""Summaries by a language model: each call is in the log, with its tokens and what it cost.

Without a key, a little server on this machine answers in the place of a provider. With a key in the
environment, its provider is asked, which costs a fraction of a cent:

    OPENAI_API_KEY=... python examples/ai_summary.py

At the end the same workflow runs once more, with the answers that are in the log.
"""

import asyncio
import os
from contextlib import ExitStack
from functools import partial
from typing import cast

from attrs import frozen
from model_server import ModelServer
from quiet_logs import quiet_logs

import eventflow as ef
from eventflow.ai import AISettings, AIUse, Endpoint, Price, replaying

NOTES = [
    "The harbour office wants the new timetable by Friday. The old one still lists a sold ferry.",
    "Nobody has ordered lamp oil since August. There are eleven litres left in the lighthouse.",
    "The captain offers his nephew as a keeper. He is afraid of heights, and the office likes him.",
]
MODELS = {
    "OPENAI_API_KEY": "openai:gpt-5-mini",
    "ANTHROPIC_API_KEY": "anthropic:claude-haiku-4-5",
    "GOOGLE_API_KEY": "google:gemini-2.5-flash",
}


@frozen
class Digest:
    """What is to be found under the headline of a newsletter."""

    title: str
    keywords: list[str]


@ef.stage
async def summarise(ctx: ef.StageContext[list[str]]) -> list[str]:
    """Ask for one sentence about each note, for all of them at once, each at most once."""

    async def one(ai: ef.ai.AIHelper, note: str) -> str:
        return await ai.generate_text(None, f"Say in one sentence what this is about:\n\n{note}")

    return await ctx.map(ctx.input, partial(one, ctx.ai.child("note")))


@ef.stage
async def headline(ctx: ef.StageContext[list[str]]) -> Digest:
    """Ask for a value of a type; what does not fit is shown to the model, and asked for again."""
    sentences = "\n".join(ctx.input)
    return await ctx.ai.generate_object(
        None, f"Find a short title and at most three keywords:\n\n{sentences}", Digest
    )


newsletter = (
    ef.define_workflow("newsletter", input=list[str]).pipe(summarise).pipe(headline).build()
)


def settings(leave: ExitStack) -> AISettings:
    """Name a provider whose key is in the environment, or else a server on this machine."""
    for variable, model in MODELS.items():
        if os.environ.get(variable):
            return AISettings(text_model=model)
    server = leave.enter_context(ModelServer())
    return AISettings(
        text_model="local:pretender",
        providers={"local": Endpoint(base_url=server.url, api_key="none-is-needed")},
        prices={"local:pretender": Price(input="0.25", output="2.00", version="this example")},
    )


def told(use: AIUse) -> str:
    """Say what some calls came to; what has no known price is said to have none."""
    cost = f"${use.cost:f}" if not use.unpriced else "a cost that is not known"
    return f"{use.calls} calls, {use.tokens.input} + {use.tokens.output} tokens, {cost}"


async def main() -> None:
    with ExitStack() as leave:
        chosen = settings(leave)
        print(f"asking {chosen.text_model}")
        async with ef.Runtime("memory://", [newsletter], ai=chosen) as runtime:
            await runtime.start()
            run = await runtime.create_run("newsletter", NOTES)
            digest = await run.result(timeout=120)
            for sentence in cast("list[str]", (await run.state()).stages["summarise"].output):
                print(f"  {sentence}")
            print(f"{digest.title}: {', '.join(digest.keywords)}")

            await run.rerun_from("headline", reason="another title, please")
            await run.result(timeout=120)
            ai = (await run.state()).ai
            print(f"spent:        {told(ai.spent.total)}")
            print(f"still counts: {told(ai.effective.total)}")
            print(f"of the notes: {told((await runtime.ai_stats(stage='summarise')).effective)}")
            history = await run.history()

    async with ef.Runtime("memory://", [newsletter], ai=replaying(history)) as runtime:
        again = await runtime.run_and_wait("newsletter", NOTES, timeout=30)
        print(f"the same again, without a model: {again == digest}")


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
