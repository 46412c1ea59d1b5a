"""The commands that change something: a preview, a question, and what becomes of the answer."""

import pytest

from eventflow.cli.exits import Exit
from tests.cli.conftest import Seed
from tests.cli.typed import Shell

ACTIONS = [
    ("create", ("words", "-i", '"a b"')),
    ("cancel", ("latest",)),
    ("signal", ("latest", "approval")),
    ("rerun", ("{completed}", "--from", "count")),
    ("fork", ("{completed}", "--from", "count")),
]


@pytest.mark.parametrize(("command", "arguments"), ACTIONS)
def test_nothing_is_done_without_being_asked_for(
    shell: Shell, seed: Seed, command: str, arguments: tuple[str, ...]
) -> None:
    """Without a terminal and without --yes there is a preview, and nothing is changed."""
    before = shell("run", "list", "--json").data
    given = [each.format(completed=seed.completed) for each in arguments]
    answer = shell("run", command, *given)
    assert answer.code == Exit.REFUSED
    assert "nothing was done" in answer.err
    assert "--yes" in answer.err
    assert len(answer.err.splitlines()) > 1
    assert shell("run", "list", "--json").data == before


def test_a_question_is_asked_on_a_terminal(shell: Shell, seed: Seed) -> None:
    """On a terminal there is a preview and a question: no leaves all as it is, yes does it."""
    asked = shell.terminal("run", "cancel", "latest", "--reason", "enough")
    asked.wait_for("Do it? [y/N]")
    asked.type("n\n")
    assert asked.end().code == Exit.REFUSED
    assert shell("run", "show", "latest", "--json").data["run"]["status"] == "pending"
    asked = shell.terminal("run", "cancel", "latest", "--reason", "enough")
    asked.wait_for("Do it? [y/N]")
    asked.type("y\n")
    assert asked.end().code == 0
    ending = shell("run", "show", "latest", "--json").data["ending"]
    assert ending["reason"] == "enough"


def test_ctrl_c_answers_a_question_at_once(shell: Shell, seed: Seed) -> None:
    """Ctrl-C at the question ends the command, and nothing was done."""
    asked = shell.terminal("run", "cancel", "latest")
    asked.wait_for("Do it? [y/N]")
    asked.interrupt()
    answer = asked.end()
    assert answer.code == Exit.INTERRUPTED
    assert "Interrupted." in answer.out
    assert shell("run", "show", "latest", "--json").data["run"]["status"] == "pending"


def test_a_run_is_created_and_waited_for(shell: Shell, seed: Seed) -> None:
    """A run can be created from the command line, with everything that it may have."""
    options = ("-i", '"a b c"', "--priority", "8", "-m", "n=1", "-m", "who=ada", "--key", "k1")
    first = shell("run", "create", "words", *options, "--actor", "grace", "-y", "--json")
    assert first.code == 0, first.err
    again = shell("run", "create", "words", *options, "-y")
    assert again.out.strip() == first.data["run_id"]
    shown = shell("run", "show", first.data["run_id"], "--json").data
    assert shown["run"]["metadata"] == {"n": 1, "who": "ada"}
    assert shown["run"]["priority"] == 8
    assert shell("run", "history", "latest", "--json").data[0]["actor"] == "grace"
    late = shell("run", "create", "words", "-i", '"x"', "-y", "--wait", "--timeout", "0.1")
    assert late.code == Exit.TIMEOUT
    other = shell("run", "create", "words", "-i", '"other"', "--key", "k1", "-y")
    assert other.code == Exit.REFUSED


def test_an_input_comes_from_a_file_or_from_stdin(shell: Shell, seed: Seed) -> None:
    """An input is read from a file, or from stdin."""
    (shell.folder / "input.json").write_text('"from a file"')
    assert shell("run", "create", "words", "-i", "@input.json", "-y").code == 0
    assert shell("run", "show", "latest", "--json").data["input"] == "from a file"
    assert shell("run", "create", "words", "-i", "-", "-y", stdin='"from stdin"').code == 0
    assert shell("run", "show", "latest", "--json").data["input"] == "from stdin"


def test_a_rerun_needs_no_application(bare: Shell, seed: Seed, url: str) -> None:
    """A rerun without the application goes on with the run's own plan; it tells the generation."""
    answer = bare("run", "rerun", seed.completed, "--from", "count", "-y", "--json", "--store", url)
    assert answer.data == {"run_id": seed.completed, "generation": 2}
    alive = bare("run", "rerun", seed.completed, "--from", "count", "-y", "--store", url)
    assert alive.code == Exit.REFUSED
    assert "cancel it first" in alive.err
    needy = bare("run", "fork", seed.failed, "--from", "split", "-i", '"x"', "-y", "--store", url)
    assert needy.code == Exit.USAGE
    assert "needs the application" in needy.err


def test_a_fork_is_a_new_run(shell: Shell, seed: Seed) -> None:
    """A fork goes on from a stage in a new run, with another config or input if given."""
    answer = shell("run", "fork", seed.completed, "--from", "split", "-i", '"x y"', "-y", "--json")
    assert answer.data["forked_from"] == seed.completed
    shown = shell("run", "show", answer.data["run_id"], "--json").data
    assert shown["forked_from"]["run_id"] == seed.completed
    assert shown["input"] == "x y"


def test_an_ended_run_refuses_what_comes_too_late(shell: Shell, seed: Seed) -> None:
    """A run that has ended is not cancelled and takes no signal."""
    for command in (("cancel", seed.failed), ("signal", seed.failed, "approval")):
        answer = shell("run", *command, "-y")
        assert answer.code == Exit.REFUSED
        assert "failed" in answer.err


@pytest.mark.parametrize(
    "command", [("create", "words", "-i", '"x"'), ("fork", "{completed}", "--from", "split")]
)
def test_a_new_run_is_named_before_it_is_waited_for(
    shell: Shell, seed: Seed, command: tuple[str, ...]
) -> None:
    """Who waits for a new run knows its id at once, whatever becomes of it."""
    given = [each.format(completed=seed.completed) for each in command]
    late = shell("run", *given, "-y", "--wait", "--timeout", "0.1")
    assert (late.code, late.out) == (Exit.TIMEOUT, "")
    made = shell("run", "list", "-n", "1", "--json").data["runs"][0]["run_id"]
    assert f"Created run {made}.\n" in late.err
