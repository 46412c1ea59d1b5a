"""Statistics of calls are told by topic, stage and model, and topics are paths."""

from collections.abc import Sequence
from decimal import Decimal

import attrs
import pytest

from eventflow.core import events as e
from eventflow.core.ai_stats import AIStats, Tally, is_within, segment, stage_topic
from tests.core.spec import create, done, given, happens, plan, rewind
from tests.core.test_spending import CALL


def call(topic: str, model: str = "example:model", stage: str | None = None) -> e.AICalled:
    """Make a call of ten cents."""
    return attrs.evolve(CALL, topic=topic, requested_model=model, stage=stage)


def history(*calls: e.AICalled) -> Sequence[e.Recorded]:
    """Give the history of a run with these calls."""
    return given(create(plan("a")), *(happens(each) for each in calls)).world.history


def stats(
    *histories: Sequence[e.Recorded], topic: str | None = None, stage: str | None = None
) -> AIStats:
    """Count the calls of these histories."""
    tally = Tally(topic, stage)
    for each in histories:
        tally.add(each)
    return tally.stats()


@pytest.mark.parametrize(
    ("topic", "path", "within"),
    [
        ("workflow.ab", "workflow.ab", True),
        ("workflow.ab.stage.x", "workflow.ab", True),
        ("workflow.abc", "workflow.ab", False),
        ("workflow", "workflow.ab", False),
        ("workflow.abc.stage.x", "workflow.ab", False),
    ],
)
def test_a_topic_is_a_path(topic: str, path: str, *, within: bool) -> None:
    """What lies below a topic belongs to it, and what only begins alike does not."""
    assert is_within(topic, path) is within


def test_an_id_is_one_segment_whatever_it_holds() -> None:
    """The dots of an id do not make another path of it, and no two ids are written alike."""
    assert stage_topic("run-1", "count") == "workflow.run-1.stage.count"
    dotted = stage_topic("run-1", "ingest.v2")
    assert not is_within(dotted, stage_topic("run-1", "ingest"))
    assert len({segment("a.b"), segment("a%2Eb"), segment("a%b")}) == 3


def test_calls_are_told_by_topic_stage_and_model() -> None:
    """Only what is asked for is counted."""
    recorded = history(
        call("workflow.ab.stage.a", stage="a"),
        call("workflow.ab", "example:other"),
        call("workflow.abc"),
    )
    assert stats(recorded).calls == 3
    of_topic = stats(recorded, topic="workflow.ab")
    assert (of_topic.calls, of_topic.cost) == (2, Decimal("0.2"))
    assert {name: use.spent.calls for name, use in of_topic.models.items()} == {
        "example:model": 1,
        "example:other": 1,
    }
    assert set(of_topic.topics) == {"workflow.ab.stage.a", "workflow.ab"}
    assert stats(recorded, stage="a").calls == 1


def test_what_was_cut_is_spent_and_no_longer_effective() -> None:
    """Both are told, of all and of each model and topic."""
    world = given(
        create(plan("a")), happens(call("t")), *done("a"), rewind("a"), happens(call("t"))
    ).world
    found = stats(world.history)
    assert (found.spent.calls, found.effective.calls) == (2, 1)
    for sums in (found.models["example:model"], found.topics["t"]):
        assert (sums.spent.calls, sums.effective.calls) == (2, 1)


def test_the_statistics_of_a_run_are_its_totals() -> None:
    """Counting the history says the same as the state that it folds to."""
    world = given(
        create(plan("a", "b")), happens(CALL), *done("a"), happens(CALL), *done("b"), rewind("b")
    ).world
    found, ai = stats(world.history), world.run.ai
    assert (found.spent, found.effective) == (ai.spent.total, ai.effective.total)


def test_several_runs_add_up() -> None:
    """The calls of each run are counted by its own history."""
    assert stats(history(call("t")), history(call("t"), call("u"))).calls == 3
