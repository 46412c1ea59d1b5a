"""Identifiers: unique, and sortable by the time at which they were drawn."""

import time
import uuid

import pytest

from eventflow.runtime.identifiers import new_id, random_number


def test_an_id_is_a_uuid_of_version_7() -> None:
    """Any tool that knows RFC 9562 can read it."""
    drawn = uuid.UUID(new_id())
    assert (drawn.version, drawn.variant) == (7, uuid.RFC_4122)


def test_ids_are_unique() -> None:
    """Also those of one millisecond."""
    assert len({new_id() for _ in range(20_000)}) == 20_000


def test_ids_begin_with_their_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """So they sort by time, as text and as numbers."""
    drawn = []
    for milliseconds in (1, 1_700_000_000_000, 1_700_000_000_001, 2**48 - 1):
        monkeypatch.setattr(time, "time_ns", lambda now=milliseconds: now * 1_000_000 + 999_999)
        drawn.append(new_id())
        assert uuid.UUID(drawn[-1]).int >> 80 == milliseconds
    assert drawn == sorted(drawn)


def test_random_numbers_are_those_of_jitter() -> None:
    """From 0 to below 1, and not always the same."""
    numbers = [random_number() for _ in range(100)]
    assert all(0 <= number < 1 for number in numbers)
    assert len(set(numbers)) > 90
