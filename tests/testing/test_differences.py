"""Differences: each place at which two values differ, by path, and shown so that it can be seen."""

from typing import Any

import pytest

from eventflow.testing import MISSING, Difference, differences


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (1, 2, ""),
        ({"a": 1}, {"a": 2}, "a"),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "a.b[1]"),
        ([{"key-terms": 1}], [{"key-terms": 2}], "[0].key-terms"),
        ({"a b": 1}, {"a b": 2}, "['a b']"),
        ({"a": 1}, {"a": [1]}, "a"),
        ({"a": True}, {"a": 1}, "a"),
        ({"a": None}, {"a": False}, "a"),
    ],
)
def test_a_difference_has_the_path_of_its_place(old: Any, new: Any, path: str) -> None:  # noqa: ANN401 - JSON
    """The path leads from the whole value to the innermost part that differs."""
    (found,) = differences(old, new)
    assert found.path == path


@pytest.mark.parametrize("value", [None, 0, 1.5, "a", [], [1, [2]], {"a": {"b": None}}])
def test_a_value_does_not_differ_from_itself(value: Any) -> None:  # noqa: ANN401 - JSON
    """Equal values have no difference."""
    assert list(differences(value, value)) == []


def test_whole_numbers_and_fractions_are_one_kind() -> None:
    """JSON knows one kind of number: 1 and 1.0 are the same."""
    assert list(differences(1, 1.0)) == []


def test_what_is_only_on_one_side_is_missing_on_the_other() -> None:
    """A field or an item that came or went stands beside `MISSING`, and never beside null."""
    assert list(differences({"a": [1]}, {"a": [1, 2], "b": None})) == [
        Difference("a[1]", MISSING, 2),
        Difference("b", MISSING, None),
    ]
    assert str(Difference("b", MISSING, None)) == "b: nothing -> null"


def test_long_texts_are_shown_where_they_differ() -> None:
    """Of two long texts, the parts around the first difference are shown, and little else."""
    old, new = "x" * 500 + "old" + "y" * 500, "x" * 500 + "new" + "y" * 500
    text = str(Difference("text", old, new))
    assert "old" in text
    assert "new" in text
    assert len(text) < 200
