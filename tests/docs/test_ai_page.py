"""The page about `eventflow.ai` says what the code says: names, signatures and attributes."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from eventflow import ai, errors
from eventflow.ai import testing
from tests.docs.test_reference import page, rows, sections

PAGE = page("ai.md")


def signature(function: Callable[..., Any]) -> str:
    """Write the parameters of a function with their defaults, and without their types."""
    written: list[str] = []
    for each in inspect.signature(function).parameters.values():
        if each.kind is each.KEYWORD_ONLY and not any(it.startswith("*") for it in written):
            written.append("*")
        default = getattr(each.default, "__name__", None) or repr(each.default)
        star = "*" if each.kind is each.VAR_POSITIONAL else ""
        written.append(
            f"{star}{each.name}" if each.default is each.empty else f"{each.name}={default}"
        )
    return ", ".join(it for it in written if it != "self")


@pytest.mark.parametrize("kind", [ai.AIHelper, ai.AIBatches])
def test_every_call_is_there_with_its_parameters(kind: type) -> None:
    """The page lists all that can be asked of a helper, and of batches."""
    offered = {
        f"{name}({signature(member)})" if inspect.isfunction(member) else name
        for name, member in vars(kind).items()
        if not name.startswith("_")
    }
    assert offered <= set(rows(PAGE))


@pytest.mark.parametrize("function", [ai.batch_stage, ai.replaying])
def test_every_function_is_there_with_its_parameters(function: Callable[..., Any]) -> None:
    """The page gives their signatures as they are."""
    assert f"`{function.__name__}({signature(function)})`" in PAGE


@pytest.mark.parametrize("kind", [testing.ScriptedModel, testing.ScriptedEmbeddings])
def test_every_scripted_model_is_there_with_its_parameters(kind: type) -> None:
    """The page tells how they are made."""
    assert f"`{kind.__name__}({signature(kind)})`" in PAGE


@pytest.mark.parametrize(
    "kind",
    [
        ai.AISettings,
        ai.Endpoint,
        ai.Price,
        ai.Tokens,
        ai.AIStats,
        ai.BatchHandle,
        ai.BatchAnswer,
        ai.Answers,
        testing.Answer,
    ],
)
def test_every_attribute_is_there(kind: Any) -> None:  # noqa: ANN401 - a class of attrs
    """The page lists the attributes of what is given and of what is set, in their order."""
    section = sections(PAGE)[kind.__name__].partition("\n## ")[0]
    assert rows(section) == [field.name for field in attrs.fields(kind)]


def test_a_text_is_there() -> None:
    """The page lists what a text tells beside itself."""
    own = [name for name in vars(ai.Text) if not name.startswith("_")]
    assert rows(sections(PAGE)["Text"]) == own


def test_every_name_is_there() -> None:
    """The page has all that `eventflow.ai` exports, as code."""
    named = set(re.findall(r"`(\w+)", PAGE)) | set(sections(PAGE))
    assert {name for name in ai.__all__ if name not in named} == set()


def test_the_errors_are_those_of_calls() -> None:
    """What the page lists as errors are the errors that `eventflow.ai` exports."""
    listed = rows(PAGE.partition("## Errors")[2].partition("\n## ")[0])
    exported = {name for name in ai.__all__ if hasattr(errors, name)}
    assert set(listed) == exported
