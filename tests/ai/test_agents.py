"""A full agent of the library that is handed a recording model: all its calls are in the log."""

from decimal import Decimal

from pydantic import BaseModel
from pydantic_ai import Agent, Embedder
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.fallback import FallbackModel

from eventflow.ai import AISettings, Price
from eventflow.ai.testing import Answer, ScriptedEmbeddings, ScriptedModel
from eventflow.ai.vectors import unpacked
from tests.ai.desk import Kept, helper, local
from tests.ai.provider import LoopbackProvider, Reply, chat, chat_stream


class City(BaseModel):
    """What the agent is to give."""

    name: str


async def test_every_request_of_an_agent_is_a_call(provider: LoopbackProvider) -> None:
    """Also those that answer tools, and those after an answer that did not fit."""
    kept = Kept()
    ai = helper(local(provider.url, prices={"local:small": Price(input="1")}), kept)

    def population(city: str) -> int:
        """Tell how many live in a city."""
        return len(city)

    provider.answer(
        chat(None, tool_calls=[("population", {"city": "Oslo"})]),
        chat(None, tool_calls=[("final_result", {"nome": "Oslo"})]),
        chat(None, tool_calls=[("final_result", {"name": "Oslo"})]),
    )
    agent = Agent(ai.model("local:small"), output_type=City, tools=[population])
    result = await agent.run("A city with few people?")
    assert result.output == City(name="Oslo")
    assert len(kept.calls) == 3
    assert result.usage.cost == sum((call.cost or 0 for call in kept.calls), Decimal(0))


async def test_the_stream_of_an_agent_is_a_call(provider: LoopbackProvider) -> None:
    """It is recorded when it ends."""
    kept = Kept()
    provider.answer(Reply(events=chat_stream("Good ", "morning.")))
    agent = Agent(helper(local(provider.url), kept).model("local:small"))
    async with agent.run_stream("Greet me.") as result:
        assert await result.get_output() == "Good morning."
    assert (kept.only.kind, kept.only.finish_reason) == ("stream", "stop")


async def test_each_model_behind_a_fallback_is_recorded() -> None:
    """The one that failed and the one that answered, each under its own name."""
    kept = Kept()
    models = {
        "first": ScriptedModel(ModelHTTPError(503, "first", None), name="example:first"),
        "second": ScriptedModel(Answer("Hello."), name="example:second"),
    }
    ai = helper(AISettings(models=models), kept)
    agent = Agent(FallbackModel(ai.model("first"), ai.model("second")))
    assert (await agent.run("Hi.")).output == "Hello."
    assert [(call.requested_model, call.error is None) for call in kept.calls] == [
        ("first", False),
        ("second", True),
    ]


async def test_a_fallback_of_models_is_asked_like_one() -> None:
    """A model object of the library that stands for several is called, and recorded, as one."""
    kept = Kept()
    ai = helper(AISettings(), kept)
    first = ScriptedModel(ModelHTTPError(503, "first", None), name="example:first")
    both = FallbackModel(first, ScriptedModel("Hello.", name="example:second"))
    assert await ai.generate_text(both, "x") == "Hello."
    assert (kept.only.model, kept.only.error) == ("second", None)


async def test_an_embedder_of_the_library_is_recorded() -> None:
    """Embedding models can be handed over as well."""
    kept = Kept()
    ai = helper(AISettings(models={"vectors": ScriptedEmbeddings()}), kept)
    result = await Embedder(ai.embedding_model("vectors")).embed_query("x")
    assert kept.only.kind == "embedding"
    assert unpacked(kept.only.response) == [list(result.embeddings[0])]
