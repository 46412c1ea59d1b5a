"""Measures what recording adds to a call of a model: the same call with it and without it.

Both call one scripted model, turn about, so that neither the network nor the weather on the machine
is measured. Run it with the stores to record in; by default memory and SQLite:
`python -m tests.benchmarks.ai_overhead postgresql://...`. It fails if recording adds more than
`MOST` to the median of any kind of call.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any, TypeAlias

import structlog
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

import eventflow as ef
from eventflow.ai import AIHelper, AISettings, Price
from eventflow.ai.testing import Answer, ScriptedEmbeddings, ScriptedModel
from eventflow.store.registry import open_store
from eventflow.testing.builders import Author

MODEL = "example:small"
PROMPT = "Summarise the following text in one sentence. " + "The words of the text. " * 100
ANSWER = "A sentence. " * 20
CALLS = 1_000
WARM_UP = 50
MOST = 1.0
"""Milliseconds that recording may add to the median."""

Call: TypeAlias = Callable[[], Awaitable[object]]


class Endless(ScriptedModel):
    """A scripted model that keeps no account of what it was asked, and always says the same."""

    def _next(self, *_: Any) -> Answer:  # noqa: ANN401 - as its base has it
        return Answer(ANSWER)


async def time_of(call: Call) -> float:
    """Tell the milliseconds that one call takes."""
    started = time.perf_counter()
    await call()
    return (time.perf_counter() - started) * 1_000


async def compare(name: str, bare: Call, recorded: Call) -> float:
    """Make both calls turn about, print their medians, and give the difference."""
    for _ in range(WARM_UP):
        await bare()
        await recorded()
    times = [(await time_of(bare), await time_of(recorded)) for _ in range(CALLS)]
    without, with_it = (median(column) for column in zip(*times, strict=True))
    added: float = with_it - without
    print(f"  {name:<10} {without:8.3f} ms bare {with_it:8.3f} ms recorded  {added:+8.3f} ms")
    return added


async def ask(model: Model) -> ModelResponse:
    """Ask for a text as an application without eventflow would."""
    settings = ModelSettings(temperature=0.7)
    return await model_request(
        model, [ModelRequest.user_text_prompt(PROMPT)], model_settings=settings
    )


async def read(model: Model) -> None:
    """Read a stream to its end."""
    request = [ModelRequest.user_text_prompt(PROMPT)]
    parameters = ModelRequestParameters()
    async with model_request_stream(model, request, model_request_parameters=parameters) as stream:
        async for _ in stream:
            pass


async def read_recorded(helper: AIHelper) -> None:
    """Read a stream to its end, and so record it."""
    async for _ in helper.stream_text(MODEL, PROMPT):
        pass


async def append_alone(url: str) -> float:
    """Tell the median of what the store itself takes to append an event with the same texts."""
    store = await open_store(url)
    author = Author()
    try:
        await store.append([author.create()])
        notes = [author.note(PROMPT + ANSWER) for _ in range(CALLS // 4)]
        return median([await time_of(lambda each=note: store.append([each])) for note in notes])  # type: ignore[misc]
    finally:
        await store.close()


async def measure(url: str) -> float:
    """Measure every kind of call with the events going to one store; give the worst difference."""
    model, vectors = Endless(name=MODEL), ScriptedEmbeddings(dimensions=1_536)
    settings = AISettings(
        models={MODEL: model, "vectors": vectors}, prices={MODEL: Price(input="1", output="2")}
    )
    async with ef.Runtime(url, ai=settings) as runtime:
        helper = runtime.create_ai_helper("benchmark")
        response = ModelResponse(parts=[TextPart(ANSWER)])
        assert (await ask(model)).parts == response.parts
        print(f"{url.partition(':')[0]}: medians of {CALLS:,} calls each, turn about")
        print(f"  a bare append of as much text takes {await append_alone(url):.3f} ms")
        return max(
            await compare("text", lambda: ask(model), lambda: helper.generate_text(MODEL, PROMPT)),
            await compare("stream", lambda: read(model), lambda: read_recorded(helper)),
            await compare(
                "embedding",
                lambda: vectors.embed([PROMPT], input_type="document"),
                lambda: helper.embed("vectors", PROMPT),
            ),
        )


async def main(urls: list[str]) -> int:
    """Measure all stores; give 1 if recording adds too much."""
    structlog.configure(processors=[_drop])
    with tempfile.TemporaryDirectory() as folder:
        stores = urls or ["memory://", f"sqlite:///{folder}/log.db"]
        worst = max([await measure(url) for url in stores])
    print(f"at the most {worst:.3f} ms are added; the limit is {MOST:g} ms")
    return int(worst > MOST)


def _drop(*_: Any) -> Any:  # noqa: ANN401 - a processor of structlog
    raise structlog.DropEvent


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
