"""The workflow of the demonstration: orders that are checked, paid, packed and sent."""

import asyncio

from attrs import frozen

from eventflow.core.retry import Retry
from eventflow.definition.builder import define_workflow
from eventflow.definition.context import StageContext
from eventflow.definition.outcomes import Failed, Pending, Ready, Reenter, Suspended
from eventflow.definition.stage import stage

CARRIER_NEEDS = 1.2
"""Seconds after which the carrier of the demonstration has fetched a parcel."""


@frozen
class Order:
    """What a customer wants."""

    customer: str
    items: list[str]


@frozen
class Packing:
    """How parcels are packed."""

    gift_wrap: bool = False


@stage
async def check(ctx: StageContext[Order]) -> Order:
    """Look whether everything is in stock."""
    for number, item in enumerate(ctx.input.items, start=1):
        await asyncio.sleep(0.15)
        await ctx.progress(number / len(ctx.input.items), f"{item} is in stock")
    return ctx.input


@stage(retry=Retry(max_attempts=3, initial=0.4))
async def pay(ctx: StageContext[Order]) -> str:
    """Charge the customer; the first attempt of an order of tea fails."""
    await asyncio.sleep(0.3)
    if ctx.attempt == 1 and "tea" in ctx.input.items:
        raise ConnectionError("the payment service did not answer")
    return f"{ctx.input.customer} paid"


@stage
async def pack(ctx: StageContext[Order, Packing]) -> str:
    """Put everything into a parcel."""
    for number, item in enumerate(ctx.input.items, start=1):
        await asyncio.sleep(0.25)
        await ctx.progress(number / len(ctx.input.items), f"packed {item}")
    wrapped = " in gift wrap" if ctx.config.gift_wrap else ""
    return f"a parcel of {len(ctx.input.items)}{wrapped}"


@stage(state=str)
async def send(ctx: StageContext[dict[str, str]]) -> str | Suspended[str]:
    """Hand the parcel to a carrier, and wait without holding a worker until it was fetched."""
    await asyncio.sleep(0.1)
    return Suspended(ctx.input["pack"], check_after=CARRIER_NEEDS)


@send.check
async def fetched(
    state: str, ctx: StageContext[dict[str, str]]
) -> Pending | Ready[str] | Reenter | Failed:
    """Ask the carrier."""
    await ctx.log("the carrier was there", parcel=state)
    return Ready(f"{state}, on its way")


orders = (
    define_workflow("orders", name="Orders", input=Order)
    .pipe(check)
    .parallel(pay, pack)
    .pipe(send)
    .build()
)
