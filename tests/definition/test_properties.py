"""Whatever value is dumped comes back, and quick and thorough parsing always agree."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from eventflow.definition.data.converter import converter
from eventflow.definition.schema import Schema, dump_json

TEXT = st.text(st.characters(codec="utf-8"))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


@frozen
class Leaf:
    number: int
    ratio: float
    text: str | None
    when: datetime
    day: date
    pause: timedelta
    id: UUID
    price: Decimal
    raw: bytes


@frozen
class Node:
    leaves: list[Leaf] = field(factory=list)
    named: dict[str, "Node"] = field(factory=dict)
    extra: object = None
    labels: frozenset[str] = frozenset()
    pair: tuple[int, str] | None = None


LEAVES = st.builds(
    Leaf,
    number=st.integers(),
    ratio=FINITE,
    text=st.none() | TEXT,
    when=st.datetimes(timezones=st.just(UTC)) | st.datetimes(),
    day=st.dates(),
    pause=st.timedeltas(),
    id=st.uuids(),
    price=st.decimals(allow_nan=False, allow_infinity=False),
    raw=st.binary(),
)
NODES: st.SearchStrategy[Node] = st.deferred(
    lambda: st.builds(
        Node,
        leaves=st.lists(LEAVES, max_size=2),
        named=st.dictionaries(TEXT, NODES, max_size=2),
        extra=PLAIN,
        labels=st.frozensets(TEXT, max_size=3),
        pair=st.none() | st.tuples(st.integers(), TEXT),
    )
)
NODE_SCHEMA: Schema[Node] = Schema(Node)
RESEMBLING = st.fixed_dictionaries(
    {},
    optional={
        "leaves": st.lists(st.fixed_dictionaries({}, optional={"number": PLAIN}), max_size=2)
        | PLAIN,
        "named": st.dictionaries(TEXT, st.just({}) | PLAIN, max_size=2),
        "extra": PLAIN,
        "labels": st.lists(TEXT | PLAIN, max_size=3),
        "pair": st.lists(PLAIN, max_size=3),
        "unknown": PLAIN,
    },
)


@given(NODES)
def test_a_typed_value_survives_its_form_as_json(node: Node) -> None:
    """Dumped, written as JSON text, read and parsed, a value is what it was."""
    text = json.dumps(NODE_SCHEMA.dump(node), allow_nan=False)
    assert NODE_SCHEMA.parse(json.loads(text)) == node


@given(PLAIN)
def test_plain_data_is_kept_as_it_is(data: object) -> None:
    """Plain data is dumped to the same data."""
    assert dump_json(data) == data
    assert Schema(object).parse(data) == data


@given(RESEMBLING | PLAIN)
def test_quick_and_thorough_parsing_agree(data: object) -> None:
    """Both ways to parse accept the same data, and make the same value of it."""
    outcomes: list[object] = []
    for thorough in (False, True):
        hook = converter(thorough=thorough, exact=True).get_structure_hook(Node)
        try:
            outcomes.append(hook(data, Node))
        except Exception:  # noqa: BLE001 - whatever it is, it is a refusal
            outcomes.append("refused")
    assert outcomes[0] == outcomes[1]
