"""One stage alone: what it is given is checked, what it does is told, and no store is needed."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.core.events import StageCompleted, StageResumed
from eventflow.testing import ManualClock, run_check, run_stage
from tests.testing.workflows import ask, double, spell, stumble


@frozen
class Words:
    words: list[str]


@frozen
class Counting:
    shortest: int = 1
    longest: int = 10


@ef.stage
async def count(ctx: ef.StageContext[Words, Counting]) -> ef.Completed[int]:
    """Count the words of some length."""
    kept = [
        word for word in ctx.input.words if ctx.config.shortest <= len(word) <= ctx.config.longest
    ]
    await ctx.log("counted", kept=len(kept))
    await ctx.progress(1.0, "done", words=kept)
    await ctx.annotate("longest", max(kept, key=len, default=None))
    return ef.Completed(len(kept), metrics={"read": len(ctx.input.words)}, artifacts={"x": 1})


@ef.stage
async def batch(ctx: ef.StageContext[Words]) -> int | ef.Suspended[Words]:
    """Hand the words over."""
    return ef.Suspended(ctx.input, check_after=45, max_wait=600)


@batch.check
async def batch_ready(
    state: Words, ctx: ef.StageContext[Words]
) -> ef.Pending | ef.Ready[int] | ef.Reenter | ef.Failed:
    """Answer what the words say."""
    match state.words:
        case ["later"]:
            return ef.Pending(check_after=90)
        case ["again"]:
            return ef.Reenter()
        case ["broken"]:
            raise ConnectionError("away")
        case ["no"]:
            return ef.Failed("refused")
        case _:
            return ef.Ready(len(state.words), metrics={"attempt": ctx.attempt})


async def test_a_stage_is_given_input_and_config_and_says_what_it_did() -> None:
    """Defaults are filled in; output, metrics, artifacts and notes can be looked at."""
    done = await run_stage(count, Words(["to", "be", "or", "not"]), {"shortest": 3})
    assert (done.status, done.output) == (ef.Status.COMPLETED, 1)
    assert (done.metrics, done.artifacts) == ({"read": 4}, {"x": 1})
    assert [(line.message, line.fields) for line in done.logs] == [("counted", {"kept": 1})]
    assert [(each.fraction, each.details) for each in done.progress] == [(1.0, {"words": ["not"]})]
    assert [(each.key, each.value) for each in done.annotations] == [("longest", "not")]
    assert isinstance(done.event, StageCompleted)
    assert repr(done) == '<StageOutcome: stage "count" is completed>'


async def test_plain_data_does_as_well_as_instances() -> None:
    """Input and config may be given as in a request; the output has its type in either case."""
    plain = await run_stage(count, {"words": ["a", "bb"]}, {"longest": 1})
    typed = await run_stage(count, Words(["a", "bb"]), Counting(longest=1))
    assert plain.output == typed.output == 1


async def test_what_does_not_fit_is_an_error_of_the_test() -> None:
    """Input, config, outputs and state are checked before the stage is called."""
    with pytest.raises(ef.InvalidInput, match="words: expected an array"):
        await run_stage(count, {"words": 1})
    with pytest.raises(ef.InvalidConfig, match=r"count\.shorter: "):
        await run_stage(count, Words([]), {"shorter": 1})
    with pytest.raises(ef.EventflowError, match='output of stage "double"'):
        await run_stage(spell, 20, outputs={double: "ten"})
    with pytest.raises(ef.EventflowError, match='suspended state of stage "batch"'):
        await run_check(batch, {"words": None})


async def test_earlier_outputs_are_typed_by_stage_or_by_what_is_given() -> None:
    """They are known by stage or by id; whatever is not given, is not there."""

    @ef.stage
    async def look(ctx: ef.StageContext[None]) -> list[str]:
        return [*ctx.outputs, *ctx.require("words").words, str(ctx.optional("x"))]

    done = await run_stage(look, outputs={double: 4, "words": Words(["a"])})
    assert done.output == ["double", "words", "a", "None"]
    assert (await run_stage(spell, 20, outputs={double: 10})).output == {"text": "20 from 10"}
    failed = await run_stage(spell, 20)
    assert failed.error is not None
    assert 'requires the output of "double", but there is none' in failed.error.message


async def test_a_stage_may_be_seen_in_its_workflow() -> None:
    """Then its number, its workflow and the stages before it are those of the workflow."""

    @ef.stage
    async def where(ctx: ef.StageContext[int]) -> list[Any]:
        return [ctx.workflow_id, ctx.stage_number, ctx.attempt, ctx.generation, ctx.metadata["a"]]

    workflow = ef.define_workflow("somewhere", input=int).pipe(double).pipe(where).build()
    done = await run_stage(
        where, 1, workflow=workflow, attempt=3, generation=2, metadata={"a": "b"}
    )
    assert done.output == ["somewhere", 2, 3, 2, "b"]
    with pytest.raises(ef.StageNotFound, match="somewhere"):
        await run_stage(spell, 1, workflow=workflow)
    with pytest.raises(ef.StageNotFound, match="somewhere"):
        await run_stage(where, 1, workflow=workflow, outputs={"x": 1})


async def test_an_attempt_that_fails_says_whether_it_is_made_again() -> None:
    """The retry policy counts: the first attempt of two is made again, the last one is not."""
    first = await run_stage(stumble, 1)
    assert (first.status, first.retry_after) == (ef.Status.PENDING, 600.0)
    assert first.error is not None
    assert (first.error.type, first.error.message) == (
        "builtins.ConnectionError",
        "try again later",
    )
    assert (await run_stage(stumble, 1, attempt=2)).output == 11


async def test_the_output_of_a_stage_that_failed_is_its_traceback() -> None:
    """A test that looks at the output of what has none fails with the reason."""
    failed = await run_stage(stumble, 1)
    with pytest.raises(AssertionError, match=r'"stumble" is pending: builtins\.Conn') as wrong:
        _ = failed.output
    assert "in stumble" in str(wrong.value)


async def test_an_output_that_does_not_fit_fails_the_stage() -> None:
    """The schemas hold as in production, and a schema error is final at once."""

    @ef.stage
    async def wrong(ctx: ef.StageContext[int]) -> int:
        return "five"  # type: ignore[return-value]

    done = await run_stage(wrong, 5)
    assert (done.status, done.retry_after) == (ef.Status.FAILED, None)
    assert done.error is not None
    assert done.error.type == "eventflow.errors.InvalidOutput"


async def test_a_stage_that_suspends_says_with_what_and_for_how_long() -> None:
    """State, signal and the time of the first check can be looked at; an output cannot."""
    done = await run_stage(batch, Words(["a"]))
    assert (done.status, done.state, done.check_after) == (ef.Status.SUSPENDED, Words(["a"]), 45)
    assert done.signal is None
    with pytest.raises(AssertionError, match='stage "batch" is suspended'):
        _ = done.output
    asked = await run_stage(ask, "Why?")
    assert (asked.signal, asked.state, asked.check_after) == ("answer", {"question": "Why?"}, None)


async def test_a_stage_is_executed_again_with_its_state_and_signal() -> None:
    """What it suspended with, and the payload of what woke it, are there."""
    done = await run_stage(ask, "Why?", resume_state={"question": "Why?"}, signal="Because.")
    assert done.output == "Why? Because."
    reentered = await run_stage(ask, "Why?", resume_state={"question": "Why?"})
    assert reentered.output == "Why? None"


@pytest.mark.parametrize(
    ("word", "status", "check_after"),
    [
        ("later", ef.Status.SUSPENDED, 90),
        ("again", ef.Status.PENDING, None),
        ("broken", ef.Status.SUSPENDED, None),
        ("no", ef.Status.FAILED, None),
        ("done", ef.Status.COMPLETED, None),
    ],
)
async def test_a_check_gives_each_of_its_answers(
    word: str, status: ef.Status, check_after: float | None
) -> None:
    """Pending, Reenter, an exception, Failed and Ready lead to what they lead to in production."""
    done = await run_check(batch, Words([word]))
    assert (done.status, done.check_after) == (status, check_after)
    assert isinstance(done.event, StageResumed) is (word == "again")
    assert done.retry_after == (2.0 if word == "broken" else None)
    if word == "no":
        assert done.error is not None
        assert done.error.message == "refused"
    if word == "done":
        assert (done.output, done.metrics) == (1, {"attempt": 1})


async def test_only_a_stage_with_a_check_can_be_checked() -> None:
    """The error says how to give it one."""
    with pytest.raises(ValueError, match='stage "double" has no check'):
        await run_check(double, None)


async def test_steps_that_are_given_are_not_called() -> None:
    """A step that an earlier attempt completed gives its output; any other is called, and told."""

    async def page(number: int) -> int:
        return number * 10

    @ef.stage
    async def fetch(ctx: ef.StageContext[int]) -> list[int]:
        return [await ctx.step(f"page-{n}", page, n) for n in range(ctx.input)]

    done = await run_stage(fetch, 3, steps={"page-1": 7})
    assert done.output == [0, 7, 20]
    assert done.steps == {"page-0": 0, "page-2": 20}


def test_a_plain_stage_needs_no_event_loop_of_the_test() -> None:
    """A stage in a thread, and a test without a plugin for coroutines, work alike."""

    @ef.stage
    def shout(ctx: ef.StageContext[str]) -> str:
        ctx.log("shouting")
        return ctx.input.upper()

    done = asyncio.run(run_stage(shout, "a"))
    assert (done.output, [line.message for line in done.logs]) == ("A", ["shouting"])


async def test_a_clock_lets_timeouts_happen_in_virtual_time() -> None:
    """With the clock that the stage waits with, a long timeout takes no time at all."""
    clock = ManualClock()

    @ef.stage(timeout=3600)
    async def rest(ctx: ef.StageContext[float]) -> None:
        await clock.sleep(ctx.input)

    begun = clock.now()
    late = await run_stage(rest, 7200.0, clock=clock)
    assert late.error is not None
    assert late.error.message == "the attempt took longer than 3600 s"
    assert clock.now() - begun == timedelta(hours=1)


async def test_what_is_no_stage_is_refused() -> None:
    """A function without the decorator is a mistake that is easily made."""

    async def forgotten(ctx: ef.StageContext[int]) -> int:
        return ctx.input

    given: Any = forgotten
    with pytest.raises(TypeError, match=r"forgotten is no stage; write @ef\.stage above"):
        await run_stage(given, 1)
    with pytest.raises(TypeError, match="forgotten is no stage"):
        await run_check(given, 1)
