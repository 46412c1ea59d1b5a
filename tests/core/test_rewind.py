"""From where a run can go on again: the cut, the generation, the refusals, and forks."""

from datetime import timedelta

import pytest

from eventflow.core import events as e
from eventflow.core.retry import Retry
from eventflow.core.rewind import fork_command
from eventflow.core.state import effective, replay
from eventflow.core.values import Status
from eventflow.errors import CannotRerun, StageNotFound
from tests.core.spec import (
    Given,
    Step,
    World,
    at,
    cancel,
    claim,
    complete,
    create,
    done,
    fail,
    given,
    happens,
    like,
    plan,
    release,
    rewind,
    signal,
    suspend,
    wait,
)

THREE = plan("a", "b", "c")


def completed() -> Given:
    """Begin with a completed run of a, b and c, whose stages were scheduled at 2, 6 and 9."""
    return given(create(THREE), *done("a", 1), *done("b", 2), *done("c", 3))


def test_a_rerun_cuts_the_group_and_schedules_it_anew() -> None:
    """What follows from the schedule of the group on no longer counts; the generation is 1."""
    run = (
        completed()
        .when(rewind("c"))
        .then(
            e.RunRewound("c", 3, 8, 1, THREE, {}, 5),
            e.StageScheduled("c", 3, 1, 1, at(0)),
        )
    )
    run.then(status=Status.RUNNING, generation=1, ending=None, output=None)
    run.then_stage("c", status=Status.PENDING, generation=1, attempt=1, scheduled=14)


def test_earlier_stages_are_untouched() -> None:
    """Stages before the group keep everything, and feed it what they fed it before."""
    before = completed().world.run
    after = given(rewind("c"), world=completed().world).world.run
    assert [after.stages[id_] for id_ in "ab"] == [before.stages[id_] for id_ in "ab"]
    assert after.input_of(3) == 2


def test_a_rerun_sees_the_outputs_of_earlier_groups_alone() -> None:
    """The context of a rewound stage holds neither its own old output nor later ones."""
    after = given(rewind("b"), world=completed().world).world.run
    assert after.outputs_before(2) == {"a": 1}
    assert after.outputs_before(4) == {"a": 1}


def test_a_rerun_from_group_one_gets_the_input_of_the_run() -> None:
    """A run that is rewound to its beginning is pending, and not yet started again."""
    run = completed().when(rewind("a")).then(like(e.RunRewound, cut=1), like(e.StageScheduled))
    run.then(status=Status.PENDING, started=0, started_at=None)
    assert run.world.run.input_of(1) == 5
    run.when(claim("a")).then(like(e.RunStarted), like(e.JobClaimed, generation=1))


def test_two_reruns_are_two_generations() -> None:
    """The generation goes up by one each time."""
    once = given(rewind("c"), *done("c", 4), world=completed().world)
    once.when(rewind("c")).then(
        like(e.RunRewound, generation=2, cut=13), like(e.StageScheduled, generation=2)
    )


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("c", "b", ["a", "b", "b"]),
        ("b", "c", ["a", "b", "b", "c", "c"]),
        ("c", "c", ["a", "b", "c", "c", "c"]),
    ],
)
def test_a_second_rerun_may_go_to_either_side(first: str, second: str, kept: list[str]) -> None:
    """Rewinding further back cuts the first rewind; rewinding less far keeps it.

    What is left are the stages that were scheduled or named by a rewind, in order.
    """
    again = {"b": (*done("b", 2), *done("c", 3)), "c": done("c", 3)}
    twice = given(rewind(first), *again[first], rewind(second), world=completed().world).world
    counted = effective(twice.history)
    assert replay(counted) == twice.run
    assert [
        fact.event.stage
        for fact in counted
        if isinstance(fact.event, e.StageScheduled | e.RunRewound)
    ] == kept


