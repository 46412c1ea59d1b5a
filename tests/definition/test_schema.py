"""A schema accepts what its type says, in every kind of class, and names all that is wrong."""

import json
import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NewType, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest
from attrs import field, frozen, validators
from typing_extensions import TypeAliasType

from eventflow.definition.schema import Schema, dump_json
from eventflow.errors import InvalidData, InvalidInput, InvalidOutput, InvalidWorkflow, Problem
from tests.definition.kinds import (
    ORDERS,
    AttrsName,
    AttrsOrder,
    DataclassOrder,
    ModelOrder,
    Range,
    StructOrder,
)

T = TypeVar("T")
UserId = NewType("UserId", int)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1


class Size(StrEnum):
    BIG = "big"


@frozen
class Page(Generic[T]):
    rows: list[T]
    following: "Page[T] | None" = None


@frozen
class Tree:
    value: int
    children: "list[Tree]" = field(factory=list)


@frozen
class Cat:
    lives: int


@frozen
class Dog:
    tricks: list[str]
    lives: int = 1


@frozen
class Started:
    at: int
    kind: Literal["started"] = "started"


@frozen
class Ended:
    at: int
    kind: Literal["ended"] = "ended"


class Tagged(msgspec.Struct, tag="t1"):
    value: int


class OtherTagged(msgspec.Struct, tag="t2"):
    value: int


@frozen
class Private:
    _secret: int
    shown: int = field(init=False, default=3)


class Name(str):
    __slots__ = ()


class Number(int):
    pass


class Ratio(float):
    pass


Alias = TypeAliasType("Alias", list[int])


@frozen
class Held(Generic[T]):
    held: T


@frozen
class NamedHolder(Held[T]):
    name: str = "x"


@frozen
class Pets:
    pets: list[Cat | Dog]
    by_name: dict[str, "Cat | Dog"]
    more: "Pets | None" = None
    plain: Any = None
    pair: tuple[Cat | Dog, int] | None = None


def problems(tp: Any, data: object) -> list[tuple[str, str]]:  # noqa: ANN401
    """Parse data that does not fit, and list the problems."""
    with pytest.raises(InvalidInput) as caught:
        Schema(tp).parse(data, InvalidInput)
    return [(problem.path, problem.reason) for problem in caught.value.problems]


PLAIN_VALUES: list[tuple[Any, object, object]] = [
    (int, 3, 3),
    (int, 2**80, 2**80),
    (float, 2.5, 2.5),
    (float, 2, 2.0),
    (str, "é", "é"),
    (bool, False, False),
    (None, None, None),
    (bytes, "aGk=", b"hi"),
    (datetime, "2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (date, "2024-01-02", date(2024, 1, 2)),
    (time, "03:04:05", time(3, 4, 5)),
    (timedelta, "PT90S", timedelta(seconds=90)),
    (Decimal, "1.10", Decimal("1.10")),
    (UUID, "00000000-0000-0000-0000-000000000001", UUID(int=1)),
    (Colour, "red", Colour.RED),
    (Level, 1, Level.LOW),
    (Size, "big", Size.BIG),
    (Literal["a", 1], 1, 1),
    (list[int], [1, 2], [1, 2]),
    (list, [1, "a"], [1, "a"]),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[int, ...], [1, 2], (1, 2)),
    (set[int], [1, 2], {1, 2}),
    (frozenset[str], ["a"], frozenset({"a"})),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (dict[int, str], {"1": "a"}, {1: "a"}),
    (dict[Colour, int], {"red": 1}, {Colour.RED: 1}),
    (dict[UUID, int], {str(UUID(int=1)): 1}, {UUID(int=1): 1}),
    (int | None, None, None),
    (int | str, "a", "a"),
    (int | float, 3, 3),
    (str | list[str], ["a"], ["a"]),
    (datetime | None, None, None),
    (UserId, 3, 3),
    (Annotated[int, "a note"], 3, 3),
    (object, {"a": [1, None]}, {"a": [1, None]}),
    (Any, "x", "x"),
    (AttrsOrder | None, {"count": 1}, AttrsOrder(1)),
    (Page[int], {"rows": [1], "following": {"rows": [2]}}, Page([1], Page([2]))),
    (Tree, {"value": 1, "children": [{"value": 2}]}, Tree(1, [Tree(2)])),
    (Cat | Dog, {"lives": 9}, Cat(9)),
    (Cat | Dog, {"tricks": []}, Dog([])),
    (Dog | Cat | None, {"tricks": [], "lives": 2}, Dog([], 2)),
    (Started | Ended, {"at": 1, "kind": "ended"}, Ended(1)),
    (Tagged | OtherTagged, {"type": "t2", "value": 1}, OtherTagged(1)),
    (Private, {"secret": 1}, Private(1)),
    (Path, "a/b", Path("a/b")),
    (Name, "a", Name("a")),
    (Number, 3, Number(3)),
    (Ratio, 0.5, Ratio(0.5)),
    (Alias, [1], [1]),
    (Literal[Colour.RED] | None, "red", Colour.RED),
    (Literal["a"] | int, 3, 3),
    (Colour | int, "red", Colour.RED),
    (dict[bool, int], {"true": 1}, {True: 1}),
    (NamedHolder[AttrsName], {"held": {"name": "a"}}, NamedHolder(AttrsName("a"))),
]


