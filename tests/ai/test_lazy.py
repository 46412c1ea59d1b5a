"""Nobody pays for models who calls none, and who lacks the extra is told what to install."""

import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module

import pytest

from eventflow.ai import AISettings
from eventflow.errors import ExtraMissing
from tests.ai.desk import Kept, helper

LIBRARIES = ("pydantic_ai", "genai_prices", "openai", "anthropic", "google.genai")

IMPORTS = """
import asyncio, sys
import eventflow as ef
assert "eventflow.ai" not in sys.modules
import eventflow.ai
async def main():
    async with ef.Runtime("memory://") as runtime:
        helper = runtime.create_ai_helper("topic").child("part", 1)
        await helper.record_call("other:model", cost="0.1")
        assert (await helper.stats()).calls == 1
asyncio.run(main())
found = [name for name in {libraries!r} if name in sys.modules]
assert not found, found
"""


def test_importing_and_counting_load_no_library() -> None:
    """Only a call, or a price that must be looked up, loads one."""
    code = IMPORTS.format(libraries=LIBRARIES)
    subprocess.run((sys.executable, "-c", code), check=True, timeout=60, capture_output=True)


REACHED = """
import sys
import eventflow as ef
assert callable(ef.ai.batch_stage) and ef.ai is sys.modules["eventflow.ai"]
from eventflow import ai
assert ai is ef.ai
try:
    ef.unknown
except AttributeError as error:
    assert "unknown" in str(error)
"""


def test_it_is_reached_through_the_package() -> None:
    """`ef.ai` is there without an import of its own, and any other name is none."""
    subprocess.run((sys.executable, "-c", REACHED), check=True, timeout=60, capture_output=True)


def without(names: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it look as if libraries were not installed."""
    for name in [*sys.modules]:
        if name.startswith("eventflow.ai.") or name.partition(".")[0] in names:
            monkeypatch.delitem(sys.modules, name)
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("call", ["generate_text", "embed", "stream_text", "model"])
async def test_a_missing_extra_is_said_clearly(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how to install it, whatever is called first."""
    ai = helper(AISettings(), Kept())
    without(["pydantic_ai"], monkeypatch)

    async def make() -> None:
        made = getattr(ai, call)(*["openai:gpt-5-mini", "x"][: 1 if call == "model" else 2])
        await made

    with pytest.raises(ExtraMissing, match=r"pip install 'eventflow-engine\[ai\]'"):
        await make()


def test_scripted_models_need_the_extra_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are models of the library."""
    without(["pydantic_ai"], monkeypatch)
    with pytest.raises(ExtraMissing, match=r"eventflow-engine\[ai\]"):
        import_module("eventflow.ai.testing")


async def test_a_price_is_unknown_without_its_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that was made elsewhere is recorded all the same."""
    kept = Kept()
    ai = helper(AISettings(), kept)
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    await ai.record_call("openai:gpt-4o-mini", input_tokens=10, output_tokens=5)
    assert (kept.only.cost, kept.only.price_version) == (None, None)
