"""Facts attached to runs and stages: with a result or from outside, and found again."""

from datetime import timedelta
from typing import Any

import pytest

import eventflow as ef
from eventflow.core.values import Actor
from eventflow.errors import InvalidInput
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC, types

GRADER = Actor("model", "grader", "2")


def keys(found: list[Any]) -> list[str]:
    """List the keys of annotations."""
    return [annotation.key for annotation in found]


async def test_annotations_are_written_with_the_result(
    open_runtime: Open, clock: ManualClock
) -> None:
    """They stand in the same append as the outcome, whichever way they were given."""

    @ef.stage
    async def grades(ctx: ef.StageContext[int]) -> ef.Completed[int]:
        await ctx.annotate("now", 1)
        await ctx.annotate("later", 0.5, with_result=True, actor=GRADER, unit="f1")
        await ctx.annotate("about the run", 1, scope="run", with_result=True)
        return ef.Completed(1, annotations={"given": [1]})

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(grades).build())
    await clock.run_until(runtime.run_and_wait("w", 1))
    run = runtime.run((await runtime.runs()).items[0].run_id)
    history = await run.history()
    completed = next(e for e in history if e.type == "stage.completed")
    with_it = [e.event.key for e in history if e.op_id == completed.op_id and "annot" in e.type]
    assert with_it == ["later", "about the run", "given"]
    assert keys(await run.annotations()) == ["now", "later", "about the run", "given"]
    now, later, about, given = await run.annotations()
    assert (later.value, later.fields, later.actor) == (0.5, {"unit": "f1"}, GRADER)
    assert (later.stage, later.generation, later.attempt, later.scope) == ("grades", 0, 1, "stage")
    assert (about.stage, about.generation, about.scope) == (None, None, "run")
    assert (given.value, given.attempt) == ([1], 1)
    assert now.version < completed.version
    assert (now.run_id, now.recorded_at) == (run.id, history[now.version - 1].recorded_at)
    await run.verify()


async def test_annotations_are_written_with_a_failed_attempt_and_a_suspension(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Whatever an attempt comes to takes them along."""

    @ef.stage(state=int)
    async def tries(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        await ctx.annotate(f"attempt {ctx.attempt}", None, with_result=True)
        if ctx.attempt == 1:
            raise OSError("away")
        return ef.Suspended(1, check_after=10)

    @tries.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Pending | ef.Ready[int]:
        done = (await run.state()).version > 0 and len(asked) > 0
        asked.append(ctx.attempt)
        await ctx.annotate(f"check {len(asked)}", None, with_result=True)
        return ef.Ready(1) if done else ef.Pending()

    asked: list[int] = []
    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(tries).build())
    run = await runtime.create_run("w", 1)
    await runtime.start()
    await clock.run_until(run.result())
    assert keys(await run.annotations()) == ["attempt 1", "attempt 2", "check 1", "check 2"]
    kinds = [kind for kind in await types(run) if kind.startswith(("stage.", "run.a"))]
    assert kinds == [
        "stage.scheduled",
        "run.annotated",
        "stage.attempt_failed",
        "run.annotated",
        "stage.suspended",
        "run.annotated",
        "run.annotated",
        "stage.completed",
    ]


async def test_a_discarded_result_takes_its_annotations_along(
    open_runtime: Open, clock: ManualClock
) -> None:
    """What was to be written with a result that no longer counts is not written."""

    @ef.stage
    async def late(ctx: ef.StageContext[int]) -> ef.Completed[int]:
        await ctx.annotate("quality", 1, with_result=True)
        await run.cancel()
        return ef.Completed(1, annotations={"score": 2})

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(late).build())
    run = await runtime.create_run("w", 1)
    await clock.run_until(runtime.transition_run(run.id))
    await clock.settle()
    assert await run.annotations() == []


async def test_an_annotation_that_is_no_json_fails_the_stage(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The error names it, and the stage is not tried again."""

    @ef.stage
    async def odd(ctx: ef.StageContext[int]) -> ef.Completed[int]:
        return ef.Completed(1, annotations={"odd": object()})

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(odd).build())
    with pytest.raises(ef.RunFailed, match='annotation "odd"'):
        await clock.run_until(runtime.run_and_wait("w", 1))