@pytest.mark.parametrize(("tp", "data", "value"), PLAIN_VALUES)
def test_data_becomes_a_value_of_the_type(tp: Any, data: object, value: object) -> None:  # noqa: ANN401
    """Parsing gives a value of the declared type, and that type exactly."""
    parsed: object = Schema(tp).parse(data)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(("tp", "data", "value"), PLAIN_VALUES)
def test_a_value_is_kept_and_comes_back(tp: Any, data: object, value: object) -> None:  # noqa: ANN401
    """What is dumped is JSON, and parses to the same value."""
    schema: Schema[object] = Schema(tp)
    dumped = schema.dump(value)
    assert schema.parse(json.loads(json.dumps(dumped, allow_nan=False))) == value


@pytest.mark.parametrize(("tp", "data", "value"), PLAIN_VALUES)
def test_an_instance_is_data_too(tp: Any, data: object, value: object) -> None:  # noqa: ANN401
    """Whoever has a typed value already may give that."""
    assert Schema(tp).parse(value) == value


REFUSED: list[tuple[Any, object]] = [
    (int, "5"),
    (int, True),
    (int, 5.0),
    (int, None),
    (float, "1"),
    (float, True),
    (float, math.nan),
    (float, math.inf),
    (float, 10**400),
    (str, 5),
    (str, None),
    (bool, 1),
    (bool, "true"),
    (None, 0),
    (bytes, "not base64!"),
    (datetime, "yesterday"),
    (datetime, 3),
    (date, "2024-13-01"),
    (Decimal, "NaN"),
    (Decimal, 1.5),
    (Decimal, "x"),
    (UUID, "x"),
    (Colour, "green"),
    (Level, True),
    (Literal[1], True),
    (list[int], "12"),
    (list[int], {"a": 1}),
    (tuple[int, str], [1]),
    (set[int], 3),
    (set[object], [[1]]),
    (dict[str, int], [1]),
    (dict[str, int], "ab"),
    (dict[int, str], {"x": "a"}),
    (int | str, 1.5),
    (int | str, True),
    (object, object()),
    (object, [math.nan]),
    (object, {(1, 2): 3}),
    (AttrsOrder, "count"),
    (AttrsOrder, [1]),
    (Cat | Dog, {"neither": 1}),
    (Tagged, {"type": "other", "value": 1}),
    (Annotated[int, msgspec.Meta(ge=3)], 2),
]


@pytest.mark.parametrize(("tp", "data"), REFUSED)
def test_nothing_is_guessed(tp: Any, data: object) -> None:  # noqa: ANN401
    """What is not of the type is refused, however close it looks."""
    assert problems(tp, data)


