"""The reference says what the code says: each event, field, error, setting and public name."""

import inspect
import re
from abc import ABC

import attrs
import pytest

import eventflow
from eventflow import Run, Runtime, StageContext, Workflow, errors, testing
from eventflow.core.ai import AITotals, AIUse
from eventflow.core.events import EVENT_TYPES
from eventflow.core.projection import RunRow
from eventflow.core.spending import AISpending
from eventflow.core.stage import Claim, StageState, Suspension
from eventflow.core.state import Ending, RunState, Signal
from eventflow.engine.checkpoints import Checkpoint
from eventflow.engine.exporting import ExportReport
from eventflow.engine.histories import VerifiedFile
from eventflow.engine.importing import ImportReport
from eventflow.engine.rebuilding import RebuildReport
from eventflow.runtime.settings import Settings
from eventflow.runtime.verification import Verified, VerifiedStore
from eventflow.store.envelope import Envelope
from tests.architecture.sources import ROOT

REFERENCE = ROOT / "docs" / "reference"
OTHERWISE_NAMED = {"id", "name", "description", "groups", "input_schema", "output_schema"} | {
    "from_settings"
}
ROW = re.compile(r"^\| `(?P<name>[^`]+)`", re.MULTILINE)


def rows(text: str) -> list[str]:
    """Give what the first column of a page's tables names as code."""
    return [match["name"] for match in ROW.finditer(text)]


def page(name: str) -> str:
    """Read a page of the reference."""
    return (REFERENCE / name).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """Split a page at its headings of the third level."""
    _, *parts = re.split(r"^### ", text, flags=re.MULTILINE)
    return {heading: body for heading, _, body in (part.partition("\n") for part in parts)}


def test_the_page_of_events_has_every_event() -> None:
    """The reference has one section for each event, under its name on the wire."""
    assert set(sections(page("events.md"))) == set(EVENT_TYPES)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_the_page_of_events_has_every_field(name: str) -> None:
    """The reference lists the fields of an event in their order, and names its class."""
    section = sections(page("events.md"))[name]
    kind = EVENT_TYPES[name]
    assert rows(section) == [field.name for field in attrs.fields(kind)]
    assert f"`{kind.__name__}`" in section


def test_the_page_of_errors_has_every_error() -> None:
    """The reference lists every exception of the tree."""
    kinds = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.EventflowError)
    }
    assert set(rows(page("errors.md"))) == kinds


def test_the_page_of_settings_has_every_setting() -> None:
    """The reference lists the variable of every setting, with its default."""
    text = page("settings.md")
    fields = attrs.fields(Settings)
    assert set(rows(text)) == {f"EVENTFLOW_{field.name.upper()}" for field in fields}
    for field in fields:
        if isinstance(field.default, int | float):
            assert f"| `{field.default:g}` |" in text, field.name


def test_the_page_of_public_names_has_every_name() -> None:
    """The reference lists what `eventflow` exports, and nothing else."""
    others = ("ctx.", "eventflow.")  # of the context, and of modules
    named = {name for name in rows(page("public-names.md")) if not name.startswith(others)}
    assert named == set(eventflow.__all__)


def test_the_page_of_public_names_has_the_whole_context() -> None:
    """The reference names everything that a stage may ask its context for."""
    named = re.findall(r"`ctx\.(\w+)", page("public-names.md"))
    offered = [name for name in dir(StageContext) if not name.startswith("_")]
    assert sorted(named) == sorted(offered)


@pytest.mark.parametrize("kind", [Runtime, Run, Workflow])
def test_the_page_of_public_names_has_every_method(kind: type) -> None:
    """The reference names each public method and property of the classes that callers hold."""
    row = re.search(rf"^\| `{kind.__name__}` .*$", page("public-names.md"), re.MULTILINE)
    assert row is not None
    named = re.findall(r"`(\w+)(?:\([^`]*\))?`", row.group())[1:]
    own = {name for each in kind.__mro__[:-1] if each is not ABC for name in vars(each)}
    offered = {name for name in own if not name.startswith("_")}
    assert offered - OTHERWISE_NAMED <= set(named) <= offered | {"build"}


@pytest.mark.parametrize(
    "kind",
    [
        RunState,
        Ending,
        StageState,
        Claim,
        Suspension,
        Signal,
        Envelope,
        RunRow,
        AISpending,
        AITotals,
        AIUse,
        Verified,
        VerifiedStore,
        VerifiedFile,
        ExportReport,
        ImportReport,
        RebuildReport,
        Checkpoint,
    ],
)
def test_the_page_of_states_has_every_attribute(kind: type) -> None:
    """The reference lists the attributes of what callers are given, in their order."""
    section = sections(page("states.md"))[kind.__name__]
    assert rows(section) == [field.name for field in attrs.fields(kind)]


def test_the_page_of_testing_has_every_name() -> None:
    """The reference lists what `eventflow.testing` exports, and nothing else."""
    assert set(rows(page("testing.md"))) == set(testing.__all__)


@pytest.mark.parametrize(
    "kind",
    [
        testing.Attempt,
        testing.CheckReport,
        testing.Difference,
        testing.Divergence,
        testing.Mismatch,
        testing.ReplayReport,
        testing.Skipped,
        testing.StageHistory,
        testing.StageOutcome,
    ],
)
def test_the_page_of_testing_has_every_attribute(kind: type) -> None:
    """The reference names all that can be read from what the kit gives, and nothing else."""
    row = re.search(rf"^\| `{kind.__name__}` .*$", page("testing.md"), re.MULTILINE)
    assert row is not None
    named = set(re.findall(r"`(\w+)(?:\(\))?`", row.group().partition("|")[2].partition("|")[2]))
    fields = {field.name for field in attrs.fields(kind)}
    offered = {name for name in fields | set(vars(kind)) if not name.startswith("_")}
    assert named == offered - {"id"}
