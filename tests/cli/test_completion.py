"""What the shell completes: commands and options by its script, runs and stages by asking."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Seed
from tests.cli.typed import COMMAND, Shell


def offered(shell: Shell, *words: str) -> list[str]:
    """Give what is offered for the last word."""
    lines = shell("__complete", *words).out.partition("\x1fbegin\n")[2].splitlines()
    return [line.partition("\t")[0] for line in lines]


def test_runs_workflows_and_stages_are_offered(shell: Shell, seed: Seed) -> None:
    """Behind a TAB there are the newest runs, the workflows, and the stages of the run."""
    runs = [seed.waiting, seed.failed, seed.completed, "latest"]
    assert offered(shell, "run", "show", "") == runs
    assert offered(shell, "run", "rerun", seed.failed, "--from", "") == ["split", "count"]
    assert offered(shell, "run", "create", "") == ["words", "sleeping", "asking"]
    assert "stage.completed" in offered(shell, "run", "history", "latest", "--type", "")


def test_the_options_of_the_line_count(bare: Shell, seed: Seed, url: str) -> None:
    """A store that is named on the line is the one that is asked."""
    assert seed.failed in offered(bare, "--store", url, "run", "show", "")
    assert seed.failed in offered(bare, "run", "show", "--store", url, "")


def test_a_completion_never_fails_aloud(bare: Shell) -> None:
    """Where nothing can be offered, nothing is, and nothing is said."""
    answer = bare("__complete", "run", "show", "")
    assert (answer.code, answer.err) == (0, "")
    assert offered(bare, "run", "show", "") == []


@pytest.mark.parametrize("name", ["bash", "zsh", "fish", "powershell"])
def test_there_is_a_script_for_each_shell(bare: Shell, name: str) -> None:
    """The script of each shell is printed alone; it knows commands and options."""
    answer = bare("completion", name)
    assert answer.code == 0
    assert answer.err == ""
    assert "rerun" in answer.out
    assert "--store" in answer.out


def test_a_script_is_installed_on_demand(bare: Shell, folder: Path) -> None:
    """The script is written to where the shell looks for it, once that was wanted."""
    home = folder / "home"
    home.mkdir()
    refused = bare("completion", "bash", "--install", HOME=str(home))
    assert refused.code == 5
    assert list(home.rglob("*")) == []
    answer = bare("completion", "bash", "--install", "--yes", "--json", HOME=str(home))
    assert Path(answer.data["path"]).read_text().startswith("# Bash completion for eventflow")
    assert "eventflow" in (home / ".bashrc").read_text()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes(shell: Shell, seed: Seed, folder: Path) -> None:
    """A real bash completes commands from the script, and runs by asking."""
    program = folder / "bin" / "eventflow"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    (folder / "script.bash").write_text(shell("completion", "bash").out)
    asked = """
    source script.bash
    COMP_WORDS=(eventflow run sh); COMP_CWORD=2; _eventflow; echo "${COMPREPLY[@]}"
    COMP_WORDS=(eventflow run show ''); COMP_CWORD=3; _eventflow; echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", asked],
        cwd=folder,
        env=shell.variables(PATH=f"{program.parent}:/usr/bin:/bin"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first == "show"
    assert seed.failed in second