@pytest.mark.parametrize("tp", ORDERS)
def test_every_wrong_field_is_named(tp: Any) -> None:  # noqa: ANN401
    """All problems come at once, each with its path, whatever kind of class it is."""
    found = problems(tp, {"count": "5", "names": [{"name": "a"}, {"name": 1}, {}], "extra": 1})
    assert sorted(path for path, _ in found) == ["count", "extra", "names[1].name", "names[2].name"]


@pytest.mark.parametrize("tp", ORDERS)
def test_every_kind_is_parsed_and_dumped(tp: Any) -> None:  # noqa: ANN401
    """Each kind of class gives back the data that it was made of."""
    data = {"count": 5, "names": [{"name": "a"}]}
    schema: Schema[object] = Schema(tp)
    value = schema.parse(data)
    assert schema.dump(value) == data
    assert schema.parse(value) == value


@pytest.mark.parametrize("tp", ORDERS)
def test_stored_data_may_have_unknown_fields(tp: Any) -> None:  # noqa: ANN401
    """What another release stored is read without the fields that this one does not know."""
    schema: Schema[object] = Schema(tp, exact=False)
    value = schema.parse({"count": 5, "names": [{"name": "a", "more": 1}], "extra": 1})
    assert schema.dump(value) == {"count": 5, "names": [{"name": "a"}]}


@pytest.mark.parametrize("tp", [AttrsOrder, DataclassOrder, StructOrder, ModelOrder])
def test_another_class_is_refused(tp: Any) -> None:  # noqa: ANN401
    """An instance of another class does not pass, though its fields are the same."""

    @frozen
    class Twin:
        count: int = 1

    with pytest.raises(InvalidOutput, match=r"expected .*Order, got Twin"):
        Schema(tp).dump(Twin(), InvalidOutput)


def test_a_wrong_value_deep_inside_is_found() -> None:
    """A typed value whose parts are not what the types say is refused when it is dumped."""
    wrong: Any = AttrsOrder(1, [AttrsName("a"), AttrsName(3)])  # type: ignore[arg-type]
    with pytest.raises(InvalidOutput) as caught:
        Schema(AttrsOrder, 'the output of stage "x"').dump(wrong, InvalidOutput)
    assert caught.value.problems == (Problem("names[1].name", "expected text, got the number 3"),)
    assert str(caught.value).startswith('The output of stage "x" does not fit AttrsOrder:\n')


def test_not_a_number_is_named_with_its_place() -> None:
    """NaN and infinity have no meaning in JSON, wherever they are."""
    with pytest.raises(InvalidData) as caught:
        dump_json({"a": [1.0, math.nan], "b": {"c": math.inf}})
    assert [problem.path for problem in caught.value.problems] == ["a[1]", "b.c"]


def test_validators_are_asked_for_every_field() -> None:
    """A validator's verdict has the path of its field, beside the problems of other fields."""
    assert problems(list[Range], [{"low": -1, "high": -2}, {"low": "x", "high": -1}]) == [
        ("[0].low", "must be >= 0: -1"),
        ("[0].high", "must be >= 0: -2"),
        ("[1].low", "expected an integer, got the text 'x'"),
        ("[1].high", "must be >= 0: -1"),
    ]


def test_a_validator_may_look_at_another_field() -> None:
    """A validator that compares fields works, and its verdict is told with its field."""
    assert problems(Range, {"low": 5, "high": 3}) == [("high", "must not be below low")]
    assert problems(Range, {"low": 11}) == [("high", "must not be below low")]


def test_a_validator_that_breaks_is_a_problem_of_the_whole_class() -> None:
    """A validator that fails for a reason of its own refuses the value all the same."""

    @frozen
    class Broken:
        a: int = field()

        @a.validator
        def _look(self, _: object, __: int) -> None:
            raise AttributeError("no such thing")

    assert problems(Broken, {"a": 1}) == [("", "no such thing")]


