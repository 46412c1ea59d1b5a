"""What is recorded of a call: as the policy has it, at its exact cost, and whatever happens."""

import asyncio
import gc
from decimal import Decimal
from typing import Any

import pytest

from eventflow.ai import AICallFailed, AISettings, Price
from eventflow.ai.ledger import digest
from eventflow.ai.testing import Answer, ScriptedEmbeddings, ScriptedModel
from eventflow.core.ai import Tokens
from eventflow.core.events import AICalled
from eventflow.errors import InvalidInput, InvalidSettings, StoreUnavailable
from eventflow.store.codec import decode, encode
from tests.ai.desk import Kept, helper

MODEL = "example:small"


async def called(answer: object = "Hello.", **options: Any) -> AICalled:  # noqa: ANN401 - those of AISettings
    """Record one call of a scripted model."""
    kept = Kept()
    models = {MODEL: ScriptedModel(answer, name=MODEL)}
    await helper(AISettings(models=models, **options), kept).generate_text(MODEL, "Hi.")
    return kept.only


async def test_everything_is_kept_by_default() -> None:
    """Prompt, settings and answer are in the event, as plain data."""
    call = await called()
    assert call.policy == "full"
    assert call.prompt == {
        "messages": [
            {"kind": "request", "parts": [{"content": "Hi.", "part_kind": "user-prompt"}]}
        ],
        "settings": {"temperature": 0.7},
    }
    assert call.response == [{"content": "Hello.", "part_kind": "text"}]
    assert call.request_hash == digest([MODEL, call.prompt])


async def test_a_digest_is_kept_if_the_policy_says_so() -> None:
    """It proves what was asked and answered, and does not tell it."""
    full, hashed = await called(), await called(policy="hash")
    assert hashed.prompt == f"sha256:{digest(full.prompt)}"
    assert hashed.response == f"sha256:{digest(full.response)}"
    assert hashed.request_hash == full.request_hash
    assert hashed.tokens == full.tokens


async def test_nothing_is_kept_if_the_policy_says_so() -> None:
    """Tokens, cost and the digest of the request are in the event all the same."""
    call = await called(policy="none")
    assert (call.prompt, call.response) == (None, None)
    assert call.tokens is not None


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"policy": "everything"}, "no policy 'everything'; there are: full, hash, none"),
    ({"prices": {"m": 0.5}}, r"prices\['m'\] is Price\(...\) by name, not float"),
    ({"prices": [Price(input="1")]}, "prices is a mapping by name, not list"),
    (
        {"providers": {"local": "http://secret@host"}},
        r"providers\['local'\] is Endpoint\(...\) by name, not str$",
    ),
]


@pytest.mark.parametrize(("wrong", "says"), SETTINGS)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any], says: str) -> None:
    """It is found out when the settings are made, and not when a call has been paid for."""
    with pytest.raises(InvalidSettings, match=says):
        AISettings(**wrong)


