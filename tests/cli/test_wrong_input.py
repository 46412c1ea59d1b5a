"""Wrong input never shows a traceback: what is wrong, what there is, and what to type."""

from pathlib import Path

import pytest

from eventflow.cli.exits import Exit
from tests.cli.conftest import Seed
from tests.cli.typed import Answer, Shell


def said(answer: Answer, code: Exit, *texts: str) -> None:
    """Check that a command refused, with these texts, on stderr alone."""
    assert answer.code == code, answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err
    for text in texts:
        assert text in answer.err


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        (["rn"], ['Unknown command "rn"', 'Did you mean "run"?']),
        (["run", "lst"], ['Unknown command "lst"', 'Did you mean "list"?']),
        (["run", "list", "--limti", "3"], ["Unknown option: --limti", "--limit"]),
        (["run", "list", "--limit", "x"], ["--limit", "int", "run list --help"]),
        (["run", "list", "--limit", "0"], ["at least 1"]),
        (["run", "list", "--status", "faild"], ["faild", "cancelled", 'Did you mean "failed"?']),
        (["run", "list", "--metadata", "customer"], ["key=value"]),
        (["run", "list", "--as-of", "-3"], ["--as-of"]),
        (["run", "list", "--since", "yesterday"], ["90m", '"yesterday"']),
        (["run", "list", "--since", "9999999999w"], ["9999999999w"]),
        (["run", "list", "--after", "somewhere"], ['"next"', "somewhere"]),
        (["run", "show"], ["RUN"]),
        (["run", "history", "latest", "-t", "stage.complete"], ['Did you mean "stage.completed"?']),
        (["run", "create", "words", "--input", "hello"], ["none", "'\"hello\"'"]),
        (["run", "create", "words", "--input", "{'a': 1}"], ["JSON has texts in double quotes"]),
        (["run", "create", "words", "--input", "None"], ["JSON writes it as null"]),
        (["run", "create", "words", "--input", "7"], ["expected text, got the number 7"]),
        (["run", "create", "words", "--timeout", "3"], ["--wait"]),
        (["run", "create", "words", "--config", "[]"], ["object"]),
        (["run", "create", "words", "-i", '""', "-c", '{"cuont": {}}'], ["cuont"]),
        (["worker", "--grace", "-1"], ["--grace"]),
        (["worker", "--concurrency", "0"], ["concurrency"]),
    ],
)
def test_a_wrong_value_is_refused(
    shell: Shell, seed: Seed, line: list[str], texts: list[str]
) -> None:
    """A word or value that cannot be is refused with what there is instead."""
    said(shell(*line), Exit.USAGE, *texts)


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        (["run", "show", "00000000"], ["no run", "run list"]),
        (["run", "show", "not/an/id"], ["no run"]),
        (["run", "state", "latest", "--at", "99"], ["versions 1 to 2, not 99"]),
        (["run", "create", "wrds"], ["asking, sleeping, words", 'Did you mean "words"?']),
        (["run", "create", "words", "--input", "@nothing.json"], ["nothing.json", "No such file"]),
        (["run", "rerun", "latest", "--from", "coun"], ["split, count", 'Did you mean "count"?']),
        (["run", "history", "latest", "--stage", "slpit"], ['Did you mean "split"?']),
    ],
)
def test_what_is_not_there_is_not_found(
    shell: Shell, seed: Seed, line: list[str], texts: list[str]
) -> None:
    """What is not there is said to be missing, with what there is."""
    said(shell(*line), Exit.NOT_FOUND, *texts)


def test_a_store_that_is_not_there_is_not_made_by_looking(bare: Shell, folder: Path) -> None:
    """Looking at runs makes no store, and says who named the one that is missing."""
    said(bare("run", "list"), Exit.NOT_FOUND, "sqlite:///eventflow.db", "the default", "--store")
    said(bare("run", "list", "--store", "sqlite:///x.db"), Exit.NOT_FOUND, "x.db", "--store")
    assert sorted(path.name for path in folder.iterdir()) == ["shop.py"]


@pytest.mark.parametrize(
    ("url", "code", "text"),
    [
        ("somewhere", Exit.USAGE, "sqlite:///eventflow.db"),
        ("mysql://u:geheim@host/db", Exit.USAGE, "sqlite://"),
        ("memory://", Exit.USAGE, "gone with each process"),
        ("sqlite:///a.db?sync=1", Exit.USAGE, "busy_timeout"),
        ("sqlite:///shop.py", Exit.UNAVAILABLE, "shop.py"),
        ("postgresql://u:geheim@127.0.0.1:1/db", Exit.UNAVAILABLE, "u:***@127.0.0.1"),
        ("postgresql://u@127.0.0.1:1/db?password=geheim", Exit.UNAVAILABLE, "***"),
    ],
)
def test_a_wrong_url_is_explained_without_its_password(
    bare: Shell, url: str, code: Exit, text: str
) -> None:
    """A URL that leads nowhere is explained, and its password is never shown."""
    answer = bare("run", "list", "--store", url)
    said(answer, code, text)
    assert "geheim" not in answer.err


