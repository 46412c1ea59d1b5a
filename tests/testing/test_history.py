"""A history: what a run was, and what each of its stages was given, did and gave."""

from collections.abc import AsyncIterator

import pytest

import eventflow as ef
from eventflow.core.events import RunCreated
from eventflow.core.values import JobKind
from eventflow.testing import History, ManualRuntime, runtime
from tests.testing.workflows import stumbling, waiting


@pytest.fixture
async def started() -> AsyncIterator[ManualRuntime]:
    """A worker that knows all workflows, in virtual time."""
    async with runtime([stumbling, waiting]) as opened:
        yield opened


async def test_a_history_folds_to_what_the_run_is(started: ManualRuntime) -> None:
    """State, ids and effective history are those that the run itself gives."""
    history = await started.play(stumbling, 5)
    run = started.run(history.run_id)
    assert history.workflow_id == "stumbling"
    assert history.state() == await run.state()
    assert history.state(at=4) == await run.state(at=4)
    assert list(history.effective()) == await run.history(effective=True)
    assert history == await History.of_run(run)


async def test_a_stage_has_what_it_was_given_and_what_it_gave(started: ManualRuntime) -> None:
    """Input, earlier outputs, output, attempts, logs and annotations are read from the events."""
    history = await started.play(stumbling, 5)
    stumble, spell = history.stage("stumble"), history.stage("spell")
    assert (stumble.input, stumble.output, stumble.config) == (10, 20, None)
    assert [each.number for each in stumble.attempts] == [1, 2]
    failed, completed = stumble.attempts
    assert failed.error is not None
    assert failed.error.message == "try again later"
    assert completed.outcome is not None
    assert completed.outcome.type == "stage.completed"
    assert (completed.claimed_at - failed.claimed_at).total_seconds() == 600
    assert spell.outputs == {"double": 10, "stumble": 20}
    assert [each.value for each in spell.annotations] == [20]
    assert [each.message for each in history.stage("double").logs] == ["doubling"]
    assert [stage.id for stage in history.stages()] == ["double", "stumble", "spell"]


async def test_checks_are_no_attempts(started: ManualRuntime) -> None:
    """Executions and checks are told apart; a check that was not ready yet led to no event."""
    run = await started.create_run("waiting", "Why?")
    await started.clock.advance(1)
    await run.signal("answer", "Because.")
    await started.finish(run)
    history = await History.of_run(run)
    asked, submitted = history.stage("ask"), history.stage("submit")
    assert [each.kind for each in asked.claims] == [JobKind.EXECUTE] * 2
    assert [each.number for each in asked.attempts] == [1, 1]
    assert (submitted.input, submitted.output) == ("Why? Because.", "WHY? BECAUSE.")
    first, second = submitted.checks
    assert first.outcome is None
    assert second.outcome is not None
    assert second.outcome.type == "stage.completed"


async def test_a_stage_of_before_a_rewind_keeps_its_own_config() -> None:
    """What a stage was given is what it was executed with, whatever a rerun gave to later ones."""

    @ef.stage
    async def first(ctx: ef.StageContext[int, int]) -> int:
        return ctx.input + ctx.config

    @ef.stage
    async def second(ctx: ef.StageContext[int, int]) -> int:
        return ctx.input + ctx.config

    workflow = ef.define_workflow("w", input=int).pipe(first).pipe(second).build()
    async with runtime(workflow) as started:
        before = await started.play(workflow, 0, config={"first": 1, "second": 1})
        run = started.run(before.run_id)
        await run.rerun_from("second", config={"first": 10, "second": 20})
        await started.finish(run)
        history = await History.of_run(run)
    assert (history.stage("first").config, history.stage("first").output) == (1, 1)
    assert (history.stage("second").config, history.stage("second").output) == (20, 21)
    assert history.at(before.version).stage("second").output == 2


async def test_a_stage_that_was_carried_over_has_an_output_and_no_attempt(
    started: ManualRuntime,
) -> None:
    """The stages that a fork took over were not executed in it."""
    history = await started.play(stumbling, 5)
    forked = await started.run(history.run_id).fork_from("spell")
    await started.finish(forked)
    stage = (await History.of_run(forked)).stage("stumble")
    assert (stage.output, stage.attempts, stage.input) == (20, (), 10)


async def test_histories_say_what_they_are(started: ManualRuntime) -> None:
    """Their representations name the run, its workflow and status, and the stage."""
    history = await started.play(stumbling, 5)
    assert repr(history) == (
        f"<History of run {history.run_id} (stumbling): {len(history)} events, completed>"
    )
    assert repr(history.stage("stumble")) == '<StageHistory "stumble": completed, 2 attempts>'


async def test_a_stage_that_the_run_never_came_to_is_named(started: ManualRuntime) -> None:
    """The error names the stages that there are."""
    history = await started.play(stumbling, 5)
    with pytest.raises(ef.StageNotFound, match='never came to a stage "x"; it came to "double"'):
        history.stage("x")


async def test_only_the_events_of_one_run_from_its_first_on_are_a_history(
    started: ManualRuntime,
) -> None:
    """Nothing else can be folded, and the error says what is wrong."""
    one, other = await started.play(stumbling, 5), await started.play(stumbling, 6)
    with pytest.raises(ValueError, match="at least one event"):
        History.of([])
    with pytest.raises(ValueError, match=r"begins with run\.created, not with stage\.scheduled"):
        History.of(one[1:])
    with pytest.raises(ValueError, match=f"events of {one.run_id} and of {other.run_id}"):
        History.of([*one, *other])
    with pytest.raises(ValueError, match=f"the versions 1 to {one.version}, not 0"):
        one.state(at=0)


async def test_stored_events_are_a_history_too(started: ManualRuntime) -> None:
    """What a store gives needs no opening first, and no order."""
    run_id = (await started.play(stumbling, 5)).run_id
    stored = await started.store.read([run_id])
    history = History.of(reversed(stored))
    assert history == await History.of_run(started.run(run_id))
    assert isinstance(history[0].event, RunCreated)
