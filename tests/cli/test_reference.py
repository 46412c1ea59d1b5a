"""The pages about the command line say what the commands say."""

import inspect
from pathlib import Path

import pytest

from docs import commands
from eventflow.cli.exits import MEANS, Exit
from eventflow.cli.tree import BRANCHES, LEAVES, build


def test_the_page_is_current() -> None:
    """The help texts on the page are those of the commands; else run `make docs`."""
    assert commands.main(["--check"]) == 0


def test_a_page_that_is_not_current_is_found_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check fails on a page that lacks a command, and says how to write it again."""
    current = commands.PAGE.read_text(encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(current.replace("### eventflow doctor", "### doctor"), encoding="utf-8")
    monkeypatch.setattr(commands, "PAGE", page)
    assert commands.main(["--check"]) == 1
    assert capsys.readouterr().err == "page.md is not current: run `make docs`\n"
    assert commands.main([]) == 0
    assert page.read_text(encoding="utf-8") == current


def test_a_page_without_a_place_is_refused() -> None:
    """Each part has exactly one place between its markers."""
    with pytest.raises(ValueError, match='0 places for the "commands"'):
        commands.write_into("# Nothing\n")


def test_every_exit_code_has_a_meaning() -> None:
    """All exit codes are explained, and none twice."""
    assert list(MEANS) == list(Exit)
    assert len(set(MEANS.values())) == len(Exit)


def test_the_line_that_lists_a_command_begins_its_docstring() -> None:
    """What lists a command is how its own help begins."""
    app = build()
    branches = [(app, LEAVES), *((app[name], branch) for name, (_, branch) in BRANCHES.items())]
    for parent, branch in branches:
        for name, leaf in branch.items():
            function = parent[name].default_command
            assert function is not None
            said = inspect.cleandoc(function.__doc__ or "").partition("\n")[0]
            assert said.startswith(leaf.help.removesuffix(".")), name