async def test_a_price_list_that_fails_loses_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is paid is recorded, with a cost that is unknown."""

    def broken(*_: object, **__: object) -> None:
        raise TypeError("of the list")

    monkeypatch.setattr("genai_prices.calc_price", broken)
    model = ScriptedModel("Hello.", name="openai:gpt-4o-mini")
    kept = Kept()
    ai = helper(AISettings(models={"m": model}), kept)
    assert await ai.generate_text("m", "x") == "Hello."
    assert (kept.only.tokens is None, kept.only.cost) == (False, None)


PRICES: list[tuple[str, dict[str, Price], str | None]] = [
    ("as it was asked for", {MODEL: Price(input="1")}, "0.0001"),
    ("by provider and model", {"example:small-2": Price(input="2")}, "0.0002"),
    ("as the provider names it", {"small-2": Price(input="3")}, "0.0003"),
    ("another model", {"example:large": Price(input="1")}, None),
    ("nothing at all", {MODEL: Price(input="0")}, "0"),
]


@pytest.mark.parametrize(
    ("prices", "cost"), [each[1:] for each in PRICES], ids=[p[0] for p in PRICES]
)
async def test_prices_of_ones_own(prices: dict[str, Price], cost: str | None) -> None:
    """A price is found by any name of a model; zero is a price, and no price is none."""
    answer = Answer("x", input_tokens=100, output_tokens=50, model="small-2")
    call = await called(answer, prices=prices)
    assert call.cost == (None if cost is None else Decimal(cost))
    assert call.price_version == (None if cost is None else "own")


def test_a_price_counts_each_kind_of_token() -> None:
    """Cached tokens are part of the input and have prices of their own, if they are given."""
    tokens = Tokens(input=1_000_000, output=1_000_000, cache_read=400_000, cache_write=100_000)
    whole = Price(input="1", output="10")
    assert whole.of(tokens) == Decimal(11)
    parts = Price(input="1", output="10", cache_read="0.1", cache_write="1.25")
    assert parts.of(tokens) == Decimal("0.5") + Decimal("0.04") + Decimal("0.125") + 10


def test_the_smallest_price_is_exact() -> None:
    """One token of the cheapest model costs what it costs."""
    assert Price(input="0.0000001").of(Tokens(input=1)) == Decimal("1e-13")


@pytest.mark.parametrize("given", ["-1", "NaN", "much", "Infinity"])
def test_a_price_is_a_number_from_zero(given: str) -> None:
    """Anything else is refused when the settings are made."""
    with pytest.raises(InvalidSettings):
        Price(input=given)


async def test_a_listed_price_says_which_list() -> None:
    """The version of the price data is in the event."""
    kept = Kept()
    await helper(AISettings(), kept).record_call(
        "openai:gpt-4o-mini", input_tokens=1_000_000, output_tokens=1_000_000
    )
    assert kept.only.cost == Decimal("0.75")
    assert str(kept.only.price_version).startswith("genai-prices ")


async def test_a_call_that_was_made_elsewhere() -> None:
    """All that is known of it is kept, and its cost is exact."""
    kept = Kept()
    await helper(AISettings(), kept).record_call(
        "other:model",
        prompt={"text": "Hi."},
        response="Hello.",
        input_tokens=10,
        output_tokens=5,
        reasoning_tokens=2,
        cost="0.1",
        duration=1.5,
        finish_reason="stop",
    )
    call = kept.only
    assert (call.kind, call.provider, call.model) == ("recorded", "other", "model")
    assert call.tokens == Tokens(input=10, output=5, reasoning=2)
    assert (call.cost, call.price_version) == (Decimal("0.1"), "given")
    assert call.duration == pytest.approx(1.6)
    assert (call.prompt, call.response) == ({"text": "Hi."}, "Hello.")


async def test_a_float_is_the_number_that_it_is_written_as() -> None:
    """A tenth of a dollar is a tenth, and not what binary makes of it."""
    kept = Kept()
    await helper(AISettings(), kept).record_call("m", cost=0.1)
    assert kept.only.cost == Decimal("0.1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_tokens": -1},
        {"output_tokens": 1.5},
        {"input_tokens": True},
        {"cost": "-1"},
        {"cost": "NaN"},
        {"duration": float("inf")},
        {"duration": -1.0},
        {"prompt": 1j},
    ],
    ids=str,
)
async def test_what_cannot_be_is_not_recorded(wrong: dict[str, Any]) -> None:
    """Nothing is written that a later reader could not understand."""
    kept = Kept()
    with pytest.raises(InvalidInput):
        await helper(AISettings(), kept).record_call("m", **wrong)
    assert kept.calls == []


async def test_an_answer_that_is_no_unicode_is_recorded_all_the_same() -> None:
    """A paid call is not lost for half a surrogate pair; the log spells it out."""
    call = await called("half \ud83d pair")
    assert "\\\\ud83d" in repr(call.response)
    kind, schema, data = encode(call)
    assert decode(kind, schema, data) == call


async def test_a_call_is_recorded_although_its_task_is_cancelled_meanwhile() -> None:
    """An answer that has come is paid, so the cancellation waits until it is in the log."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Kept):
        async def record(self, call: AICalled, *, with_result: bool = False) -> None:
            begun.set()
            await go_on.wait()
            await super().record(call, with_result=with_result)

    kept = Slow()
    ai = helper(AISettings(models={MODEL: ScriptedModel("Hello.", name=MODEL)}), kept)
    task = asyncio.create_task(ai.generate_text(MODEL, "Hi."))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kept.only.error is None


