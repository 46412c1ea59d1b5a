"""A stage that fails is tried again, and each attempt stays in the history with its error."""

import asyncio

from attrs import frozen
from quiet_logs import quiet_logs

import eventflow as ef

ANSWERS_AT = 3


@frozen
class Address:
    """Where to ask."""

    host: str


class LineBusy(Exception):
    """The other side does not answer at the moment."""


@ef.stage(retry=ef.Retry(max_attempts=5, initial=0.1, factor=2.0))
async def call(ctx: ef.StageContext[Address]) -> str:
    """Get through at last, or fail and be tried again."""
    if ctx.attempt < ANSWERS_AT:
        raise LineBusy(f"{ctx.input.host} is busy")
    return f"connected to {ctx.input.host}"


calling = ef.define_workflow("calling", input=Address).pipe(call).build()


async def main() -> None:
    async with ef.Runtime("memory://", [calling], job_poll_interval=0.05) as runtime:
        await runtime.start()
        run = await runtime.create_run("calling", Address("example.org"))
        print(await run.result(timeout=10))
        for fact in await run.history():
            print(f"{fact.version:2}  {fact.type:22} {_error(fact.event)}".rstrip())


def _error(event: object) -> str:
    error = getattr(event, "error", None)
    return f"{error.message}; again after {getattr(event, 'delay', 0):.1f} s" if error else ""


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
