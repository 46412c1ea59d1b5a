"""What a run is: a fold over its events, which refuses a history that cannot be."""

import pytest

from eventflow.core import events as e
from eventflow.core.state import effective, evolve, replay
from eventflow.core.values import ArtifactKind, Status
from tests.core.spec import (
    BROKEN,
    RUN,
    START,
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
    wait,
)

ONE = plan("a")
CREATED = e.RunCreated("my-workflow", ONE, 5, {}, 5, {})
SCHEDULED = e.StageScheduled("a", 1, 0, 1, START)
NOTES: list[e.Event] = [
    e.StageLogged("a", 0, 1, "info", "hello"),
    e.StageProgressed("a", 0, 1, 0.5),
    e.RunAnnotated("key", "value"),
    e.ArtifactSaved("a", 0, 1, 4, "name", "sha256:" + "0" * 64, 1, ArtifactKind.JSON),
    e.ArtifactDeleted("a", 0, 1, 4, "name"),
    e.ResultDiscarded("a", 4, "completed", 1),
]


def fact(version: int, event: e.Event) -> e.Recorded:
    """Record an event at the start."""
    return e.Recorded(RUN, version, START, event)


def test_a_run_is_what_its_first_event_says() -> None:
    """Plan, input, config, priority, metadata and time come from `run.created`."""
    event = e.RunCreated("my-workflow", ONE, {"x": 1}, {"a": {}}, 8, {"request": "r"})
    run = replay([fact(1, event)])
    assert (run.run_id, run.version, run.status) == (RUN, 1, Status.PENDING)
    assert (run.workflow_id, run.plan, run.input) == ("my-workflow", ONE, {"x": 1})
    assert (run.config, run.priority, run.metadata) == ({"a": {}}, 8, {"request": "r"})
    assert (run.created_at, run.started_at, run.output) == (START, None, None)


def test_version_and_time_are_those_of_the_last_event() -> None:
    """Every event moves both."""
    given(create(ONE), wait(5), claim("a")).then(version=4, recorded_at=at(5))


@pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
def test_a_note_changes_nothing_but_the_version(note: e.Event) -> None:
    """A note leaves the state as it is, whether the run is alive or has ended."""
    for world in (given(create(ONE)).world, given(create(ONE), *done("a")).world):
        before, after = world.run, world.append(note).run
        assert after.version == before.version + 1
        assert after.stages is before.stages
        assert (after.status, after.ending) == (before.status, before.ending)


def test_an_empty_history_is_refused() -> None:
    """There is no run without an event."""
    with pytest.raises(ValueError, match="an empty history is not a run"):
        replay([])


def test_a_history_without_its_beginning_is_refused() -> None:
    """The first event creates the run."""
    with pytest.raises(ValueError, match=r"begins with run\.created, not with StageScheduled"):
        replay([fact(1, SCHEDULED)])


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_that_does_not_rise_is_refused(version: int) -> None:
    """No event has the version of an earlier one."""
    with pytest.raises(ValueError, match=f"version {version} cannot follow version 2"):
        replay([fact(1, CREATED), fact(2, SCHEDULED), fact(version, e.RunStarted())])


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([CREATED], "a run cannot be created twice"),
        ([e.JobClaimed("x", 0, 1, "w", 60)], 'stage "x" was never scheduled'),
        ([e.StageCompleted("a", 0, 1, 4, 1)], "StageCompleted cannot happen to a pending stage"),
        ([e.RunCompleted(1)], "RunCompleted cannot happen to a pending run"),
        ([e.RunRewound("a", 1, 1, 1, ONE, {}, 5)], "RunRewound cannot happen to a pending run"),
        ([e.RunCancelled(), e.RunCancelled()], "RunCancelled cannot happen to a cancelled run"),
        ([e.RunCancelled(), SCHEDULED], "StageScheduled cannot happen to a cancelled run"),
        ([e.RunFailed(BROKEN)], "RunFailed cannot happen to a pending run"),
    ],
)
def test_what_cannot_happen_is_refused(events: list[e.Event], reason: str) -> None:
    """An event that the laws do not allow makes the history impossible."""
    history = [CREATED, SCHEDULED, *events]
    with pytest.raises(ValueError, match=reason):
        replay([fact(version, event) for version, event in enumerate(history, start=1)])


def test_a_stage_event_cannot_revive_a_run() -> None:
    """A run that a stage failed cannot be left by what another stage does."""
    world = given(create(plan("a b")), claim("a"), claim("b")).world.append(e.RunFailed(BROKEN))
    with pytest.raises(ValueError, match="StageCompleted cannot happen to a failed run"):
        world.append(e.StageCompleted("b", 0, 1, 6, 1))


def test_an_unknown_event_can_be_folded() -> None:
    """It changes nothing but the list of what is unknown."""
    unknown = e.UnknownEvent("stage.skipped", 2, b"{}")
    run = given(create(ONE), happens(unknown))
    run.then(unknown=((3, "stage.skipped"),), version=3, status=Status.PENDING)


def test_what_follows_an_unknown_event_can_be_folded() -> None:
    """What only the unknown event made possible is passed over, and the rest is folded."""
    unknown = e.UnknownEvent("stage.skipped", 2, b"{}")
    run = given(
        create(plan("a", "b")),
        happens(unknown),
        happens(e.StageScheduled("b", 2, 0, 1, START)),
        happens(e.JobClaimed("c", 0, 1, "w", 60)),
        happens(e.StageCompleted("a", 0, 1, 9, 1)),
    )
    run.then(version=6)
    run.then_stage("a", status=Status.PENDING)
    run.then_stage("b", status=Status.PENDING)


def test_a_rewind_takes_unknown_events_back() -> None:
    """A newer release that rewound what it alone understood gives the run back to older ones."""
    world = given(create(ONE), cancel(), happens(e.UnknownEvent("x", 1, b""))).world
    rewound = world.append(e.RunRewound("a", 1, 1, 1, ONE, {}, 5))
    assert rewound.run.unknown == ()


def test_the_effective_history_of_a_run_without_rewinds_is_all_of_it() -> None:
    """Nothing is left out but by a rewind."""
    history = given(create(ONE), *done("a")).world.history
    assert effective(history) == list(history)


def test_a_rewound_run_can_be_folded_from_any_of_its_versions() -> None:
    """The state as of a version is the fold up to it, also where that was cut later."""
    world = given(create(ONE), *done("a", 1), rewind("a"), *done("a", 2)).world
    as_of = replay(world.history[:6])
    assert (as_of.status, as_of.output) == (Status.COMPLETED, 1)
    assert world.run.output == 2


def test_folding_leaves_the_earlier_state_alone() -> None:
    """States are values: a later one shares nothing that could change in an earlier one."""
    before = given(create(ONE), claim("a")).world
    copy = replay(before.history)
    given(complete("a", 1), world=before)
    assert before.run == copy


def test_an_event_of_another_kind_is_no_beginning() -> None:
    """An unknown event cannot begin a history either."""
    with pytest.raises(ValueError, match="not with UnknownEvent"):
        evolve(None, fact(1, e.UnknownEvent("run.created", 2, b"{}")))