def test_a_model_of_one_value() -> None:
    """A pydantic root model is whatever its root is."""

    class Names(pydantic.RootModel[list[str]]):
        pass

    schema: Schema[Names] = Schema(Names)
    assert schema.dump(schema.parse(["a"])) == ["a"]
    assert schema.defaults() == {}
    assert problems(Names, [1])[0][0] == "[0]"


def test_aliases_of_a_class_are_its_keys() -> None:
    """Renamed fields are read and written by the names that JSON has for them."""

    class Renamed(msgspec.Struct, rename="camel"):
        max_items: int

    class Aliased(pydantic.BaseModel):
        max_items: int = pydantic.Field(alias="maxItems")

    for tp in (Renamed, Aliased):
        schema: Schema[object] = Schema(tp)
        assert schema.dump(schema.parse({"maxItems": 3})) == {"maxItems": 3}
        assert problems(tp, {"maxItems": "x", "other": 1})[0][0] in {"maxItems", "other"}


def test_an_error_of_the_whole_class_is_told() -> None:
    """What a class refuses after all its fields were set is a problem of the whole value."""

    @frozen
    class Pair:
        a: int
        b: int

        def __attrs_post_init__(self) -> None:
            if self.a == self.b:
                raise ValueError("a and b must differ")

    assert problems(dict[str, Pair], {"x": {"a": 1, "b": 1}}) == [("x", "a and b must differ")]


