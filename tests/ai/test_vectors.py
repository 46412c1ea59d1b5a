"""Vectors are kept small, and come back to the last bit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.ai.vectors import packed, unpacked
from eventflow.core.values import JSON


@given(st.lists(st.lists(st.floats(allow_nan=False, width=32) | st.floats(allow_nan=False))))
def test_any_vectors_come_back(vectors: list[list[float]]) -> None:
    """Whatever numbers they hold, also infinite ones, which JSON has no word for."""
    assert unpacked(packed(vectors)) == vectors


def test_the_numbers_of_providers_take_four_bytes() -> None:
    """A vector of 1,536 numbers that fit a float32 takes 8 KiB."""
    vectors: Any = packed([[0.125] * 1_536])
    (written,) = vectors
    assert list(written) == ["float32"]
    assert len(written["float32"]) == 8_192


@pytest.mark.parametrize(
    "wrong", [[5], [{"float16": ""}], [{"float32": "!"}], [{"float32": "AAA="}], 5]
)
def test_what_is_no_vector_is_refused(wrong: JSON) -> None:
    """Nothing is made up."""
    with pytest.raises(ValueError, match=r"."):
        unpacked(wrong)