@pytest.mark.parametrize(
    ("app", "code", "texts"),
    [
        ("shop", Exit.USAGE, ["module:attribute"]),
        ("shop.py", Exit.USAGE, ["shop:ATTRIBUTE"]),
        ("./shop.py:workflows", Exit.USAGE, ["Did you mean shop:workflows?"]),
        ("shp:workflows", Exit.NOT_FOUND, ['no module "shp"']),
        ("shop:workflow", Exit.NOT_FOUND, ["workflows", 'Did you mean "workflows"?']),
        ("shop:count", Exit.USAGE, ["a list of workflows"]),
        ("ill:workflows", Exit.FAILED, ["ZeroDivisionError", "ill.py, line 1"]),
        ("torn:workflows", Exit.FAILED, ["SyntaxError: invalid syntax (/", "/torn.py, line 2); -"]),
        ("needy:workflows", Exit.FAILED, ["nowhere_to_be_found"]),
        ("odd:number", Exit.USAGE, ["is a int"]),
        ("odd:mixed", Exit.USAGE, ["a list that holds a int"]),
        ("odd:failing", Exit.FAILED, ["odd:failing() failed: KeyError"]),
        ("over:workflows", Exit.FAILED, ["SystemExit: 3", "over.py, line 1"]),
        ("odd:later", Exit.USAGE, ["coroutine function"]),
    ],
)
def test_a_wrong_application_is_explained(
    bare: Shell, folder: Path, app: str, code: Exit, texts: list[str]
) -> None:
    """An application that cannot be loaded is explained, with what its module offers."""
    (folder / "ill.py").write_text("1 / 0\n")
    (folder / "torn.py").write_text("x = 1\ndef (:\n")
    (folder / "over.py").write_text("raise SystemExit(3)\n")
    (folder / "needy.py").write_text("import nowhere_to_be_found\n")
    (folder / "odd.py").write_text(
        "number, mixed = 7, [7]\ndef failing(): raise KeyError('x')\nasync def later(): return []\n"
    )
    said(bare("worker", "--app", app), code, *texts)


def test_a_traceback_is_shown_when_asked_for(bare: Shell, folder: Path) -> None:
    """With --debug an error of the application shows where it came from."""
    (folder / "ill.py").write_text("1 / 0\n")
    answer = bare("worker", "--app", "ill:x", "--debug")
    assert answer.code == Exit.FAILED
    assert "Traceback" in answer.err


def test_a_command_that_needs_the_application_says_how_to_name_it(bare: Shell) -> None:
    """Without an application a command that needs one says all the ways to name it."""
    said(bare("worker"), Exit.USAGE, "--app", "EVENTFLOW_APP", "[tool.eventflow]")


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ('stoer = "sqlite:///a.db"', 'Did you mean "store"?'),
        ("store = 7", "is a text, not 7"),
        ("store = ", "cannot be read"),
    ],
)
def test_a_wrong_project_file_is_explained(
    bare: Shell, folder: Path, section: str, text: str
) -> None:
    """What is wrong in pyproject.toml is said, with the file."""
    (folder / "pyproject.toml").write_text(f"[tool.eventflow]\n{section}\n")
    said(bare("run", "list"), Exit.USAGE, text, "pyproject.toml")


def test_an_argument_is_read_as_utf8_whatever_the_locale(shell: Shell, seed: Seed) -> None:
    """A locale without UTF-8 changes no argument, and bytes that are no UTF-8 are refused."""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    made = shell.process("run", "create", "words", "-i", '"ü"', "-m", "who=ü", "-y", **plain)
    assert made.code == 0, made.err
    assert shell("run", "show", "latest", "--json").data["run"]["metadata"] == {"who": "ü"}
    said(shell("run", "list", "-m", "who=\udcff"), Exit.USAGE, "is not UTF-8")


def test_a_word_of_python_is_a_text_and_it_is_said(shell: Shell, seed: Seed) -> None:
    """A value that is no JSON is a text; where JSON has a word for what was typed, it is named."""
    made = shell("run", "create", "words", "-i", '"x"', "-m", "flaky=True", "-m", "who=Ada", "-y")
    assert made.code == 0
    assert made.err == '"True" is read as a text; JSON writes it as true\n'
    metadata = shell("run", "show", "latest", "--json").data["run"]["metadata"]
    assert metadata == {"flaky": "True", "who": "Ada"}
