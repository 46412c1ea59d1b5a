"""The repository works on any machine: no file names a machine's folders or a package registry."""

import re

import pytest

from tests.architecture.sources import ROOT, repository_files

MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:work|root|home)(?=[/\s\"'`)]|$)", re.MULTILINE)
REGISTRY_HOSTS = re.compile(r"\b(?:pypi|pythonhosted|npmjs|yarnpkg)\.(?:org|com)\b")


def findings(text: str) -> list[str]:
    """List what a text says that only holds on some machine or for some registry."""
    return [match.group() for law in (MACHINE_PATH, REGISTRY_HOSTS) for match in law.finditer(text)]


def test_no_file_names_a_machine_or_a_registry() -> None:
    """No file of the repository holds a folder of one machine or the host name of a registry."""
    texts = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8", errors="replace")
        for path in repository_files()
    }
    assert "pyproject.toml" in texts
    assert {path: found for path, text in texts.items() if (found := findings(text))} == {}


@pytest.mark.parametrize("folder", ["work", "root", "home"])
@pytest.mark.parametrize("form", ["cd {}/project", '"{}"', "store=sqlite:///x {}/y", "{}"])
def test_a_folder_of_one_machine_is_found(folder: str, form: str) -> None:
    """An absolute path into a person's or a machine's own folder is found in any place."""
    path = "/" + folder
    assert findings(form.format(path)) == [path]


@pytest.mark.parametrize("host", ["pypi", "files.pythonhosted", "registry.npmjs"])
def test_a_registry_is_found(host: str) -> None:
    """The host name of a package registry is found inside an address."""
    assert len(findings(f"https://{host}.org/simple")) == 1


@pytest.mark.parametrize("text", ["eventflow/workflow.py", "sqlite:////data/x.db", "a/work/b"])
def test_other_paths_are_left_alone(text: str) -> None:
    """Relative paths, and words that merely begin alike, are no finding."""
    assert findings(text) == []
