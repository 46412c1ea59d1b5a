"""Replay: today's code on a recorded run; what comes out otherwise is named by stage and field."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.testing import (
    MISSING,
    Divergence,
    History,
    ManualClock,
    ReplayReport,
    replay,
    runtime,
)
from tests.testing.workflows import double, stumbling, waiting


@frozen
class Words:
    words: list[str]


@frozen
class Counting:
    shortest: int = 1


@ef.stage
async def split(ctx: ef.StageContext[str]) -> Words:
    """Split a text."""
    return Words(ctx.input.split())


@ef.stage
async def count(ctx: ef.StageContext[Words, Counting]) -> dict[str, int]:
    """Count words."""
    kept = [word for word in ctx.input.words if len(word) >= ctx.config.shortest]
    return {"kept": len(kept), "all": len(ctx.input.words)}


@ef.stage
async def tell(ctx: ef.StageContext[dict[str, int]]) -> str:
    """Say how many there are."""
    return f"{ctx.input['kept']} of {ctx.input['all']}"


counting = ef.define_workflow("counting", input=str).pipe(split).pipe(count).pipe(tell).build()


@pytest.fixture
async def counted() -> History:
    """A completed run of the workflow above."""
    async with runtime(counting) as started:
        return await started.play(counting, "to be or not to be", config={"count": {"shortest": 3}})


async def recorded(
    *stages: Any,  # noqa: ANN401 - stages of any type
    given: Any = 0,  # noqa: ANN401 - any input
    clock: ManualClock | None = None,
) -> tuple[ef.Workflow[Any, Any], History]:
    """Build a workflow of stages, and play it once."""
    builder: Any = ef.define_workflow("recorded", input=type(given))
    for stage in stages:
        builder = builder.pipe(stage)
    workflow: ef.Workflow[Any, Any] = builder.build()
    async with runtime(workflow, clock=clock) as started:
        return workflow, await started.play(workflow, given)


def found(report: ReplayReport) -> list[tuple[str | None, str, Any, Any]]:
    """The divergences, without the places where they were recorded."""
    return [(each.stage, each.path, each.old, each.new) for each in report.divergences]


async def test_the_code_that_made_a_run_makes_it_again(counted: History) -> None:
    """Nothing diverges: every stage is executed on what was recorded, and gives the same."""
    report = await replay(counted, counting)
    report.assert_same()
    assert (report.same, report.executed, report.first) == (True, 3, None)
    assert report.outputs["tell"] == "1 of 6"
    assert str(report).endswith("3 executions, as recorded")


async def test_a_changed_stage_is_named_with_its_field_and_no_other(counted: History) -> None:
    """The stages behind it are judged on what was recorded, so they do not diverge."""

    async def count_words(ctx: ef.StageContext[Words, Counting]) -> dict[str, int]:
        return {"kept": 2, "all": len(ctx.input.words)}

    report = await replay(counted, counting, replace={"count": count_words})
    (only,) = report.divergences
    assert only == report.first == Divergence("count", "output.kept", 1, 2, 1, 8)
    assert str(only) == 'stage "count", output.kept: 1 -> 2 (version 8)'
    with pytest.raises(AssertionError, match=r'not as recorded\n  stage "count", output\.kept: 1'):
        report.assert_same()


async def test_only_some_stages_may_be_executed(counted: History) -> None:
    """By name, by stage, or all from one on; what there is not is named."""
    called: list[str] = []

    def noting(name: str, value: object) -> Callable[[Any], Any]:
        async def work(ctx: Any) -> object:  # noqa: ANN401 - any context
            called.append(name)
            return value

        return work

    code = {"split": noting("split", Words([])), "tell": noting("tell", "")}
    await replay(counted, counting, replace=code, from_stage="count")
    assert called == ["tell"]
    await replay(counted, counting, replace=code, stages=[split, "count"])
    assert called == ["tell", "split"]
    await replay(counted, counting, replace=code, stages=["split"], from_stage=count)
    assert called == ["tell", "split"]
    await replay(counted, counting, replace=code, stages="tell")
    assert called == ["tell", "split", "tell"]
    for wrong in ({"stages": ["x"]}, {"from_stage": "x"}):
        with pytest.raises(ef.StageNotFound, match='"x" to replay; there is count, split, tell'):
            await replay(counted, counting, **wrong)


async def test_a_run_of_another_workflow_is_not_replayed(counted: History) -> None:
    """The error names both workflows."""
    with pytest.raises(ValueError, match='is one of workflow "counting", not of "stumbling"'):
        await replay(counted, stumbling)


async def test_an_attempt_that_failed_fails_again() -> None:
    """A recorded failure with the same error is the same; the next attempt knows its number."""
    async with runtime(stumbling) as started:
        history = await started.play(stumbling, 5)
    report = await replay(history, stumbling)
    report.assert_same()
    assert report.executed == 4


async def test_a_failure_that_went_away_diverges_and_so_does_a_new_one() -> None:
    """What was an error and is none, what is one and was none, and another error, all count."""
    async with runtime(stumbling) as started:
        history = await started.play(stumbling, 5)

    async def steady(ctx: ef.StageContext[int]) -> int:
        return ctx.input + 10

    async def broken(ctx: ef.StageContext[int]) -> int:
        raise ValueError("no" if ctx.attempt == 1 else "never")

    better = await replay(history, stumbling, replace={"stumble": steady})
    error = {"type": "builtins.ConnectionError", "message": "try again later"}
    assert found(better) == [
        ("stumble", "outcome", "attempt failed", "completed"),
        ("stumble", "error", error, MISSING),
    ]
    worse = await replay(history, stumbling, replace={"stumble": broken})
    assert found(worse) == [
        ("stumble", "error.type", "builtins.ConnectionError", "builtins.ValueError"),
        ("stumble", "error.message", "try again later", "no"),
        ("stumble", "outcome", "completed", "failed"),
        ("stumble", "error", MISSING, {"type": "builtins.ValueError", "message": "never"}),
    ]
    assert 'stage "stumble", attempt 2, outcome: "completed" -> "failed"' in str(worse)
    assert "in broken" in str(worse)


async def test_an_input_that_no_longer_parses_is_a_failure_now(counted: History) -> None:
    """The schemas of today hold, as they would in production."""

    @ef.stage
    async def count_numbers(ctx: ef.StageContext[list[int]]) -> dict[str, int]:
        return {}

    report = await replay(counted, counting, replace={"count": count_numbers})
    outcome, error = report.divergences
    assert (outcome.path, outcome.new) == ("outcome", "failed")
    assert error.new["type"] == "eventflow.errors.InvalidInput"  # type: ignore[index]


async def test_a_stage_that_went_missing_diverges(counted: History) -> None:
    """It cannot be executed; a new one is not executed, since nothing of it was recorded."""

    @ef.stage
    async def shout(ctx: ef.StageContext[Any]) -> str:
        raise AssertionError("never called")

    today = ef.define_workflow("counting", input=str).pipe(split).pipe(count).pipe(shout).build()
    report = await replay(counted, today)
    assert found(report) == [("tell", "stage", "tell", MISSING)]


async def test_time_and_chance_are_those_of_the_attempt() -> None:
    """What the context tells of them is the same as when it was recorded."""

    @ef.stage
    async def draw(ctx: ef.StageContext[int]) -> list[Any]:
        facts = [ctx.run_id, ctx.token, ctx.attempt, ctx.generation, ctx.idempotency_key]
        return [*facts, ctx.claimed_at.isoformat(), ctx.random.random(), *ctx.metadata]

    workflow, history = await recorded(double, draw, given=1)
    (await replay(history, workflow)).assert_same()


async def test_recorded_steps_are_served_and_never_called_again() -> None:
    """A step gives what it gave, also one of an attempt that failed behind it."""
    called: list[int] = []

    async def page(number: int) -> int:
        called.append(number)
        return number * len(called)

    @ef.stage
    async def fetch(ctx: ef.StageContext[int]) -> list[int]:
        first = await ctx.step("first", page, 1)
        if ctx.attempt == 1:
            raise ConnectionError
        return [first, await ctx.step("second", page, 2), *await ctx.map([3, 4], page)]

    workflow, history = await recorded(fetch)
    assert history.stage("fetch").steps["first"] == 1
    assert called == [1, 2, 3, 4]
    (await replay(history, workflow)).assert_same()
    assert called == [1, 2, 3, 4]


async def test_new_and_forgotten_steps_diverge() -> None:
    """A step that was not recorded is called, and told; one that is not asked for is told, too."""

    async def page(number: int) -> int:
        return number

    @ef.stage
    async def fetch(ctx: ef.StageContext[int]) -> None:
        await ctx.step("page-1", page, 1)

    async def fetch_now(ctx: ef.StageContext[int]) -> None:
        await ctx.step("page-2", page, 2)

    workflow, history = await recorded(fetch)
    report = await replay(history, workflow, replace={"fetch": fetch_now})
    assert found(report) == [
        ("fetch", "steps.page-1", 1, MISSING),
        ("fetch", "steps.page-2", MISSING, 2),
    ]


@pytest.fixture
async def waited() -> History:
    """A run that waited for a signal, and then for a check."""
    async with runtime(waiting) as started:
        run = await started.create_run("waiting", "Why?")
        await started.clock.advance(1)
        await run.signal("answer", "Because.")
        await started.finish(run)
        return await History.of_run(run)


async def test_suspended_stages_are_replayed_with_their_state_and_signal(waited: History) -> None:
    """A stage suspends as it did, and goes on with what woke it; its checks are not asked."""
    report = await replay(waited, waiting)
    report.assert_same()
    assert report.executed == 3
    assert [(each.stage, each.reason) for each in report.skipped] == [
        ("submit", "a check; its recorded answer counts")
    ] * 2


async def test_checks_are_asked_if_wanted(waited: History) -> None:
    """Each check is asked as of its own time: the first was not ready, the second was."""
    report = await replay(waited, waiting, checks=True)
    report.assert_same()
    assert (report.executed, report.skipped) == (5, ())

    @ef.stage(id="submit")
    async def submit_now(ctx: ef.StageContext[str]) -> str | ef.Suspended[str]:
        return ef.Suspended(f"{ctx.claimed_at.isoformat()} {ctx.input}", check_after=60)

    @submit_now.check
    async def ready_at_once(state: str, ctx: ef.StageContext[str]) -> ef.Ready[str]:
        return ef.Ready(state.partition(" ")[2].upper())

    again = await replay(waited, waiting, replace={"submit": submit_now}, checks=True)
    assert found(again) == [("submit", "outcome", "pending", "completed")]


async def test_another_state_signal_or_time_to_wait_diverges(waited: History) -> None:
    """All that a stage says when it suspends is compared."""

    async def ask_now(ctx: ef.StageContext[str]) -> Any:  # noqa: ANN401 - any outcome
        if ctx.resume_state is None:
            return ef.Suspended({"question": "What?"}, signal="reply", max_wait=60)
        return "Why? Because."

    async def submit_now(ctx: ef.StageContext[str]) -> Any:  # noqa: ANN401 - any outcome
        return ef.Suspended(f"{ctx.claimed_at.isoformat()} {ctx.input}", check_after=90)

    report = await replay(waited, waiting, replace={"ask": ask_now, "submit": submit_now})
    assert found(report) == [
        ("ask", "state.question", "Why?", "What?"),
        ("ask", "max_wait", 86400.0, 60.0),
        ("ask", "signal", "answer", "reply"),
        ("submit", "check_after", 60.0, 90.0),
    ]


async def test_what_is_to_become_of_a_wait_is_compared() -> None:
    """A stage that would complete at its deadline does not say the same as one that would fail."""

    @ef.stage
    async def rest(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        return ef.Suspended.until(ctx.claimed_at + timedelta(hours=1), 1, then=ef.Ready(7))

    async def rest_now(ctx: ef.StageContext[int]) -> Any:  # noqa: ANN401 - any outcome
        return ef.Suspended.until(ctx.claimed_at + timedelta(hours=2), 1, then=ef.Ready(8))

    workflow, history = await recorded(rest)
    assert history.state().output == 7
    (await replay(history, workflow)).assert_same()
    report = await replay(history, workflow, replace={"rest": rest_now})
    assert found(report) == [("rest", "max_wait", 3600.0, 7200.0), ("rest", "output", 7, 8)]


async def test_what_was_cut_short_is_skipped() -> None:
    """A job whose worker was lost, or whose run was cancelled, has nothing to be compared with."""
    clock = ManualClock()

    @ef.stage
    async def rest(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(3600)
        return ctx.attempt

    workflow = ef.define_workflow("resting", input=int).pipe(rest).build()
    async with runtime(workflow, clock=clock) as first:
        run_id = (await first.create_run("resting", 1)).id
        await clock.advance(1)
        await first.stop(grace=0)
        async with runtime(workflow, clock=clock, store=first.store) as second:
            await clock.advance(1)
            await second.run(run_id).cancel()
            history = await History.of_run(second.run(run_id))
    report = await replay(history, workflow)
    assert (report.same, report.executed) == (True, 0)
    assert [each.reason for each in report.skipped] == [
        "its worker was lost, or gave it back",
        "it led to nothing: it was cut short, or was still under way",
    ]
    assert str(report.skipped[0]).startswith('stage "rest": its worker was lost')


async def test_what_a_rewind_has_cut_is_not_replayed(counted: History) -> None:
    """The last generation counts: its inputs, its config, and its outcome."""

    async def count_twice(ctx: ef.StageContext[Words, Counting]) -> dict[str, int]:
        return {"kept": ctx.config.shortest * 100, "all": ctx.generation}

    changed = ef.stage(id="count")(count_twice)
    today = ef.define_workflow("counting", input=str).pipe(split).pipe(changed).pipe(tell).build()
    async with runtime(counting) as started:
        before = await started.play(counting, "to be")
        async with runtime(today, store=started.store, clock=started.clock) as later:
            run = later.run(before.run_id)
            await run.rerun_from("count", config={"count": {"shortest": 2}})
            await later.finish(run)
            history = await History.of_run(run)
    report = await replay(history, today)
    report.assert_same()
    assert report.executed == 3
    assert report.outputs["count"] == {"kept": 200, "all": 1}


async def test_a_clock_is_moved_as_far_as_stages_wait() -> None:
    """A timeout that was recorded in virtual time happens again in virtual time."""
    clock = ManualClock()

    @ef.stage(timeout=60, retry=ef.Retry(max_attempts=2))
    async def rest(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(120 if ctx.attempt == 1 else 30)
        return ctx.attempt

    workflow, history = await recorded(rest, clock=clock)
    report = await replay(history, workflow, clock=clock)
    report.assert_same()
    assert report.executed == 2


async def test_paths_may_be_ignored() -> None:
    """What is different in each execution by its nature need not be compared."""
    calls: list[int] = []

    @ef.stage
    async def measure(ctx: ef.StageContext[int]) -> ef.Completed[list[dict[str, int]]]:
        calls.append(1)
        return ef.Completed([{"at": len(calls), "value": 1}], metrics={"seconds": len(calls)})

    workflow, history = await recorded(measure)
    report = await replay(history, workflow)
    assert [each.path for each in report.divergences] == ["output[0].at", "metrics.seconds"]
    (await replay(history, workflow, ignore=["output[*].at", "measure.metrics.*"])).assert_same()
    assert not (await replay(history, workflow, ignore=["other.output*"])).same


async def test_a_run_that_was_created_only_has_nothing_to_replay() -> None:
    """No stage of it was executed, so none is."""
    async with runtime(counting, start=False) as looking:
        history = await History.of_run(await looking.create_run("counting", "to be"))
    report = await replay(history, counting)
    assert (report.same, report.executed) == (True, 0)


async def test_what_if_a_recorded_answer_had_been_another(counted: History) -> None:
    """A replaced output, config, input or step is what the stages find; all is checked first."""
    report = await replay(counted, counting, outputs={"split": Words(["to"])})
    assert found(report) == [("count", "output.kept", 1, 0), ("count", "output.all", 6, 1)]
    report = await replay(counted, counting, config={"count": {"shortest": 2}})
    assert found(report) == [("count", "output.kept", 1, 6)]
    report = await replay(counted, counting, input="to be")
    assert [each.stage for each in report.divergences] == ["split"] * 4
    with pytest.raises(ef.InvalidConfig, match=r"count\.shortest"):
        await replay(counted, counting, config={"count": {"shortest": "long"}})
    with pytest.raises(ef.InvalidInput):
        await replay(counted, counting, input=5)
    with pytest.raises(ef.StageNotFound):
        await replay(counted, counting, outputs={"x": 1})


async def test_what_if_a_step_had_given_something_else() -> None:
    """The recorded output of a durable step can be replaced by name."""

    async def ask_bank(amount: int) -> str:
        raise AssertionError("never called")

    async def answer(amount: int) -> str:
        return "yes"

    @ef.stage
    async def pay(ctx: ef.StageContext[int]) -> str:
        asked = answer if not calls else ask_bank
        calls.append(1)
        return f"bank says {await ctx.step('bank', asked, ctx.input)}"

    calls: list[int] = []
    workflow, history = await recorded(pay)
    (await replay(history, workflow)).assert_same()
    report = await replay(history, workflow, steps={"pay": {"bank": "no"}})
    assert found(report) == [("pay", "output", "bank says yes", "bank says no")]


async def test_outputs_may_be_fed_to_the_stages_behind(counted: History) -> None:
    """Then a change is followed to the end of the run: each stage that it reaches is told."""
    report = await replay(counted, counting, config={"count": {"shortest": 2}}, feed=True)
    assert found(report) == [
        ("count", "output.kept", 1, 6),
        ("tell", "output", "1 of 6", "6 of 6"),
        (None, "output", "1 of 6", "6 of 6"),
    ]
    assert str(report.divergences[-1]).startswith('the run, output: "1 of 6" -> "6 of 6"')
    assert (await replay(counted, counting, feed=True)).same


async def test_a_failure_that_is_fed_on_stops_the_run(counted: History) -> None:
    """Stages that would get no input are skipped, and the run ends otherwise."""

    async def broken(ctx: ef.StageContext[Words, Counting]) -> Any:  # noqa: ANN401 - any outcome
        return ef.Failed("cannot count")

    report = await replay(counted, counting, replace={"count": broken}, feed=True)
    assert [(each.stage, each.path, each.new) for each in report.divergences] == [
        ("count", "outcome", "failed"),
        ("count", "error", {"type": "eventflow.Failed", "message": "cannot count"}),
        (None, "status", "failed"),
        (None, "output", MISSING),
    ]
    assert [str(each) for each in report.skipped] == [
        'stage "tell": there is no output of stage "count" before it'
    ]


async def test_a_repaired_stage_is_followed_to_where_the_run_never_came() -> None:
    """What if the failed stage had not failed? Those behind it are executed for the first time."""

    async def broken(ctx: ef.StageContext[Words, Counting]) -> Any:  # noqa: ANN401 - any outcome
        return ef.Failed("cannot count")

    bad = ef.stage(id="count", output=dict[str, int])(broken)
    then = ef.define_workflow("counting", input=str).pipe(split).pipe(bad).pipe(tell).build()
    async with runtime(then) as started:
        history = await started.play(then, "to be or not")
    report = await replay(history, counting, feed=True, from_stage="count")
    assert [(each.stage, each.path, each.new) for each in report.divergences] == [
        ("count", "outcome", "completed"),
        ("count", "error", MISSING),
        ("tell", "status", "completed"),
        (None, "status", "completed"),
        (None, "output", "4 of 4"),
    ]
    assert report.outputs["tell"] == "4 of 4"


async def test_an_attempt_that_no_longer_fails_ends_its_stage_when_fed_on() -> None:
    """No further attempt is made, and the output is compared with that of the last one."""

    async def steady(ctx: ef.StageContext[int]) -> int:
        return ctx.input + 11

    async with runtime(stumbling) as started:
        history = await started.play(stumbling, 5)
    report = await replay(history, stumbling, replace={"stumble": steady}, feed=True)
    assert [(each.stage, each.path, each.new) for each in report.divergences] == [
        ("stumble", "outcome", "completed"),
        ("stumble", "error", MISSING),
        ("stumble", "output", 21),
        ("spell", "output.text", "21 from 10"),
        (None, "output.text", "21 from 10"),
    ]
    assert report.executed == 3


async def test_suspended_stages_are_fed_on_with_what_was_answered(waited: History) -> None:
    """A new suspended state comes back with the recorded signal; a recorded check still counts."""

    async def ask_now(ctx: ef.StageContext[str]) -> Any:  # noqa: ANN401 - any outcome
        if ctx.resume_state is None:
            return ef.Suspended({"question": "How?"}, signal="answer")
        return f"{ctx.resume_state['question']} {ctx.signal}"

    report = await replay(waited, waiting, replace={"ask": ask_now}, feed=True)
    when = waited.stage("submit").attempts[0].claimed_at.isoformat()
    assert found(report) == [
        ("ask", "state.question", "Why?", "How?"),
        ("ask", "output", "Why? Because.", "How? Because."),
        ("submit", "state", f"{when} Why? Because.", f"{when} How? Because."),
    ]


async def test_stages_of_today_are_put_in_where_they_are_now(counted: History) -> None:
    """Fed on, a new stage in the middle is executed, and the one behind it gets its output."""

    @ef.stage
    async def raise_all(ctx: ef.StageContext[dict[str, int], Counting]) -> dict[str, int]:
        more = ctx.stage_number * ctx.config.shortest
        return {key: value + more for key, value in ctx.input.items()}

    today = (
        ef.define_workflow("counting", input=str)
        .pipe(split)
        .pipe(count)
        .pipe(raise_all)
        .pipe(tell)
        .build()
    )
    report = await replay(counted, today, feed=True)
    assert found(report) == [
        ("raise-all", "status", MISSING, "completed"),
        ("tell", "output", "1 of 6", "4 of 9"),
        (None, "output", "1 of 6", "4 of 9"),
    ]
    assert (await replay(counted, today)).same


async def test_groups_side_by_side_are_fed_on_together() -> None:
    """After a parallel group, the outputs come as a mapping, as in production."""

    @ef.stage
    async def left(ctx: ef.StageContext[int]) -> int:
        return ctx.input + 1

    @ef.stage
    async def right(ctx: ef.StageContext[int]) -> int:
        return ctx.input - 1

    @ef.stage
    async def both(ctx: ef.StageContext[dict[str, int]]) -> dict[str, int]:
        return {**ctx.input, "double": ctx.require(double)}

    workflow = (
        ef.define_workflow("sides", input=int).pipe(double).parallel(left, right).pipe(both).build()
    )
    async with runtime(workflow) as started:
        history = await started.play(workflow, 5)
    (await replay(history, workflow, feed=True)).assert_same()
    report = await replay(history, workflow, input=6, feed=True)
    assert report.outputs["both"] == {"left": 13, "right": 11, "double": 12}


async def test_an_error_of_a_script_is_the_same_in_a_module() -> None:
    """A class of errors that was recorded by a script is known again when it is imported."""

    class TooLong(Exception):
        pass

    TooLong.__module__ = "__main__"

    @ef.stage(retry=ef.Retry(max_attempts=1))
    async def fail(ctx: ef.StageContext[int]) -> int:
        raise TooLong

    workflow, history = await recorded(fail)
    TooLong.__module__ = "shop.errors"
    (await replay(history, workflow)).assert_same()
    TooLong.__qualname__ = "TooShort"
    assert [each.path for each in (await replay(history, workflow)).divergences] == ["error.type"]


async def test_a_stage_that_was_carried_over_is_not_executed() -> None:
    """A fork has outputs of stages that were executed elsewhere; they are taken as they are."""
    async with runtime(counting) as started:
        before = await started.play(counting, "to be")
        forked = await started.run(before.run_id).fork_from("tell")
        await started.finish(forked)
        history = await History.of_run(forked)
    for feed in (False, True):
        report = await replay(history, counting, feed=feed)
        report.assert_same()
        assert report.executed == 1
        assert set(report.outputs) == {"split", "count", "tell"}


async def test_a_check_that_asks_for_another_execution_is_replayed() -> None:
    """The check says so again, and the stage goes on with its state."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        if ctx.resume_state is None:
            return ef.Suspended(ctx.input + 1, check_after=5)
        return int(ctx.resume_state)

    @work.check
    async def again(state: int, ctx: ef.StageContext[int]) -> ef.Reenter:
        return ef.Reenter()

    workflow, history = await recorded(work, given=1)
    assert history.state().output == 2
    report = await replay(history, workflow, checks=True)
    report.assert_same()
    assert report.executed == 3
    (await replay(history, workflow, checks=True, feed=True)).assert_same()


async def test_what_is_fed_on_may_be_given_and_the_rest_taken_as_recorded(
    counted: History,
) -> None:
    """Given outputs stand for their stages, and stages that were not chosen keep theirs."""
    report = await replay(counted, counting, outputs={"count": {"kept": 9, "all": 9}}, feed=True)
    assert [(each.stage, each.new) for each in report.divergences] == [
        ("tell", "9 of 9"),
        (None, "9 of 9"),
    ]
    assert report.executed == 2
    report = await replay(counted, counting, stages=["count"], input="to be", feed=True)
    assert (report.same, report.executed) == (True, 1)


async def test_a_missing_stage_diverges_when_the_others_are_fed_on(counted: History) -> None:
    """It is named, and what follows goes on without it, as in a rerun on the plan of today."""

    @ef.stage(id="tell")
    async def tell_words(ctx: ef.StageContext[Words]) -> str:
        return f"{len(ctx.input.words)} words"

    today = ef.define_workflow("counting", input=str).pipe(split).pipe(tell_words).build()
    report = await replay(counted, today, feed=True)
    assert found(report) == [
        ("count", "stage", "count", MISSING),
        ("tell", "output", "1 of 6", "6 words"),
        (None, "output", "1 of 6", "6 words"),
    ]
