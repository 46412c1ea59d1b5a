"""Batches by the real client of OpenAI on this machine: submitted once, and recorded once."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import eventflow as ef
from eventflow.ai import AISettings, Answers, Endpoint, batch_stage
from eventflow.core.ai import AICallKind
from eventflow.core.events import AICalled, StageLogged, StepCompleted
from eventflow.errors import BatchesNotListed, InvalidInput, InvalidSettings
from eventflow.store.memory import MemoryStore
from eventflow.testing.clock import ManualClock
from tests.ai.batch_provider import BatchProvider, responses_answer, text_of
from tests.ai.batch_worker import LABELS, Label, settings
from tests.ai.desk import KEY, Kept, helper
from tests.ai.provider import LoopbackProvider, Reply

ROOT = Path(__file__).parents[2]
MODEL = "openai:gpt-4o-mini"
PROMPTS = {"a": "first", "b": "second"}


@pytest.fixture
async def batches() -> AsyncIterator[BatchProvider]:
    """A provider of batches."""
    async with BatchProvider() as opened:
        yield opened


async def test_texts_come_back_by_id(batches: BatchProvider) -> None:
    """Every prompt gets its own answer, whatever the order in which the provider lists them."""
    kept = Kept()
    batch = helper(settings(batches.url), kept).batch(MODEL)
    handle = await batch.submit(PROMPTS)
    assert not await batch.ended(handle)
    batches.ended = True
    assert await batch.ended(handle)
    found = await batch.results(handle)
    assert {each.id: each.value for each in found} == {"a": "FIRST", "b": "SECOND"}


async def test_each_answer_is_recorded_at_the_price_of_a_batch(batches: BatchProvider) -> None:
    """Half the list price, exactly, with the id of the batch beside it."""
    kept = Kept()
    batch = helper(settings(batches.url), kept).batch(MODEL)
    handle = await batch.submit({"a": "first"})
    batches.ended = True
    await batch.results(handle)
    assert (kept.only.kind, kept.only.batch) == (AICallKind.BATCH, handle.id)
    # 100 at 0.15 and 20 at 0.60 a million, and half of that
    assert kept.only.cost == Decimal("0.0000135")
    assert kept.only.discount == Decimal("0.5")


async def test_an_answer_that_does_not_fit_says_so(batches: BatchProvider) -> None:
    """An invalid or failed item is a problem of its own, and never an empty object."""

    def answer(_: str, body: dict[str, Any]) -> dict[str, Any]:
        match text_of(body):
            case "good":
                return responses_answer('{"name": "x"}')
            case "bad":
                return responses_answer('{"nom": "x"}')
            case _:
                return {"error": {"message": f"too long, {KEY}", "code": "too_long"}}

    batches.answer = answer
    kept = Kept()
    batch = helper(settings(batches.url), kept).batch(MODEL)
    handle = await batch.submit({"1": "good", "2": "bad", "3": "ugly"}, Label)
    batches.ended = True
    good, bad, ugly = await batch.results(handle, Label)
    assert good.value == Label("x")
    assert bad.value is None
    assert "name" in str(bad.problem)
    assert ugly.value is None
    assert "too long" in str(ugly.problem)
    assert KEY not in str(ugly.problem)
    assert [call.error is None for call in kept.calls] == [True, True, False]


async def test_a_lost_batch_is_found_by_its_key(batches: BatchProvider) -> None:
    """What was submitted before a crash is known again by the names of its prompts."""
    kept = Kept()
    batch = helper(settings(batches.url), kept).batch(MODEL)
    handle = await batch.submit(PROMPTS, key="run:stage:0")
    since = handle.created_at
    assert await batch.find(PROMPTS, key="run:stage:1", since=since) is None
    found = await batch.find(PROMPTS, key="run:stage:0", since=since)
    assert found is not None
    assert (found.id, found.ids, found.key) == (handle.id, handle.ids, handle.key)


async def test_a_batch_is_found_among_others_that_are_done(batches: BatchProvider) -> None:
    """The prompts of a batch that was fetched are deleted at the provider; that hides no other."""
    batch = helper(settings(batches.url), Kept()).batch(MODEL)
    lost = await batch.submit(PROMPTS, key="run:stage:0")
    done = await batch.submit({"c": "third"})
    batches.ended = True
    await batch.results(done)
    found = await batch.find(PROMPTS, key="run:stage:0", since=lost.created_at)
    assert found is not None
    assert found.id == lost.id


async def test_a_provider_that_lists_nothing_says_so(batches: BatchProvider) -> None:
    """Nobody claims that there is no batch where nobody can look."""
    reached = AISettings(providers={"anthropic": Endpoint(base_url=batches.url, api_key=KEY)})
    batch = helper(reached, Kept()).batch("anthropic:claude-haiku-4-5")
    with pytest.raises(BatchesNotListed):
        await batch.find(PROMPTS, key="k", since=ManualClock().now(), max_tokens=100)


async def test_what_has_no_batches_is_refused(batches: BatchProvider) -> None:
    """A provider without batches is named, with those that have them; so is an empty batch."""
    local = AISettings(providers={"local": Endpoint(base_url=batches.url, api_key=KEY)})
    with pytest.raises(InvalidSettings, match="local:small has no batches"):
        await helper(local, Kept()).batch("local:small").submit(PROMPTS)
    with pytest.raises(InvalidInput, match="at least one prompt"):
        await helper(settings(batches.url), Kept()).batch(MODEL).submit({})


GIVEN = {"texts": {"a": '{"name": "x"}', "b": "no JSON"}}


def echo(_: str, body: dict[str, Any]) -> dict[str, Any]:
    """Answer with the prompt."""
    return responses_answer(text_of(body))


async def test_a_batch_is_a_stage(batches: BatchProvider) -> None:
    """It suspends while the provider works, and its answers are recorded with its output."""
    batches.answer = echo
    clock = ManualClock()
    store = clock.watch(MemoryStore())
    async with ef.Runtime(store, [LABELS], clock=clock, ai=settings(batches.url)) as runtime:
        await runtime.start()
        run = await runtime.create_run("labels", GIVEN)
        await clock.advance(1)
        while (await run.state()).status is not ef.Status.SUSPENDED:
            await clock.advance(1)
        batches.ended = True
        answers = await clock.run_until(run.result())
        assert answers == Answers({"a": Label("x")}, answers.problems)
        assert list(answers.problems) == ["b"]
        history = await run.history()
    calls = [each for each in history if isinstance(each.event, AICalled)]
    assert len(calls) == 2
    completed = next(each for each in history if each.type == "stage.completed")
    assert {each.op_id for each in calls} == {completed.op_id}
    assert len(batches.submitted) == 1


async def test_a_lost_submission_is_not_made_twice(batches: BatchProvider) -> None:
    """The provider took the batch and the answer was lost: the next attempt finds it."""
    batches.answer, batches.lose_answers = echo, 1
    clock = ManualClock()
    store = clock.watch(MemoryStore())
    async with ef.Runtime(store, [LABELS], clock=clock, ai=settings(batches.url)) as runtime:
        await runtime.start()
        run = await runtime.create_run("labels", GIVEN)
        await clock.advance(1)
        while (await run.state()).status is not ef.Status.SUSPENDED:
            await clock.advance(1)
        batches.ended = True
        await clock.run_until(run.result())
    assert len(batches.submitted) == 1


async def test_many_workers_ask_and_record_as_one(batches: BatchProvider) -> None:
    """However many look, one asks at a time, and each answer is recorded once."""
    batches.answer = echo
    clock = ManualClock()
    store = clock.watch(MemoryStore())
    async with AsyncExitStack() as workers:
        for _ in range(3):
            opened = ef.Runtime(store, [LABELS], clock=clock, ai=settings(batches.url))
            runtime = await workers.enter_async_context(opened)
            await runtime.start()
        run = await runtime.create_run("labels", GIVEN)
        await clock.advance(1)
        while (await run.state()).status is not ef.Status.SUSPENDED:
            await clock.advance(1)
        await clock.advance(10)
        assert 5 <= batches.asked <= 12  # once in a second, and not three times
        batches.ended = True
        await clock.run_until(run.result())
        kinds = [each.type for each in await run.history()]
    assert (kinds.count("ai.called"), kinds.count("stage.completed")) == (2, 1)


async def test_the_log_says_that_a_batch_may_exist(provider: LoopbackProvider) -> None:
    """A provider that lists nothing may have taken the batch, so it is asked with a warning."""

    @batch_stage(model="anthropic:claude-haiku-4-5", max_tokens=100)
    async def ask(ctx: ef.StageContext[str]) -> dict[str, str]:
        return {"a": ctx.input}

    lost = Reply(events=[], stop_after=0)
    taken = {
        "id": "msgbatch-1",
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": dict.fromkeys(
            ("processing", "succeeded", "errored", "canceled", "expired"), 0
        ),
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z",
    }
    provider.answer(lost, taken)
    url = provider.url.removesuffix("/v1")
    reached = AISettings(providers={"anthropic": Endpoint(base_url=url, api_key=KEY)})
    workflow = ef.define_workflow("asks", input=str).pipe(ask).build()
    clock = ManualClock()
    store = clock.watch(MemoryStore())
    async with ef.Runtime(store, [workflow], clock=clock, ai=reached) as runtime:
        await runtime.start()
        run = await runtime.create_run("asks", "Hi.")
        while (await run.state()).status is not ef.Status.SUSPENDED:
            await clock.advance(1)
        events = [each.event for each in await run.history()]
    (warning,) = [each for each in events if isinstance(each, StageLogged)]
    assert (warning.level, warning.message) == ("warning", "ai.batch.may_exist")
    steps = [each.name for each in events if isinstance(each, StepCompleted)]
    assert steps == ["intent", "submit"]
    assert len(provider.requests) == 2


async def test_a_batch_outlives_the_worker_that_submitted_it(
    batches: BatchProvider, tmp_path: Path
) -> None:
    """A worker is killed between submission and recording; the next one finds the batch."""
    batches.answer, batches.lose_answers, batches.keep_waiting = echo, 1, True
    store = f"sqlite:///{tmp_path / 'log.db'}"

    async def worker() -> asyncio.subprocess.Process:
        module = "tests.ai.batch_worker"
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, store, batches.url, cwd=ROOT
        )

    async with ef.Runtime(store, [LABELS]) as runtime:
        run = await runtime.create_run("labels", GIVEN)
        first = await worker()
        await until(lambda: len(batches.submitted) == 1)
        first.kill()
        await first.wait()
        batches.ended = True
        second = await worker()
        try:
            answers = await run.result(timeout=60)
        finally:
            second.terminate()
            await second.wait()
        assert list(answers.values) == ["a"]
        kinds = [each.type for each in await run.history()]
    assert kinds.count("lease.expired") >= 1  # and more if the machine is too busy for a heartbeat
    assert kinds.count("ai.called") == 2
    assert len(batches.submitted) == 1


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - seen by the server of this process
            await asyncio.sleep(0.02)
