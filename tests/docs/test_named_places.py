"""What the pages for contributors name exists: files, folders, and methods of classes."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, python_files

PAGES = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"]
PLACE = re.compile(
    r"`(?P<place>(?:eventflow|stores|tests|docs|examples|runtime|core|engine|store)/[\w/.]*)`"
)
METHOD = re.compile(r"`(?P<owner>[A-Z]\w+)\.(?P<method>[a-z_]\w*)`")


@cache
def members() -> dict[str, set[str]]:
    """Name the functions of every class of the package, private ones too."""
    found: dict[str, set[str]] = {}
    for path in python_files("eventflow", "stores"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                functions = (ast.FunctionDef, ast.AsyncFunctionDef)
                names = {each.name for each in node.body if isinstance(each, functions)}
                found.setdefault(node.name, set()).update(names)
    return found


def exists(place: str) -> bool:
    """Tell whether a file or folder is there, seen from the root or from the package."""
    return (ROOT / place).exists() or (ROOT / "eventflow" / place).exists()


@pytest.mark.parametrize("page", PAGES)
def test_named_files_exist(page: str) -> None:
    """Every file or folder of the repository that a page names is there."""
    places = set(PLACE.findall((ROOT / page).read_text(encoding="utf-8")))
    assert {place for place in places if not exists(place)} == set()


def test_named_methods_exist() -> None:
    """Every method that the description of the architecture names is one of the class named."""
    named = METHOD.findall(Path(ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert len(named) > 15
    assert {f"{owner}.{name}" for owner, name in named if name not in members()[owner]} == set()