@pytest.mark.parametrize(
    ("steps", "cut"),
    [
        ((*done("a"), claim("b"), fail("b", final=True)), 5),
        ((*done("a"), cancel()), 5),
        ((*done("a"), claim("b"), cancel()), 5),
    ],
    ids=["failed", "cancelled before the claim", "cancelled"],
)
def test_a_run_that_did_not_complete_can_be_rerun(steps: tuple[Step, ...], cut: int) -> None:
    """A failed or cancelled run goes on from its failed or cancelled group."""
    given(create(THREE), *steps).when(rewind("b")).then(
        like(e.RunRewound, cut=cut), like(e.StageScheduled, stage="b")
    ).then(status=Status.RUNNING)


def test_the_whole_group_runs_again() -> None:
    """Rewinding to one stage of a parallel group takes its siblings along."""
    ended = given(create(plan("a b", "c")), *done("a"), *done("b"), *done("c"))
    ended.when(rewind("b")).then(
        like(e.RunRewound, stage="b", group=1, cut=1),
        like(e.StageScheduled, stage="a"),
        like(e.StageScheduled, stage="b"),
    )


def test_config_and_input_count_from_the_rewind_on() -> None:
    """What a rewind replaces is replaced for good."""
    run = (
        completed()
        .when(rewind("a", config={"a": 1}, input=7))
        .then(like(e.RunRewound, config={"a": 1}, input=7), like(e.StageScheduled))
    )
    run.then(config={"a": 1}, input=7)
    assert run.world.run.input_of(1) == 7


def test_signals_beyond_the_cut_are_gone_and_those_before_are_free_again() -> None:
    """A stored signal that only the cut part used is used again; one of the cut part is not."""
    ended = given(
        create(plan("a", "b")),
        signal("go", "early"),
        *done("a"),
        claim("b"),
        suspend("b", signal="go"),
        signal("go", "late"),
        *done("b"),
    )
    again = given(rewind("b"), world=ended.world)
    assert [(s.payload, s.used) for s in again.world.run.signals] == [("early", 0)]
    given(claim("b"), world=again.world).when(suspend("b", signal="go")).then(
        like(e.StageSuspended), like(e.StageResumed, signal=3)
    )


def test_a_signal_that_an_earlier_stage_used_stays_used() -> None:
    """What happened before the cut is not undone."""
    used = (claim("a"), suspend("a", signal="go"), signal("go"), *done("a"))
    run = given(create(plan("a", "b")), *used, *done("b"), rewind("b")).world.run
    assert [s.used > 0 for s in run.signals] == [True]


def test_a_rewound_generation_takes_no_old_results() -> None:
    """A result of the old generation is discarded, also when the stage is at work again."""
    working = given(create(THREE), claim("a"), cancel(), rewind("a"), claim("a"))
    working.when(complete("a", 1, token=4)).then(e.ResultDiscarded("a", 4, "completed", 1))


def test_a_rewind_forgets_the_budget_that_was_spent() -> None:
    """The stage begins at its first attempt again."""
    failed = given(create(plan("a", retry=Retry(max_attempts=1))), claim("a"), fail("a"))
    given(rewind("a"), claim("a"), *(release("a"), claim("a")), world=failed.world).then_stage(
        "a", attempt=1, error=None
    )


def test_an_unknown_stage_is_refused() -> None:
    """The error names the stages that there are."""
    completed().when(rewind("non-existent")).then_refused(
        StageNotFound,
        'Stage "non-existent" not found in workflow "my-workflow"; it has "a", "b", "c"',
    )


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ((), "pending"),
        ((claim("a"),), "running"),
        ((claim("a"), suspend("a")), "suspended"),
    ],
)
def test_a_run_that_is_alive_is_refused(steps: tuple[Step, ...], status: str) -> None:
    """The error tells the status, and what to do."""
    given(create(THREE), *steps).when(rewind("a")).then_refused(
        CannotRerun,
        f'Cannot rerun from stage "a": run run-1 is still {status}; '
        "cancel it first, or wait until it has ended",
    )


