"""Which blobs an event refers to can be told from the event alone."""

import json

import pytest

from eventflow.core import events as e
from eventflow.core.references import Reference, as_reference, is_key, references, references_in
from eventflow.core.values import JSON, ArtifactKind
from tests.store.examples import PLAN

ONE = Reference("sha256:" + "1" * 64, 70_000)
TWO = Reference("sha256:" + "2" * 64, 80_000)
A, B = ONE.as_json(), TWO.as_json()

NO_REFERENCES: list[JSON] = [
    None,
    "sha256:" + "1" * 64,
    {},
    {"$blob": ONE.key},
    {"$blob": ONE.key, "size": -1},
    {"$blob": ONE.key, "size": True},
    {"$blob": ONE.key, "size": 1.0},
    {"$blob": ONE.key, "size": 1, "more": 1},
    {"$blob": "sha256:" + "1" * 63, "size": 1},
    {"$blob": "sha256:" + "G" * 64, "size": 1},
    {"$blob": ONE.key + "\n", "size": 1},
    {"$blob": 7, "size": 1},
    [ONE.key, 1],
]
EVENTS: list[tuple[e.Event, tuple[Reference, ...]]] = [
    (e.StageCompleted("a", 0, 1, 3, A), (ONE,)),
    (e.StageCompleted("a", 0, 1, 3, 5, metrics={"x": A}), ()),
    (e.StepCompleted("a", 0, 1, 3, "step", A), (ONE,)),
    (e.StageSuspended("a", 0, 1, 3, A, None, None), (ONE,)),  # type: ignore[arg-type]
    (e.SignalReceived("go", B), (TWO,)),
    (e.RunCompleted({"a": A, "b": 1, "c": B}), (ONE, TWO)),
    (e.RunCompleted({"a": A, "b": [A]}), (ONE,)),
    (e.ResultDiscarded("a", 3, "completed", A), (ONE,)),
    (e.RunRewound("a", 1, 2, 1, PLAN, {}, B), (TWO,)),
    (e.RunAnnotated("key", A), ()),
    (e.StageLogged("a", 0, 1, "info", "hello", {"x": A}), ()),
    (e.ArtifactSaved("a", 0, 1, 3, "x", ONE.key, 70_000, ArtifactKind.BYTES), (ONE,)),
    (e.ArtifactDeleted("a", 0, 1, 3, "x"), ()),
    (
        e.RunCreated(
            workflow_id="w",
            plan=PLAN,
            input=A,
            config={"a": B},
            priority=5,
            metadata={"x": B},
            artifacts=(e.CarriedArtifact("a", "x", TWO.key, 80_000, ArtifactKind.JSON),),
        ),
        (ONE, TWO),
    ),
    (
        e.UnknownEvent("stage.invented", 9, json.dumps({"deep": [{"in": A}, B]}).encode()),
        (ONE, TWO),
    ),
    (e.UnknownEvent("stage.invented", 9, b"\xff not JSON"), ()),
    (e.UnknownEvent("stage.invented", 9, b"[" * 100_000), ()),
]


@pytest.mark.parametrize(("event", "expected"), EVENTS)
def test_an_event_tells_what_it_refers_to(event: e.Event, expected: tuple[Reference, ...]) -> None:
    """The fields that hold values of users, and artifacts, name blobs; no other field does."""
    assert references(event) == expected


@pytest.mark.parametrize("value", NO_REFERENCES)
def test_what_only_resembles_a_reference_is_none(value: JSON) -> None:
    """A reference has exactly its two keys, a whole key of a blob, and a size."""
    assert as_reference(value) is None
    assert list(references_in(value)) == []


def test_a_reference_is_read_as_it_was_written() -> None:
    """The form in an event gives the reference back."""
    assert as_reference(ONE.as_json()) == ONE
    assert is_key(ONE.key)
