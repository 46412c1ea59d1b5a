"""Every release can read what any release has written: the golden corpus."""

import msgspec
import pytest

from eventflow.core.events import EVENT_TYPES, UnknownEvent
from eventflow.store.chain import verify
from eventflow.store.codec import SCHEMAS, decode, encode
from eventflow.store.envelope import open_envelope
from tests.store.corpus import Golden, corpus, digest_of, missing, newest, sums
from tests.store.examples import EXAMPLES, OLDER

CORPUS = corpus()


def test_every_shape_has_a_golden_file() -> None:
    """What is written today is in the corpus; `python -m tests.store.corpus` adds what is not.

    A shape that nobody meant to change is a log that the next release cannot read.
    """
    assert [f"{each.type}, schema {each.schema}" for each in missing()] == []


def test_every_schema_number_has_a_golden_file() -> None:
    """No type and no number was left out, and none is there that this release does not know."""
    known = {(name, number) for name in EVENT_TYPES for number in range(1, SCHEMAS[name] + 1)}
    assert {(golden.stored.type, golden.stored.schema) for golden in CORPUS} == known


def test_no_golden_file_was_altered() -> None:
    """Each file is, byte by byte, what it was when it was added, and none is gone."""
    assert {golden.name: digest_of(golden.name) for golden in CORPUS} == sums()


@pytest.mark.parametrize("golden", CORPUS, ids=lambda golden: golden.name)
def test_a_golden_event_loads(golden: Golden) -> None:
    """It verifies, is known to this release, and keeps every field that it was stored with."""
    stored = golden.stored
    verify([stored])
    event = open_envelope(stored).event
    assert not isinstance(event, UnknownEvent)
    if stored.schema == SCHEMAS[stored.type]:
        now = msgspec.json.decode(encode(event)[2])
        then = msgspec.json.decode(stored.data)
        assert {key: now.get(key) for key in then} == then


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_newest_golden_event_is_the_example(name: str) -> None:
    """It is read as what was meant."""
    stored = newest()[name].stored
    assert decode(stored.type, stored.schema, stored.data) == EXAMPLES[name]


@pytest.mark.parametrize("name", OLDER)
def test_what_was_written_before_a_field_was_added_can_be_read(name: str) -> None:
    """The new fields have their defaults."""
    stored = next(golden.stored for golden in CORPUS if golden.stored.type == name)
    assert decode(stored.type, stored.schema, stored.data) == OLDER[name]
