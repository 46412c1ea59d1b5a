"""The outputs of steps: a mapping that is never changed, however it grows."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.core.steps import NO_STEPS, Steps


def grown(*names: str) -> Steps:
    """Add steps, one after the other."""
    steps = NO_STEPS
    for name in names:
        steps = steps.adding(name, name.upper())
    return steps


def test_a_version_stays_as_it_was() -> None:
    """Adding to a version gives another one, and the older one does not see it."""
    one = grown("a")
    two = one.adding("b", "B")
    assert (dict(NO_STEPS), dict(one), dict(two)) == ({}, {"a": "A"}, {"a": "A", "b": "B"})
    assert "b" not in one
    with pytest.raises(KeyError):
        one["b"]


def test_adding_to_the_newest_version_copies_nothing() -> None:
    """So ten thousand steps take ten thousand times as long as one."""
    one = grown("a")
    two = one.adding("b", "B")
    assert two._outputs is one._outputs
    assert one.adding("c", "C")._outputs is not one._outputs


def test_a_name_is_added_once() -> None:
    """Another output under the same name is refused, also if it is the same."""
    with pytest.raises(ValueError, match='the step "a" has completed already'):
        grown("a").adding("a", "A")


def test_an_older_version_can_go_on_otherwise() -> None:
    """Two lines that begin in one version know nothing of each other."""
    one = grown("a")
    left, right = one.adding("b", 1), one.adding("b", 2)
    assert (left["b"], right["b"], dict(one)) == (1, 2, {"a": "A"})
    assert dict(right.adding("c", 3)) == {"a": "A", "b": 2, "c": 3}
    assert dict(left.adding("c", 4)) == {"a": "A", "b": 1, "c": 4}


def test_steps_are_equal_by_what_they_hold() -> None:
    """Whether they share memory or not, and also to a plain mapping."""
    one = grown("a")
    one.adding("b", 1)
    assert one == grown("a") == {"a": "A"} == copy.deepcopy(one)
    assert one != grown("a", "b")
    assert repr(one) == "Steps({'a': 'A'})"


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abcde"))))
def test_any_tree_of_versions_is_a_tree_of_dicts(growth: list[tuple[int, str]]) -> None:
    """Whichever version is added to, all versions hold what dicts that are copied would."""
    versions: list[tuple[Steps, dict[str, object]]] = [(NO_STEPS, {})]
    for number, (place, name) in enumerate(growth):
        steps, expected = versions[place % len(versions)]
        if name not in expected:
            versions.append((steps.adding(name, number), {**expected, name: number}))
    for steps, expected in versions:
        assert list(steps.items()) == list(expected.items())
