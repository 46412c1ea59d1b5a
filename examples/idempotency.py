"""A request that is sent twice creates one run; the same key for another request is refused."""

import asyncio

from attrs import frozen
from quiet_logs import quiet_logs

import eventflow as ef


@frozen
class Order:
    """What was ordered."""

    item: str
    amount: int


@ef.stage
async def charge(ctx: ef.StageContext[Order]) -> str:
    """Hand a key to the payment service that is the same at every attempt."""
    return f"charged {ctx.input.amount} for {ctx.input.item} under key {ctx.idempotency_key[-8:]}"


shop = ef.define_workflow("shop", input=Order).pipe(charge).build()


async def main() -> None:
    async with ef.Runtime("memory://", [shop]) as runtime:
        await runtime.start()
        first = await runtime.create_run("shop", Order("tea", 4), idempotency_key="order-17")
        again = await runtime.create_run("shop", Order("tea", 4), idempotency_key="order-17")
        print(f"the same run: {first.id == again.id}")
        print(await again.result(timeout=10))
        try:
            await runtime.create_run("shop", Order("tea", 5), idempotency_key="order-17")
        except ef.IdempotencyMismatch as error:
            print(f"refused: {str(error).split(',')[0]}")


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
