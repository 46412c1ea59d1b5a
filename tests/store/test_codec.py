"""Events are written under names and shapes that never change by accident."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from eventflow.core.events import (
    EVENT_TYPES,
    Event,
    Note,
    RunAnnotated,
    RunCompleted,
    RunCreated,
    StageProgressed,
    StageScheduled,
    Transition,
    UnknownEvent,
)
from eventflow.core.values import JSON
from eventflow.errors import InvalidData
from eventflow.store.codec import SCHEMAS, UPCASTERS, decode, encode
from tests.store.examples import EXAMPLES

json_values: st.SearchStrategy[JSON] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_every_type_has_an_example() -> None:
    """No type of event escapes the tests below."""
    assert list(EXAMPLES) == list(EVENT_TYPES)
    assert all(type(event) is EVENT_TYPES[name] for name, event in EXAMPLES.items())


@given(value=json_values)
def test_any_json_comes_back_exactly(value: JSON) -> None:
    """Values keep their types, digits and characters."""
    event = RunAnnotated("key", value, fields={"value": value})
    back = decode(*encode(event))
    assert back == event
    assert repr(back) == repr(event)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("make", "path"),
    [
        (RunCompleted, "output"),
        (lambda number: RunCompleted({"a": [0, {"b": number}]}), "output.a[1].b"),
        (lambda number: RunAnnotated("key", 1, fields={"x": (number,)}), "fields.x[0]"),
        (lambda number: StageProgressed("a", 0, 1, number), "fraction"),
    ],
    ids=["value", "nested", "fields", "number"],
)
def test_numbers_that_are_none_are_refused(
    make: Callable[[float], Transition | Note], path: str, number: float
) -> None:
    """NaN and infinity are refused with their place, instead of becoming null."""
    with pytest.raises(InvalidData) as caught:
        encode(make(number))
    assert [problem.path for problem in caught.value.problems] == [path]


@pytest.mark.parametrize("value", [object(), "\ud800", {1j: 2}], ids=["object", "surrogate", "key"])
def test_what_is_not_json_is_refused(value: JSON) -> None:
    """A value that JSON does not have is an error that names the type of the event."""
    with pytest.raises(InvalidData, match=r"A run\.completed event cannot be written as JSON"):
        encode(RunCompleted(value))


def test_an_unknown_type_can_be_read() -> None:
    """An event of a type that this release does not know keeps its bytes, both ways."""
    unknown = UnknownEvent("run.teleported", 1, b'{"to": "elsewhere"}')
    assert decode("run.teleported", 1, b'{"to": "elsewhere"}') == unknown
    assert encode(unknown) == ("run.teleported", 1, b'{"to": "elsewhere"}')


def test_a_newer_schema_can_be_read() -> None:
    """An event whose shape is newer than this release is unknown, and not misread."""
    assert decode("run.started", 2, b"{}") == UnknownEvent("run.started", 2, b"{}")


def test_extra_fields_are_ignored() -> None:
    """What a newer release added to a shape is left out, and not refused."""
    data = b'{"output":1,"cost":{"cents":3}}'
    assert decode("run.completed", 1, data) == RunCompleted(1)


def test_defaults_fill_what_is_missing() -> None:
    """Fields that were added with a default can be missing in what is stored."""
    assert decode("run.annotated", 1, b'{"key":"k","value":1}') == RunAnnotated("k", 1)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b'{"stage":1}', b'{"reason":"\xff"}', b'{"reason":3}'],
)
def test_corrupt_data_is_an_error(data: bytes) -> None:
    """Bytes that are not the data of an event of the type are refused by name."""
    with pytest.raises(InvalidData, match=r"The data of a stage\.scheduled event cannot be read"):
        decode("stage.scheduled", 1, data)


def test_runs_of_one_plan_share_it() -> None:
    """What is written alike is one object in memory, however many runs have it."""
    event = EXAMPLES["run.created"]
    assert isinstance(event, RunCreated)
    first, second = decode(*encode(event)), decode(*encode(evolve(event, metadata={"n": 2})))
    assert isinstance(first, RunCreated)
    assert isinstance(second, RunCreated)
    assert first.plan == event.plan
    assert first.plan is second.plan


def test_a_corrupt_plan_is_an_error() -> None:
    """A plan that is none is refused, as every part of an event is."""
    kind, schema, data = encode(EXAMPLES["run.created"])
    broken = data.replace(b'"max_attempts":', b'"max_attempts":-', 1)
    assert broken != data
    with pytest.raises(InvalidData, match=r"The data of a run\.created event cannot be read"):
        decode(kind, schema, broken)


def test_a_plan_that_could_not_be_read_is_not_written() -> None:
    """What nobody checked on its way into a plan is refused before it is in the log for ever."""
    event = EXAMPLES["run.created"]
    assert isinstance(event, RunCreated)
    ((first, *_), *_) = event.plan.groups
    broken: Any = 3
    plan = evolve(event.plan, groups=((evolve(first, retry=broken),),))
    with pytest.raises(InvalidData, match=r"A run\.created event cannot hold this"):
        encode(evolve(event, plan=plan))


def test_older_shapes_are_brought_up_step_by_step() -> None:
    """Upcasters are applied one after the other, up to the schema that is written now."""

    def split(data: dict[str, JSON]) -> dict[str, JSON]:
        stage, _, group = str(data.pop("place")).partition("/")
        return {**data, "stage": stage, "group": int(group)}

    def count(data: dict[str, JSON]) -> dict[str, JSON]:
        return {**data, "generation": 0, "attempt": 1}

    event: Event = decode(
        "stage.scheduled",
        -1,
        b'{"place":"extract/1","due_at":"2026-03-04T05:06:07.000089Z"}',
        upcasters={("stage.scheduled", -1): split, ("stage.scheduled", 0): count},
    )
    assert event == EXAMPLES["stage.scheduled"]
    assert isinstance(event, StageScheduled)


def test_a_shape_that_nothing_brings_up_is_an_error() -> None:
    """An older schema number without an upcaster is refused, and not guessed at."""
    with pytest.raises(InvalidData, match=r"Nothing reads schema 0 of a run\.started event"):
        decode("run.started", 0, b"{}")


def test_every_older_shape_has_an_upcaster() -> None:
    """There is exactly one step from each schema number to the next."""
    steps = {(name, number) for name in SCHEMAS for number in range(1, SCHEMAS[name])}
    assert set(UPCASTERS) == steps
