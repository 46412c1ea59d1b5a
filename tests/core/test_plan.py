"""The plan: a workflow as data, asked for its stages and groups."""

from tests.core.spec import plan

PLAN = plan("a", "b c", "d")


def test_stages_come_in_execution_order() -> None:
    """The ids of all stages are listed group by group."""
    assert PLAN.stage_ids() == ("a", "b", "c", "d")


def test_groups_are_numbered_from_one() -> None:
    """Group 2 is the second."""
    assert [stage.id for stage in PLAN.group(2)] == ["b", "c"]


def test_a_stage_is_found_with_its_group() -> None:
    """Finding a stage gives the number of its group and its plan."""
    found = PLAN.find("c")
    assert found is not None
    assert (found[0], found[1].id) == (2, "c")


def test_an_unknown_stage_is_not_found() -> None:
    """A stage that the plan does not have is None."""
    assert PLAN.find("x") is None


def test_only_the_last_group_is_last() -> None:
    """No group follows the third of three."""
    assert [PLAN.is_last(group) for group in (1, 2, 3)] == [False, False, True]