async def test_a_cancellation_hides_no_error_that_nobody_could_handle() -> None:
    """If recording fails while the task is cancelled, the cancellation is what goes on."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    class Away(Kept):
        async def record(self, call: AICalled, *, with_result: bool = False) -> None:  # noqa: ARG002
            begun.set()
            await go_on.wait()
            raise StoreUnavailable("away")

    ai = helper(AISettings(models={MODEL: ScriptedModel("Hello.", name=MODEL)}), Away())
    task = asyncio.create_task(ai.generate_text(MODEL, "Hi."))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait({task})
    assert task.cancelled()
    del task
    gc.collect()
    assert told == []


async def test_what_a_helper_gives_can_be_counted() -> None:
    """Children count for their parents, and not the other way round."""
    kept = Kept()
    models = {MODEL: ScriptedModel(name=MODEL), "vectors": ScriptedEmbeddings()}
    ai = helper(AISettings(models=models), kept)
    child = ai.child("chapter", 3)
    await child.generate_text(MODEL, "x")
    await child.child("part.of.it").embed("vectors", "x")
    assert [call.topic for call in kept.calls] == [
        "test.chapter.3",
        "test.chapter.3.part%2Eof%2Eit",
    ]
    assert (await ai.stats()).calls == (await child.stats()).calls == 2
    assert (await ai.child("chap").stats()).calls == 0


@pytest.mark.parametrize("parts", [("",), ("a", "")])
async def test_a_segment_has_a_name(parts: tuple[str, ...]) -> None:
    """A topic has no empty places."""
    with pytest.raises(InvalidInput):
        helper(AISettings(), Kept()).child(*parts)


async def test_no_text_has_no_vectors() -> None:
    """Nothing is asked of the provider, and nothing recorded."""
    kept = Kept()
    ai = helper(AISettings(models={"vectors": ScriptedEmbeddings()}), kept)
    assert await ai.embed("vectors", []) == []
    assert kept.calls == []


@pytest.mark.parametrize(
    ("model", "settings", "says"),
    [
        (None, AISettings(), "No model is named"),
        ("small", AISettings(), "Unknown model"),
        ("nobody:small", AISettings(), "Unknown provider: nobody"),
        ("a", AISettings(models={"a": "b", "b": "a"}), "stands for itself"),
    ],
    ids=["none", "no provider", "unknown provider", "circle"],
)
async def test_a_model_that_is_none_is_refused_before_anything_is_asked(
    model: str | None, settings: AISettings, says: str
) -> None:
    """The error says what to do, and no call is recorded."""
    kept = Kept()
    with pytest.raises(InvalidSettings, match=says):
        await helper(settings, kept).generate_text(model, "x")
    assert kept.calls == []


async def test_the_settings_name_models_for_all_calls() -> None:
    """None is the model of the settings, and a name of one's own stands for another."""
    kept = Kept()
    scripted = ScriptedModel("a", "b", name=MODEL)
    settings = AISettings(
        text_model="fast",
        embedding_model="vectors",
        models={"fast": MODEL, MODEL: scripted, "vectors": ScriptedEmbeddings()},
    )
    ai = helper(settings, kept)
    assert await ai.generate_text(None, "x") == "a"
    assert await ai.generate_text(scripted, "x") == "b"
    assert await ai.embed(None, "x")
    assert [call.requested_model for call in kept.calls] == ["fast", MODEL, "vectors"]


@pytest.mark.parametrize("prompt", [b"bytes", 5, None])
async def test_a_prompt_is_a_text_or_parts(prompt: object) -> None:
    """Anything else is refused before it is paid for."""
    model = ScriptedModel()
    with pytest.raises(InvalidInput, match="A prompt is a text"):
        await helper(AISettings(models={MODEL: model}), Kept()).generate_text(MODEL, prompt)
    assert model.asked == []


async def test_waiting_is_for_threads() -> None:
    """In a coroutine, one awaits."""
    ai = helper(AISettings(models={MODEL: ScriptedModel()}), Kept())
    with pytest.raises(RuntimeError, match="await the call"):
        ai.wait(ai.generate_text(MODEL, "x"))


async def test_a_failed_call_is_counted_and_has_no_price() -> None:
    """An error that used nothing has cost nothing that anybody could know."""
    kept = Kept()
    ai = helper(AISettings(models={MODEL: ScriptedModel(ValueError("no"), name=MODEL)}), kept)
    with pytest.raises(AICallFailed, match="The call of example:small failed: no"):
        await ai.generate_text(MODEL, "x")
    spent = (await ai.stats()).spent
    assert (spent.calls, spent.failed, spent.unpriced) == (1, 1, 0)
    assert kept.only.error is not None
    assert kept.only.error.type == "builtins.ValueError"