@pytest.mark.parametrize(
    ("steps", "stage"),
    [((cancel(),), "a"), ((*done("a"), cancel()), "b"), ((*done("a"), claim("b"), cancel()), "b")],
    ids=["nothing ran", "the group before was cancelled", "it was cancelled at work"],
)
def test_a_group_without_what_it_needs_is_refused(steps: tuple[Step, ...], stage: str) -> None:
    """Without the outputs of all earlier groups there is nothing to go on with."""
    given(create(THREE), *steps).when(rewind("c")).then_refused(
        CannotRerun,
        'Cannot rerun from stage "c": no completed stages found before execution group 3: '
        f'"{stage}" has no output; rerun from there or from an earlier stage',
    )


def test_a_group_that_completed_in_part_is_refused() -> None:
    """One failed sibling is enough."""
    ended = given(create(plan("a b", "c")), *done("a"), claim("b"), fail("b", final=True))
    ended.when(rewind("c")).then_refused(
        CannotRerun,
        'Cannot rerun from stage "c": no completed stages found before execution group 2: '
        '"b" has no output; rerun from there or from an earlier stage',
    )


def test_every_stage_without_an_output_is_named() -> None:
    """Of a group that did not run at all, that is each of its stages."""
    given(create(THREE), cancel()).when(rewind("c", plan=plan("a x", "c"))).then_refused(
        CannotRerun,
        'Cannot rerun from stage "c": execution group 1 ran as a, but is now a, x; '
        "rerun from one of these or from an earlier stage",
    )
    given(create(plan("a b", "c")), cancel()).when(rewind("c")).then_refused(
        CannotRerun,
        'Cannot rerun from stage "c": no completed stages found before execution group 2: '
        '"a", "b" have no output; rerun from there or from an earlier stage',
    )


def test_an_id_that_is_spelled_otherwise_is_asked_about() -> None:
    """Functions have `_` where the ids of their stages have `-`."""
    ended = given(create(plan("take-all", "c")), cancel())
    ended.when(rewind("take_all")).then_refused(
        StageNotFound,
        'Stage "take_all" not found in workflow "my-workflow"; it has "take-all", "c"; '
        'did you mean "take-all"?',
    )


def test_outputs_that_were_cut_do_not_count() -> None:
    """After a rewind to b that was cancelled, c cannot be rerun from."""
    cut = given(rewind("b"), cancel(), world=completed().world)
    cut.when(rewind("c")).then_refused(
        CannotRerun,
        'Cannot rerun from stage "c": no completed stages found before execution group 3: '
        '"b" has no output; rerun from there or from an earlier stage',
    )


def test_a_changed_workflow_brings_its_plan() -> None:
    """As long as the earlier groups are the same, later ones may be anything."""
    new = plan("a", "x y", "c", fingerprint="two")
    run = (
        completed()
        .when(rewind("y", plan=new))
        .then(
            like(e.RunRewound, plan=new, group=2, cut=5),
            like(e.StageScheduled, stage="x", group=2),
            like(e.StageScheduled, stage="y", group=2),
        )
    )
    run.then(plan=new)
    assert list(run.world.run.stages) == ["a", "x", "y"]


def test_a_changed_workflow_may_go_on_where_the_run_ended() -> None:
    """A group that is new behind the last one is run with the last output; only the end is cut."""
    longer = plan("a", "b", "c", "d")
    run = (
        completed()
        .when(rewind("d", plan=longer))
        .then(like(e.RunRewound, group=4, cut=11), like(e.StageScheduled, stage="d", group=4))
    )
    assert run.world.run.input_of(4) == 3
    assert replay(effective(run.world.history)) == run.world.run


