"""A workflow with a batch stage, and a worker for it as a process of its own, which may be killed.

`python -m tests.ai.batch_worker STORE PROVIDER` works until it is told to stop.
"""

import asyncio
import sys
from typing import Any

import structlog
from attrs import frozen

import eventflow as ef
from eventflow.ai import AISettings, Endpoint, batch_stage
from tests.ai.desk import KEY


@frozen
class Label:
    """An answer of some form."""

    name: str


@frozen
class Texts:
    """What is asked."""

    texts: dict[str, str]


@batch_stage(
    model="openai:gpt-4o-mini", schema=Label, check_after=1, retry=ef.Retry(max_attempts=9)
)
async def label(ctx: ef.StageContext[Texts]) -> dict[str, str]:
    """Give a prompt for each text."""
    return ctx.input.texts


LABELS = ef.define_workflow("labels", input=Texts).pipe(label).build()


def settings(url: str, **options: Any) -> AISettings:  # noqa: ANN401 - of the settings
    """Reach the provider of a test as that of OpenAI."""
    return AISettings(providers={"openai": Endpoint(base_url=url, api_key=KEY)}, **options)


async def main(store: str, url: str) -> None:
    """Be a worker that looks often."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    async with ef.Runtime(
        store,
        [LABELS],
        ai=settings(url),
        job_poll_interval=0.1,
        stale_job_threshold=3.0,
    ) as runtime:
        await runtime.serve()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
