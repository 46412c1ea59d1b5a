"""The guides build only upon what is promised: the public names, and those of some modules."""

import ast
import importlib
import re
from collections.abc import Iterator

import pytest

import eventflow
from tests.architecture.sources import ROOT
from tests.docs.test_types import source_of

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROW = re.compile(r"^\| `(?P<module>eventflow[\w.]*)` \| (?P<names>[^|]+) \|", re.MULTILINE)


def promised() -> dict[str, str]:
    """Give what the reference says about the names of each public module."""
    text = (ROOT / "docs" / "reference" / "public-names.md").read_text(encoding="utf-8")
    return {match["module"]: match["names"] for match in ROW.finditer(text)}


def names_of(told: str) -> list[str]:
    """Give the names that a row spells out."""
    return re.findall(r"`(\w+)`", told)


def imported() -> Iterator[tuple[str, str, str]]:
    """Yield each import of eventflow in a block of a page: the page, the module and the name."""
    for page in PAGES:
        for node in ast.walk(ast.parse(source_of(page))):
            if isinstance(node, ast.Import):
                for each in node.names:
                    if each.name.partition(".")[0] == "eventflow":
                        yield page.name, each.name, ""
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("eventflow"):
                for each in node.names:
                    yield page.name, node.module or "", each.name


def is_promised(module: str, name: str) -> bool:
    """Tell whether a name of a module is one that applications may build upon."""
    if module == "eventflow":
        return name in ("", *eventflow.__all__)
    told = promised().get(module)
    return told is not None and (told.startswith("all") or name in names_of(told))


def test_the_guides_import_only_what_is_promised() -> None:
    """Whoever follows a page builds on nothing that may change at any time."""
    found = list(imported())
    assert len(found) > 40
    assert [each for each in found if not is_promised(*each[1:])] == []


@pytest.mark.parametrize("module", sorted(promised()))
def test_what_is_promised_is_there(module: str) -> None:
    """Each public module can be imported, and has the names that are spelled out."""
    found = importlib.import_module(module)
    for name in names_of(promised()[module]):
        if not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")
