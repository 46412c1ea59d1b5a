"""What calls of models cost, by model, topic, workflow and run."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

import eventflow as ef
from eventflow.cli.exits import Exit
from eventflow.store.registry import open_store
from eventflow.testing.builders import Author
from tests.cli.conftest import Seed
from tests.cli.typed import Shell


@pytest.fixture
def called(url: str) -> str:
    """Fill a store with a run that called a model three times, once at an unknown price."""
    author = Author()

    async def fill() -> None:
        store = await open_store(url)
        await store.append([author.create(), author.claim()])
        for price in (Decimal("0.25"), Decimal("0.000004"), None):
            await store.append([author.call_model(price)])
        await store.close()

    asyncio.run(fill())
    return author.run_id


@pytest.mark.parametrize("by", ["model", "topic", "workflow", "run"])
def test_costs_are_exact_and_grouped(shell: Shell, called: str, by: str) -> None:
    """However they are grouped, the calls come to the same, exactly."""
    costs = shell("ai", "costs", "--by", by, "--json").data
    groups = {
        "model": "example:model",
        "topic": f"workflow.{called}.stage.a",
        "workflow": "analysis",
        "run": called,
    }
    assert list(costs["groups"]) == [groups[by]]
    assert costs["total"]["spent"]["calls"] == 3
    assert costs["total"]["spent"]["unpriced"] == 1
    assert costs["total"]["spent"]["cost"] == "0.250004"
    assert costs["groups"][groups[by]] == costs["total"]


def test_costs_are_drawn(shell: Shell, called: str) -> None:
    """The table has tokens and prices, and says which calls it leaves out; so has the run."""
    answer = shell("ai", "costs", called[:-2])
    assert "$0.25" in answer.out
    assert "1 call of unknown price left out" in answer.out
    assert "30" in answer.out
    shown = shell("run", "show", called).out
    assert "3 calls of models, $0.25" in shown
    assert "1 of unknown price left out" in shown
    assert "example:model, 10 + 5 tokens" in shell("run", "history", called).out


@pytest.mark.parametrize("by", ["model", "topic", "workflow", "run"])
def test_calls_outside_of_stages_are_counted(shell: Shell, url: str, called: str, by: str) -> None:
    """They belong to no workflow of the application, and are told apart, whatever is summed up."""

    async def call() -> None:
        async with ef.Runtime(url) as runtime:
            await runtime.create_ai_helper("billing").record_call("other:model", cost="0.5")

    asyncio.run(call())
    costs = shell("ai", "costs", "--by", by, "--json").data
    assert len(costs["groups"]) == 2
    assert costs["total"]["spent"]["calls"] == 4
    assert costs["total"]["spent"]["cost"] == "0.750004"


def test_a_price_that_nobody_knows_is_no_zero(shell: Shell, url: str) -> None:
    """Calls of which no price is known have a cost that is unknown."""

    async def call() -> None:
        async with ef.Runtime(url) as runtime:
            await runtime.create_ai_helper("a").record_call("other:model", input_tokens=5)

    asyncio.run(call())
    assert "unknown" in shell("ai", "costs").out
    assert "$0.00" not in shell("ai", "costs").out


def test_costs_are_narrowed(shell: Shell, called: str) -> None:
    """Topics and stages narrow calls, workflows and times narrow runs, and neither the other."""
    assert shell("ai", "costs", "--stage", "b", "--json").data["total"]["spent"]["calls"] == 0
    assert (
        shell("ai", "costs", "--topic", "workflow", "--json").data["total"]["spent"]["calls"] == 3
    )
    nothing = shell("ai", "costs", "--by", "run", "--workflow", "other")
    assert (nothing.code, nothing.out) == (0, "")
    assert "No calls" in nothing.err
    for wrong in (("--by", "run", "--stage", "a"), ("--workflow", "analysis")):
        assert shell("ai", "costs", *wrong).code == Exit.USAGE


def test_a_log_is_signed_and_proven(shell: Shell, seed: Seed, folder: Path) -> None:
    """A checkpoint is signed, goes on from an earlier one, and proves the store and an export."""
    signing = pytest.importorskip("eventflow.engine.signing")
    pytest.importorskip("cryptography")
    key = signing.SigningKey.generate()
    (folder / "key.pem").write_bytes(key.to_pem("geheim"))
    (folder / "password").write_text("geheim\n")
    (folder / "public.pem").write_bytes(key.public_pem())
    signed = ("store", "checkpoint", "--key", "key.pem", "--password-file", "password")
    first = shell(*signed, "-o", "1.json", "--json")
    assert first.code == 0, first.err
    refused = shell(*signed, "-o", "1.json")
    assert refused.code == Exit.REFUSED
    assert shell("run", "signal", "latest", "approval", "-y").code == 0
    second = shell(*signed, "-o", "2.json", "--previous", "1.json", "--json").data
    assert second["previous"]["root"] == first.data["root"]
    proven = shell("store", "verify", "--checkpoint", "2.json", "--public-key", "public.pem")
    assert proven.code == 0, proven.err
    assert shell("run", "export", "-o", "x.jsonl", "--checkpoint", "2.json").code == 0


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (("store", "checkpoint", "--key", "none.pem", "-o", "x"), Exit.NOT_FOUND),
        (("store", "checkpoint", "--key", "shop.py", "-o", "x"), Exit.USAGE),
        (("store", "verify", "--checkpoint", "shop.py"), Exit.USAGE),
        (
            ("store", "verify", "--checkpoint", "shop.py", "--public-key", "shop.py"),
            Exit.USAGE,
        ),
    ],
)
def test_wrong_keys_and_checkpoints_are_refused(
    shell: Shell, seed: Seed, line: tuple[str, ...], code: Exit
) -> None:
    """A file that is missing, or is no key or checkpoint, is refused without showing it."""
    answer = shell(*line)
    assert answer.code == code, answer.err
    assert "import asyncio" not in answer.err
