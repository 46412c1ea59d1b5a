"""Objects of every schema kind that stages know, checked by the same rules."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pydantic
import pytest
from attrs import frozen
from typing_extensions import TypedDict

from eventflow.ai import AISettings, InvalidAnswer
from eventflow.ai.objects import Wanted
from eventflow.ai.testing import ScriptedModel
from tests.ai.desk import Kept, helper


@frozen
class Attrs:
    """An attrs class."""

    name: str
    parts: tuple["Attrs", ...] = ()


@dataclass
class Data:
    """A dataclass."""

    name: str
    size: int | None = None


class Typed(TypedDict):
    """A TypedDict."""

    name: str


class Struct(msgspec.Struct):
    """A msgspec struct."""

    name: str


class Model(pydantic.BaseModel):
    """A pydantic model with a rule of its own."""

    name: str = pydantic.Field(min_length=2)


KINDS: list[tuple[Any, object, object]] = [
    (Attrs, {"name": "a", "parts": [{"name": "b"}]}, Attrs("a", (Attrs("b"),))),
    (Data, {"name": "a", "size": None}, Data("a")),
    (Typed, {"name": "a"}, {"name": "a"}),
    (Struct, {"name": "a"}, Struct("a")),
    (Model, {"name": "ab"}, Model(name="ab")),
    (list[Attrs], [{"name": "a"}], [Attrs("a")]),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (list[str], ["a", "b"], ["a", "b"]),
    (int, 7, 7),
    (str, "text", "text"),
    (bool, False, False),
    (Literal["yes", "no"], "yes", "yes"),
    (int | None, None, None),
    (Attrs | Data, {"name": "a", "size": 3}, Data("a", 3)),
]


@pytest.mark.parametrize(("kind", "data", "value"), KINDS, ids=[str(each[0]) for each in KINDS])
async def test_any_schema_kind(kind: Any, data: object, value: object) -> None:  # noqa: ANN401 - any schema kind
    """A value comes back as its type; what is no object is asked for within one."""
    wanted = Wanted(kind)
    described = wanted.parameters().output_object
    assert described is not None
    assert described.json_schema["type"] == "object"
    wrapped = {"value": data} if "value" in described.json_schema.get("properties", {}) else data
    models = {"m": ScriptedModel(wrapped, name="example:m")}
    found = await helper(AISettings(models=models), Kept()).generate_object("m", "x", kind)
    assert found == value
    assert type(found) is type(value)


WRONG: list[tuple[Any, object, str]] = [
    (Attrs, {"name": 5}, "name: expected text, got the number 5"),
    (Attrs, {"name": "a", "more": 1}, "more"),
    (Data, {}, "name"),
    (Model, {"name": "a"}, "name"),
    (int, {"value": "7"}, "expected an integer"),
    (list[str], [1], "value: it is missing"),
    (bool, {"value": 1}, "expected true or false"),
]


@pytest.mark.parametrize(("kind", "data", "says"), WRONG, ids=[str(each[1]) for each in WRONG])
async def test_what_does_not_fit_is_refused(kind: Any, data: object, says: str) -> None:  # noqa: ANN401 - any schema kind
    """Nothing is guessed: a text is no number, and an unknown field is a mistake."""
    models = {"m": ScriptedModel(data, data, name="example:m")}
    with pytest.raises(InvalidAnswer) as failed:
        await helper(AISettings(models=models), Kept()).generate_object("m", "x", kind)
    assert says in str(failed.value)
    assert failed.value.problems


async def test_the_model_is_told_what_is_wrong() -> None:
    """The second request holds the first answer and a list of its problems."""
    model = ScriptedModel({"name": 5}, {"name": "a"}, name="example:m")
    ai = helper(AISettings(models={"m": model}), Kept())
    assert await ai.generate_object("m", "x", Attrs) == Attrs("a")
    assert "name: expected text, got the number 5" in str(model.asked[1][-1])
    assert len(model.asked[1]) == 3


async def test_the_number_of_tries_is_the_callers() -> None:
    """Without retries the first answer counts."""
    model = ScriptedModel({"name": 5}, name="example:m")
    ai = helper(AISettings(models={"m": model}), Kept())
    with pytest.raises(InvalidAnswer):
        await ai.generate_object("m", "x", Attrs, retries=0)
    assert len(model.asked) == 1


async def test_an_answer_in_a_fence_is_read() -> None:
    """Some models put Markdown around their JSON."""
    model = ScriptedModel('```json\n{"name": "a"}\n```', name="example:m")
    ai = helper(AISettings(models={"m": model}), Kept())
    assert await ai.generate_object("m", "x", Attrs) == Attrs("a")
