"""Small workflows that several scenarios share, and ways to look at what happened."""

from attrs import frozen

import eventflow as ef


@ef.stage
async def double(ctx: ef.StageContext[int]) -> int:
    """Double the number."""
    return ctx.input * 2


@ef.stage
async def add_ten(ctx: ef.StageContext[int]) -> int:
    """Add ten."""
    return ctx.input + 10


@ef.stage
async def triple(ctx: ef.StageContext[int]) -> int:
    """Triple the number."""
    return ctx.input * 3


@ef.stage(id="format")
async def format_number(ctx: ef.StageContext[int]) -> str:
    """Say the number."""
    return f"Final: {ctx.input}"


ARITHMETIC = (
    ef.define_workflow("arithmetic", input=int)
    .pipe(double)
    .pipe(add_ten)
    .pipe(triple)
    .pipe(format_number)
    .build()
)


@frozen
class Limits:
    """A config with a bound."""

    smallest: int = 1
    largest: int = 10


async def types(run: ef.Run) -> list[str]:
    """The types of all events of a run."""
    return [envelope.type for envelope in await run.history()]


async def stages_of(run: ef.Run, kind: str) -> list[str]:
    """The stages of the events of one type, in order."""
    return [
        envelope.event.stage  # type: ignore[union-attr, misc]
        for envelope in await run.history()
        if envelope.type == kind
    ]
