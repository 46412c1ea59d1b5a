"""The example that calls models asks the provider whose key is in the environment."""

import asyncio
from functools import partial
from pathlib import Path

from tests.ai.batch_provider import responses_answer
from tests.ai.provider import LoopbackProvider
from tests.examples.run_example import run_example

KEY = "sk-of-an-example-0815"


async def test_a_key_in_the_environment_chooses_its_provider(tmp_path: Path) -> None:
    """The real client is used, with the key, and what it cost is counted by the listed price."""
    form = responses_answer('{"title": "Harbour news", "keywords": ["oil"]}')
    async with LoopbackProvider() as provider:
        provider.answer(*[responses_answer("It is about oil.")] * 3, form, form)
        ended = await asyncio.to_thread(
            partial(
                run_example,
                "ai_summary.py",
                folder=tmp_path,
                OPENAI_API_KEY=KEY,
                OPENAI_BASE_URL=provider.url,
            )
        )
    assert (ended.stderr, ended.returncode) == ("", 0)
    assert "asking openai:gpt-5-mini" in ended.stdout
    assert "Harbour news: oil" in ended.stdout
    assert "spent:        5 calls, 500 + 100 tokens, $0.0" in ended.stdout
    assert "the same again, without a model: True" in ended.stdout
    assert KEY not in ended.stdout
    assert {each.headers["authorization"] for each in provider.requests} == {f"Bearer {KEY}"}
    assert len(provider.requests) == 5