def _lowered(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(tag.lower() for tag in tags)


def test_converters_of_a_class_run() -> None:
    """The constructor of a class is what makes its instances, with its converters."""

    @frozen
    class Tags:
        tags: tuple[str, ...] = field(
            converter=_lowered,
            validator=validators.min_len(1),
        )

    assert Schema(Tags).parse({"tags": ["A"]}) == Tags(["a"])
    assert problems(Tags, {"tags": []})[0][0] == "tags"


def test_problems_of_the_closest_member_are_told() -> None:
    """Where no member of a union fits, the problems are those of the one that nearly does."""
    assert problems(Cat | Dog, {"tricks": [1]}) == [
        ("tricks[0]", "expected text, got the number 1")
    ]


def test_a_deeply_nested_mistake_is_found_fast() -> None:
    """Finding a mistake takes time in proportion to the data, not to the power of its depth."""
    data: dict[str, object] = {"value": "wrong"}
    for _ in range(60):
        data = {"value": 1, "children": [data]}
    found = problems(Tree, data)
    assert found == [("children[0]." * 60 + "value", "expected an integer, got the text 'wrong'")]


class Unsupported:
    pass


@frozen
class HoldsUnsupported:
    inner: dict[str, list[Unsupported]]


@frozen
class NamesNothing:
    inner: "Missing"  # type: ignore[name-defined]  # noqa: F821


UNSUPPORTED: list[tuple[Any, str]] = [
    (Unsupported, "The input cannot be Unsupported: Unsupported has no form in JSON; use attrs"),
    (HoldsUnsupported, "cannot be HoldsUnsupported: Unsupported has no form in JSON; use attrs"),
    (list[Unsupported] | None, "The input cannot be"),
    (lambda: 3, "The input cannot be"),
    (NamesNothing, "'Missing'.*define or import it at module level"),
    (str | datetime, "str and datetime look the same in JSON"),
    (list[Cat | AttrsName | Range] | Literal[3] | UUID | bytes, "look the same in JSON"),
]


@pytest.mark.parametrize(("tp", "message"), UNSUPPORTED)
def test_a_type_without_a_form_in_json_is_refused(tp: Any, message: str) -> None:  # noqa: ANN401
    """A schema that could never be kept as JSON is refused when it is made, not in a run."""
    with pytest.raises(InvalidWorkflow, match=message):
        Schema(tp, "the input")


def test_classes_that_look_the_same_are_refused() -> None:
    """Two members of a union with the same fields cannot be told apart."""

    @frozen
    class AnotherCat:
        lives: int

    with pytest.raises(InvalidWorkflow, match="Cat and AnotherCat look the same in JSON"):
        Schema(Cat | AnotherCat)


def test_defaults_are_those_of_the_fields() -> None:
    """The defaults of a class are known field by field; required fields have none."""
    for tp in ORDERS:
        expected: dict[str, object] = {} if tp.__name__ == "TypedOrder" else {"names": []}
        assert Schema(tp).defaults() == expected
    assert Schema(int).defaults() == {}


@pytest.mark.parametrize("tp", ORDERS)
def test_json_schema_describes_every_kind(tp: Any) -> None:  # noqa: ANN401
    """The JSON Schema of each kind of class names its fields, and all its references resolve."""
    described = Schema(tp).json_schema()
    definitions = described["$defs"]
    name = described.get("$ref", "#/").rpartition("/")[2]
    properties = (definitions[name] if name else described)["properties"]
    assert set(properties) == {"count", "names"}
    text = json.dumps(described)
    for reference in {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}:
        assert reference in definitions


def test_json_schema_of_plain_types() -> None:
    """Plain types are described, too, and what may be anything is not restricted."""
    assert Schema(list[int]).json_schema() == {"type": "array", "items": {"type": "integer"}}
    assert Schema(object).json_schema() == {}
    assert Schema(None).json_schema() == {"type": "null"}


def test_json_schema_of_a_union_of_classes() -> None:
    """A union of classes is described by all of them."""
    described = Schema(Cat | Dog).json_schema()
    assert described["anyOf"] == [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]
    assert set(described["$defs"]) == {"Cat", "Dog"}


def test_half_a_surrogate_pair_is_no_text() -> None:
    """Text that no database could keep is refused before it gets there."""
    with pytest.raises(InvalidData, match="surrogate"):
        Schema(str).dump("\ud800")


def test_json_schema_of_unions_within_a_class() -> None:
    """Wherever a union of classes is, its members are described, and a class may hold itself."""
    described = Schema(Pets).json_schema()
    either = {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    pets = described["$defs"]["Pets"]
    assert described["$ref"] == "#/$defs/Pets"
    assert pets["required"] == ["pets", "by_name"]
    assert pets["properties"] == {
        "pets": {"type": "array", "items": either},
        "by_name": {"type": "object", "additionalProperties": either},
        "more": {"anyOf": [{"$ref": "#/$defs/Pets"}, {"type": "null"}]},
        "plain": {},
        "pair": {
            "anyOf": [
                {
                    "type": "array",
                    "prefixItems": [either, {"type": "integer"}],
                    "minItems": 2,
                    "maxItems": 2,
                },
                {"type": "null"},
            ]
        },
    }


UNKEPT: list[object] = [
    object(),
    Decimal("NaN"),
    {1.5: 1, None: 2},
    [math.inf],
    [1, {"a": object()}],
    AttrsOrder(1, [object()]),  # type: ignore[list-item]
]


@pytest.mark.parametrize("value", UNKEPT, ids=[str(n) for n in range(len(UNKEPT))])
def test_what_has_no_meaning_in_json_is_refused(value: object) -> None:
    """Whatever could not be read back as it was is not kept."""
    with pytest.raises(InvalidOutput, match="The value cannot be stored as JSON"):
        dump_json(value, InvalidOutput)


def test_any_value_with_a_meaning_is_kept() -> None:
    """Without a schema, a value is written by what it is."""
    order = AttrsOrder(1, [AttrsName("a")])
    assert dump_json({"order": order, 2: (Colour.RED, {"b", "a"}), True: Name("x")}) == {
        "order": {"count": 1, "names": [{"name": "a"}]},
        "2": ["red", ["a", "b"]],
        "true": "x",
    }


def test_the_data_is_never_shared() -> None:
    """Changing what was given, or what came back, changes nothing that was kept."""
    data: dict[str, Any] = {"a": [1]}
    parsed: Any = Schema(object).parse(data)
    dumped: Any = Schema(dict).dump(data)
    data["a"].append(2)
    assert parsed == dumped == {"a": [1]}
