"""A long job: texts are embedded by a service that takes its time, and the process does not last.

Each batch is handed in by a durable step. The stage then waits without a worker until all batches
are done. The first worker is killed while it hands the batches in, and the second one while the run
waits; the third finishes, and the service has made no batch twice.
"""

import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Callable
from functools import partial
from math import dist
from pathlib import Path
from urllib.request import Request, urlopen

from attrs import frozen
from embedding_service import EmbeddingService
from quiet_logs import quiet_logs

import eventflow as ef

TEXTS = [
    "the milkman came at dawn",
    "a lion sleeps in the shade",
    "at dawn came the milkman",
    "lions sleep in deep shades",
    "rain falls on the quay",
    "on the quay, rain has fallen",
    "a violin in an empty hall",
    "in an empty hall, a violin",
]


@frozen
class Service:
    """Where the service is, and how much it takes at once."""

    url: str
    texts_in_a_batch: int = 2


@frozen
class Batch:
    """Some of the texts, under a key that is the same in every attempt."""

    key: str
    texts: list[str]


@frozen
class Embedded:
    """A text and its vector."""

    text: str
    vector: list[float]


@ef.stage
async def embed(
    ctx: ef.StageContext[list[str], Service],
) -> list[Embedded] | ef.Suspended[list[Batch]]:
    """Hand in all batches, each once, and wait."""
    size = ctx.config.texts_in_a_batch
    key = ctx.idempotency_key.replace(":", "-")
    batches = [
        Batch(f"{key}-{first}", ctx.input[first : first + size])
        for first in range(0, len(ctx.input), size)
    ]
    await ctx.map(batches, partial(hand_in, ctx.config.url), concurrency=1)
    return ef.Suspended(batches, check_after=0.3, max_wait=24 * 3600)


def hand_in(url: str, batch: Batch) -> str:
    """Give a batch to the service; a plain function, so a thread may wait for the answer."""
    request = Request(  # noqa: S310 - the service of this example
        f"{url}/batches",
        data=json.dumps(batch.texts).encode(),
        headers={"Idempotency-Key": batch.key},
        method="POST",
    )
    with urlopen(request, timeout=10) as response:  # noqa: S310 - as above
        answer: dict[str, str] = json.load(response)
    return answer["batch"]


@embed.check
def embedded(
    state: list[Batch], ctx: ef.StageContext[list[str], Service]
) -> ef.Pending | ef.Ready[list[Embedded]]:
    """Ask for the vectors of all batches."""
    found: list[Embedded] = []
    for batch in state:
        with urlopen(f"{ctx.config.url}/batches/{batch.key}", timeout=10) as response:  # noqa: S310 - as above
            vectors = json.load(response)["vectors"]
        if vectors is None:
            return ef.Pending()
        found += map(Embedded, batch.texts, vectors)
    return ef.Ready(found)


@ef.stage
async def pair(ctx: ef.StageContext[list[Embedded]]) -> dict[str, str]:
    """Find the nearest neighbour of each text."""

    def nearest(one: Embedded) -> Embedded:
        others = (each for each in ctx.input if each is not one)
        return min(others, key=lambda other: dist(one.vector, other.vector))

    return {each.text: nearest(each).text for each in ctx.input}


library = ef.define_workflow("library", input=list[str]).pipe(embed).pipe(pair).build()


async def work(store: str) -> None:
    """Be a worker until the end."""
    async with ef.Runtime(
        store, [library], job_poll_interval=0.1, stale_job_threshold=1.0
    ) as runtime:
        await runtime.serve()


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something that happens elsewhere."""
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 - in another thread
            await asyncio.sleep(0.02)


async def suspended(run: ef.Run) -> None:
    """Wait until the run waits."""
    async for fact in run.events():
        if fact.type == "stage.suspended":
            return


async def main(store: str, service: EmbeddingService) -> None:
    async def start_worker() -> Process:
        return await asyncio.create_subprocess_exec(sys.executable, __file__, store)

    async with ef.Runtime(store, [library]) as runtime:
        run = await runtime.create_run(
            "library", TEXTS, config={"embed": {"url": service.url}}, idempotency_key="library-1"
        )
        worker = await start_worker()
        try:
            await until(lambda: len(service.batches) == len(TEXTS) // 4)
            worker.kill()
            print("killed a worker that had handed in 2 of 4 batches")
            await worker.wait()

            worker = await start_worker()
            await suspended(run)
            worker.kill()
            print("killed the next one while the run was suspended")
            await worker.wait()

            worker = await start_worker()
            for text, neighbour in (await run.result(timeout=30)).items():
                print(f"  {text:<28} {neighbour}")
            print(f"batches that the service has made: {len(service.batches)}")
        finally:
            worker.terminate()
            await worker.wait()


if __name__ == "__main__":
    quiet_logs()
    if sys.argv[1:]:
        asyncio.run(work(sys.argv[1]))
    else:
        with EmbeddingService() as running, tempfile.TemporaryDirectory() as folder:
            asyncio.run(main(f"sqlite:///{Path(folder, 'library.db')}", running))
