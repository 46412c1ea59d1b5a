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


@pytest.fixture
def path(folder: Path) -> str:
    """Put the command where a shell looks for it, and give that as PATH."""
    program = folder / "bin" / "eventflow"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}:/usr/bin:/bin"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes(shell: Shell, seed: Seed, folder: Path, path: str) -> None:
    """A real bash completes commands from the script, and runs by asking."""
    (folder / "script.bash").write_text(shell("completion", "bash").out)
    asked = """
    source script.bash
    COMP_WORDS=(eventflow run sh); COMP_CWORD=2; _eventflow; echo "${COMPREPLY[@]}"
    COMP_WORDS=(eventflow run show ''); COMP_CWORD=3; _eventflow; echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", asked],
        cwd=folder,
        env=shell.variables(PATH=path),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first == "show"
    assert seed.failed in second


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
@pytest.mark.parametrize("start", ["", "autoload -Uz compinit && compinit -i"])
def test_zsh_completes_once_it_was_installed(
    shell: Shell, seed: Seed, folder: Path, path: str, start: str
) -> None:
    """A zsh that is started anew completes, whether or not its owner had set completion up."""
    home = {"HOME": str(folder), "ZDOTDIR": str(folder), "PATH": path}
    (folder / ".zshrc").write_text(f"PROMPT='ready> '\n{start}")
    for _ in range(2):
        assert shell("completion", "zsh", "--install", "--yes", **home).code == 0
    assert (folder / ".zshrc").read_text().count("source") == 1
    typed = shell.window("zsh", **home)
    typed.wait_for("ready> ")
    typed.type("eventflow run rerun latest --fr\t")
    typed.wait_for("--from ")
    typed.type("\t")
    typed.wait_for_match(r"count\s+split")
    typed.type("\x15exit\n")
    typed.end()


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_finds_the_script_in_a_folder_of_functions(
    shell: Shell, seed: Seed, folder: Path, path: str
) -> None:
    """The printed script also works as a file that zsh loads when it is needed."""
    (folder / "functions").mkdir()
    (folder / "functions" / "_eventflow").write_text(shell("completion", "zsh").out)
    (folder / ".zshrc").write_text(
        f"fpath=({folder}/functions $fpath)\nautoload -Uz compinit && compinit -i\nPROMPT='ready> '"
    )
    typed = shell.window("zsh", HOME=str(folder), ZDOTDIR=str(folder), PATH=path)
    typed.wait_for("ready> ")
    typed.type("eventflow run canc\t")
    typed.wait_for("eventflow run cancel")
    typed.type("\x15exit\n")
    typed.end()