def test_a_stage_may_move_to_a_later_group() -> None:
    """A stage id that the new plan has elsewhere is scheduled there, and its old life is cut."""
    moved = plan("a", "c", "b")
    run = given(rewind("c", plan=moved), *done("c"), *done("b"), world=completed().world)
    run.then(status=Status.COMPLETED)
    run.then_stage("b", group=3, generation=1)


def test_a_changed_earlier_group_is_refused() -> None:
    """The error names what ran there, and what is there now."""
    completed().when(rewind("c", plan=plan("a", "x b", "c"))).then_refused(
        CannotRerun,
        'Cannot rerun from stage "c": execution group 2 ran as b, but is now b, x; '
        "rerun from one of these or from an earlier stage",
    )


def fork(source: Given, stage: str) -> World:
    """Fork a run at its newest version, an hour later."""
    run = source.world.run
    command = fork_command(
        run,
        stage,
        now=source.world.now + timedelta(hours=1),
        head_hash="head",
        plan=run.plan,
        config=run.config,
        input=run.input,
        metadata={"copy": True},
        idempotency_key="key",
        request_hash="request",
    )
    return given(lambda _: command, world=World(now=command.now, run_id="run-2")).world


def test_a_fork_carries_the_outputs_that_it_needs() -> None:
    """The first event of a fork holds where it comes from and what came before its group."""
    forked = fork(completed(), "c")
    assert [fact.event for fact in forked.history] == [
        e.RunCreated(
            "my-workflow",
            THREE,
            5,
            {},
            5,
            {"copy": True},
            "key",
            "request",
            e.ForkedFrom("run-1", 12, "head"),
            {"a": 1, "b": 2},
        ),
        e.StageScheduled("c", 3, 0, 1, at(3600)),
    ]
    assert forked.run.input_of(3) == 2
    assert forked.run.outputs_before(3) == {"a": 1, "b": 2}
    given(world=forked).then(status=Status.PENDING, forked_from=e.ForkedFrom("run-1", 12, "head"))
    given(world=forked).then_stage(
        "a", status=Status.COMPLETED, scheduled=0, attempt=0, ended_at=at(3600)
    )


def test_a_fork_runs_to_its_end() -> None:
    """A fork executes its group and what follows, and nothing before."""
    given(*done("c", 9), world=fork(completed(), "c")).then(status=Status.COMPLETED, output=9)


def test_a_fork_can_be_rerun_before_its_start() -> None:
    """A rewind behind the start of a fork drops what it carried from there on."""
    forked = given(*done("c", 9), world=fork(completed(), "c"))
    run = forked.when(rewind("b")).then(
        like(e.RunRewound, group=2, cut=1), like(e.StageScheduled, stage="b", generation=1)
    )
    assert list(run.world.run.stages) == ["a", "b"]
    assert replay(effective(run.world.history)) == run.world.run
    given(*done("b"), *done("c", 4), world=run.world).then(status=Status.COMPLETED, output=4)


def test_a_fork_of_a_fork_carries_on() -> None:
    """Outputs that a fork carried are carried by its own forks."""
    forked = given(*done("c", 9), world=fork(completed(), "c"))
    assert fork(forked, "c").run.outputs_before(3) == {"a": 1, "b": 2}


def test_a_fork_is_refused_like_a_rerun() -> None:
    """A fork of a run that is alive, or that lacks the outputs, is refused."""
    with pytest.raises(CannotRerun, match="still pending"):
        fork(given(create(THREE)), "a")
    with pytest.raises(CannotRerun, match="no completed stages"):
        fork(given(create(THREE), cancel()), "b")
    with pytest.raises(StageNotFound):
        fork(completed(), "x")


def test_what_a_rewind_cuts_includes_notes() -> None:
    """A note between the cut and the rewind stays in the history, and out of the effective one."""
    noted = given(happens(e.RunAnnotated("k", 1)), wait(1), rewind("c"), world=completed().world)
    versions = [fact.version for fact in effective(noted.world.history)]
    assert versions == [*range(1, 9), 14, 15]