async def test_annotations_from_outside_speak_of_the_last_execution(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A stage that does not exist is refused; one that was not executed yet has no attempt."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)
    await run.annotate("early", 1, stage="format")
    await clock.run_until(runtime.transition_run(run.id))
    await run.rerun_from("triple")
    await clock.run_until(runtime.transition_run(run.id))
    await run.annotate("grade", 1, stage="triple", actor=GRADER)
    await run.annotate("seen", 1, actor="ada")
    early, grade, seen = await run.annotations()
    assert (early.stage, early.generation, early.attempt) == ("format", None, None)
    assert (grade.generation, grade.attempt) == (1, 1)
    assert (grade.actor, grade.recorded_by) == (GRADER, "model:grader@2")
    assert (seen.actor, seen.recorded_by, seen.stage) == (None, "ada", None)
    version = (await run.state()).version
    with pytest.raises(ef.StageNotFound, match='"double", "add-ten"'):
        await run.annotate("x", 1, stage="tripel")
    assert (await run.state()).version == version


async def test_annotations_are_found_by_what_they_are(
    open_runtime: Open, clock: ManualClock
) -> None:
    """By key, prefix, actor, scope, stage and time; all that is asked for must hold."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)
    begun = clock.now()
    await run.annotate("review.grade", 1, actor=GRADER, stage="double")
    await clock.advance(10)
    await run.annotate("review.text", "good", actor=Actor("model", "grader", "3"))
    await clock.advance(10)
    await run.annotate("reviewed", actor="ada", value=True)

    async def found(**wanted: Any) -> list[str]:  # noqa: ANN401 - those of `annotations`
        return keys(await run.annotations(**wanted))

    assert await found(key="review.text") == ["review.text"]
    assert await found(key="review") == []
    assert await found(prefix="review.") == ["review.grade", "review.text"]
    assert await found(actor="ada") == ["reviewed"]
    assert await found(actor=GRADER) == ["review.grade"]
    assert await found(actor=Actor("model", "grader")) == ["review.grade", "review.text"]
    assert await found(actor=Actor("person", "grader")) == []
    assert await found(actor="model:grader@2") == ["review.grade"]
    assert await found(scope="run") == ["review.text", "reviewed"]
    assert await found(scope="stage") == await found(stage="double") == ["review.grade"]
    assert await found(since=begun + timedelta(seconds=10)) == ["review.text", "reviewed"]
    assert await found(until=begun + timedelta(seconds=10)) == ["review.grade"]
    assert await found(prefix="review", actor=GRADER, scope="run") == []
    with pytest.raises(InvalidInput, match="since= needs a time with a time zone"):
        await found(since=begun.replace(tzinfo=None))
    with pytest.raises(ef.RunNotFound, match="ghost"):
        await runtime.run("ghost").annotations()


WRONG_FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"key": 5}, "key= is a text, not 5"),
    ({"prefix": b"a"}, "prefix= is a text, not b'a'"),
    ({"stage": 5}, "stage= is a text, not 5"),
    ({"scope": "workflow"}, 'scope= is "run" or "stage", not \'workflow\''),
    ({"actor": 5}, r"actor= is a name, or an Actor\(kind, id, version\), not 5"),
    ({"since": "2026-01-01"}, "since= needs a time with a time zone"),
    ({"until": 1.5}, "until= needs a time with a time zone"),
]


@pytest.mark.parametrize(("wanted", "message"), WRONG_FILTERS)
async def test_what_no_annotation_can_be_is_not_looked_for(
    open_runtime: Open, wanted: dict[str, Any], message: str
) -> None:
    """Nobody takes a mistake in a filter for an empty answer."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)
    with pytest.raises(InvalidInput, match=message):
        await run.annotations(**wanted)
    with pytest.raises(InvalidInput, match=message):
        [each async for each in runtime.annotations(**wanted)]


async def test_what_a_rewind_has_cut_is_left_out_on_demand(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A fact about a stage counts as long as that execution does, whenever it was recorded."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)
    await run.annotate("at first", 1)
    await clock.run_until(runtime.transition_run(run.id))
    for stage in ("double", "triple"):
        await run.annotate(f"old {stage}", 1, stage=stage)
    await run.annotate("about the old end", 1)
    await run.rerun_from("triple")
    await clock.run_until(runtime.transition_run(run.id))
    await run.annotate("new triple", 1, stage="triple")
    assert len(await run.annotations()) == 5
    effective = await run.annotations(effective=True)
    assert keys(effective) == ["at first", "old double", "new triple"]
    fork = await run.fork_from("format")
    await fork.annotate("carried", 1, stage="double")
    await clock.run_until(runtime.transition_run(fork.id))
    await fork.rerun_from("format")
    assert keys(await fork.annotations(effective=True)) == ["carried"]


async def test_annotations_of_many_runs(
    open_runtime: Open, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newest run first, narrowed by what the runs are, whatever the size of a batch."""
    runtime = await open_runtime(ARITHMETIC)
    runs = [await runtime.create_run("arithmetic", n, metadata={"odd": n % 2}) for n in range(6)]
    for number, run in enumerate(runs):
        await run.annotate("a", number)
        await run.annotate("b", number)
    await runs[3].cancel()

    async def values(**wanted: Any) -> list[Any]:  # noqa: ANN401 - those of `annotations`
        return [each.value async for each in runtime.annotations(**wanted)]

    expected = {"a": [5, 4, 3, 2, 1, 0], "pending odd": [5, 5, 1, 1]}
    for size in (1, 5, 8, 2_000):
        monkeypatch.setattr("eventflow.runtime.annotations.EVENTS_AT_ONCE", size)
        assert await values(key="a") == expected["a"]
        assert await values(status="pending", metadata={"odd": 1}) == expected["pending odd"]
    assert await values(workflow="other") == []
    with pytest.raises(InvalidInput, match="no status"):
        await values(status="done")
