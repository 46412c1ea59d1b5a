"""The rows of a run, and which of them a change touches."""

import attrs

from eventflow.core import events as e
from eventflow.core.projection import JobRow, RunRow, StageRow, changes, project
from eventflow.core.values import JobKind, Status
from tests.core.spec import (
    LEASE,
    Ask,
    World,
    at,
    cancel,
    claim,
    complete,
    create,
    done,
    given,
    happens,
    plan,
    rewind,
    steps,
    suspend,
    wait,
)


def touched(world: World, step: Ask) -> tuple[list[str], list[str], list[str], list[str]]:
    """List the stages and jobs that a step writes, and those that it drops."""
    after = given(step, world=world).world.run
    made = changes(world.state, after)
    return (
        [row.stage for row in made.stages],
        [row.stage for row in made.jobs],
        list(made.dropped_stages),
        list(made.dropped_jobs),
    )


def test_a_new_run_has_a_row_for_each_scheduled_stage() -> None:
    """The run, the stages of group 1 and their jobs have rows; later stages have none yet."""
    world = given(create(plan("a", "b", fingerprint="two"))).world
    rows = project(world.run)
    assert rows.run == RunRow(
        "run-1", "my-workflow", Status.PENDING, 5, 0, 2, "two", {}, at(0), None, None
    )
    assert rows.stages == (StageRow("a", 1, Status.PENDING, 0, 1, None, None),)
    assert rows.jobs == (JobRow("a", JobKind.EXECUTE, 2, at(0), 0, leased=False),)


def test_a_claimed_job_shows_its_token_until_the_lease_ends() -> None:
    """The row of a claimed job is leased, and due when the lease is over."""
    rows = project(given(create(plan("a")), claim("a")).world.run)
    assert rows.jobs == (JobRow("a", JobKind.EXECUTE, 2, at(LEASE), 4, leased=True),)
    assert rows.run.started_at == at(0)


def test_a_suspended_stage_has_the_job_of_its_check() -> None:
    """The check is due when the stage said so, unclaimed, and as old as the stage."""
    rows = project(given(create(plan("a")), claim("a"), suspend("a")).world.run)
    assert rows.jobs == (JobRow("a", JobKind.CHECK, 2, at(30), 0, leased=False),)


def test_an_ended_run_has_no_job() -> None:
    """The row of the run tells when it ended."""
    rows = project(given(create(plan("a")), claim("a"), wait(3), complete("a")).world.run)
    assert rows.jobs == ()
    assert (rows.run.status, rows.run.ended_at) == (Status.COMPLETED, at(3))
    assert rows.stages == (StageRow("a", 1, Status.COMPLETED, 0, 1, at(0), at(3)),)


def test_everything_of_a_new_run_is_a_change() -> None:
    """From nothing, the changes are the projection."""
    run = given(create(plan("a b", "c"))).world.run
    made, rows = changes(None, run), project(run)
    assert (made.run, made.stages, made.jobs) == (rows.run, rows.stages, rows.jobs)
    assert (made.dropped_stages, made.dropped_jobs) == ((), ())


def test_a_claim_touches_its_own_stage_alone() -> None:
    """The rows of a sibling, whose lease was renewed perhaps, are not written."""
    world = given(create(plan("a b")), claim("a")).world
    assert touched(world, claim("b")) == (["b"], ["b"], [], [])


def test_a_completed_stage_loses_its_job() -> None:
    """The row of the stage is written, its job goes away, and the next stage gets one."""
    world = given(create(plan("a", "b")), claim("a")).world
    assert touched(world, complete("a")) == (["a", "b"], ["b"], [], ["a"])


def test_a_cancelled_run_loses_its_jobs() -> None:
    """Only the stages that were alive are touched."""
    world = given(create(plan("a", "b c")), *done("a")).world
    assert touched(world, cancel()) == (["b", "c"], [], [], ["b", "c"])


def test_a_rewind_drops_the_rows_of_what_it_cut() -> None:
    """Stages that are scheduled anew are written, and those that are not any more go away."""
    world = given(create(plan("a", "b", "c")), *done("a"), *done("b"), *done("c")).world
    assert touched(world, rewind("b")) == (["b"], ["b"], ["c"], [])


def test_a_note_touches_the_run_alone() -> None:
    """The version of the run moves, and nothing else."""
    before = given(create(plan("a"))).world
    after = given(happens(e.RunAnnotated("k", 1)), world=before).world
    made = changes(before.state, after.run)
    assert made.run == attrs.evolve(project(before.run).run, version=3)
    assert (made.stages, made.jobs, made.dropped_stages, made.dropped_jobs) == ((), (), (), ())


def test_a_fork_has_rows_of_what_it_carried() -> None:
    """A carried stage has completed, was never attempted, and has no job."""
    rows = project(given(create(plan("a", "b"), group=2, carried={"a": 1})).world.run)
    assert rows.stages == (
        StageRow("a", 1, Status.COMPLETED, 0, 0, None, at(0)),
        StageRow("b", 2, Status.PENDING, 0, 1, None, None),
    )
    assert [row.stage for row in rows.jobs] == ["b"]


def test_a_step_touches_no_row_but_the_run() -> None:
    """The job keeps the due time that renewals have given it since the claim."""
    world = given(create(plan("a")), claim("a")).world
    assert touched(world, steps("a", {"fetch": 1, "store": 2})) == ([], [], [], [])


def test_a_step_and_what_follows_it_touch_what_follows() -> None:
    """Two decisions that are appended together write the rows of the later one."""
    world = given(create(plan("a")), claim("a")).world
    stepped = given(steps("a", {"fetch": 1}), complete("a"), world=world).world
    assert [row.status for row in changes(world.state, stepped.run).stages] == [Status.COMPLETED]
