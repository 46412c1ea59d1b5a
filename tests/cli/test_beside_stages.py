"""What a run has beside its stages is shown, fetched and written."""

import pytest

from eventflow.cli.exits import Exit
from tests.cli.letters import APPLICATION, suspended, work_off
from tests.cli.typed import Shell


@pytest.fixture
def letter(url: str) -> str:
    """A run that has saved artifacts, was annotated, and waits for the signal `approval`."""
    return suspended(url)


def test_all_that_belongs_to_a_run_is_on_its_page(shell: Shell, letter: str) -> None:
    """A page tells config, waits, artifacts, annotations, and signals that no stage has used."""
    assert shell("run", "signal", letter, "aproval", "-p", "7", "--yes").code == 0
    page = shell("run", "show", letter, COLUMNS="80").out
    for line in (
        'config    {"write":{"greeting":"Hello"}}',
        "waits        approve waits for signal approval, until ",
        "artifacts    letter.txt of write, 10 B",
        'annotations  language: "English" by grace',
        "signals      aproval, which no stage has used yet: 7",
    ):
        assert line in page


def test_what_belongs_to_a_run_is_data_for_programs(shell: Shell, letter: str) -> None:
    """For programs a run has its config, artifacts and signals, and who annotated it."""
    assert shell("run", "signal", letter, "aproval", "-p", "7", "--yes").code == 0
    shown = shell("run", "show", letter, "--json").data
    assert shown["config"] == {"write": {"greeting": "Hello"}}
    assert [each["name"] for each in shown["artifacts"]] == ["letter.txt", "facts", "seal"]
    assert [(each["name"], each["used"]) for each in shown["signals"]] == [("aproval", 0)]
    assert [(each["key"], each["actor"]) for each in shown["annotations"]] == [
        ("language", "grace")
    ]


def test_a_fork_shows_the_artifacts_that_it_took_over(shell: Shell, letter: str) -> None:
    """What a fork has of the run before it is among its artifacts."""
    assert shell("run", "cancel", letter, "-y").code == 0
    forked = shell("run", "fork", letter, "--from", "approve", "-y", "--json").data["run_id"]
    shown = shell("run", "show", forked, "--json").data
    assert [each["name"] for each in shown["artifacts"]] == ["letter.txt", "facts", "seal"]
    assert shell("run", "artifacts", forked, "letter.txt").out == "Hello Ada\n"


def test_of_many_only_the_newest_are_on_the_page(shell: Shell, letter: str) -> None:
    """Many of a kind do not drown the page: the newest five, and where the others are."""
    for number in range(6):
        assert shell("run", "signal", letter, f"s{number}", "--yes").code == 0
    page = shell("run", "show", letter).out
    assert "signals      1 earlier: run state" in page
    assert "s0," not in page
    assert "s5, which no stage has used yet: null" in page


@pytest.mark.parametrize("width", [90, 100, 120])
def test_what_a_stage_waits_for_takes_no_room_from_the_stage(
    shell: Shell, letter: str, width: int
) -> None:
    """What a stage tells is folded, where the window is narrow; the other columns stay whole."""
    page = shell("run", "show", letter, COLUMNS=str(width)).out
    table = page.split("\n\n")[1]
    for word in ("group", "attempt", "approve", "completed", "suspended", "approval,"):
        assert word in table
    assert "…" not in table


def test_artifacts_are_listed(shell: Shell, letter: str) -> None:
    """What stages have saved is a table for people and data for programs."""
    lines = shell("run", "artifacts", letter).out.splitlines()
    assert lines[0].split() == ["name", "stage", "kind", "size", "saved"]
    assert lines[1].split()[:5] == ["letter.txt", "write", "bytes", "10", "B"]
    listed = shell("run", "artifacts", "latest", "--json").data
    assert listed["run_id"] == letter
    assert [each["kind"] for each in listed["artifacts"]] == ["bytes", "json", "bytes"]
    none = shell("run", "artifacts", letter, "--stage", "approve")
    assert (none.code, none.out) == (0, "")
    assert "no artifacts of stage approve" in none.err


def test_an_artifact_is_fetched_byte_by_byte(shell: Shell, letter: str) -> None:
    """An artifact goes to stdout or to a file, as it was saved, and replaces nothing by itself."""
    assert shell("run", "artifacts", letter, "letter.txt").out == "Hello Ada\n"
    assert shell("run", "artifacts", letter, "facts", "-o", "-").out == '{"length":10}'
    fetch = ("run", "artifacts", letter, "seal", "-o", "seal.bin")
    assert shell(*fetch).code == 0
    assert (shell.folder / "seal.bin").read_bytes() == b"\x00\xff"
    taken = shell(*fetch)
    assert taken.code == Exit.REFUSED
    assert "--force" in taken.err
    again = shell(*fetch, "--force", "--json").data
    assert (again["artifact"]["name"], again["file"]) == ("seal", "seal.bin")
    assert sorted(each.name for each in shell.folder.glob("*seal*")) == ["seal.bin"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["lettr.txt"], Exit.NOT_FOUND, 'facts, letter.txt, seal. Did you mean "letter.txt"?'),
        (["-o", "x"], Exit.USAGE, "name it behind the run"),
        (["seal", "--json"], Exit.USAGE, "--output FILE"),
        (["seal", "-o", "missing/x"], Exit.FAILED, "missing/x: No such file or directory"),
    ],
)
def test_what_cannot_be_fetched_is_told(
    shell: Shell, letter: str, arguments: list[str], code: Exit, text: str
) -> None:
    """An artifact that is not there, or has no place to go, is refused with what to type."""
    answer = shell("run", "artifacts", letter, *arguments)
    assert answer.code == code
    assert answer.out == ""
    assert text in answer.err


def test_a_name_that_two_stages_have_needs_the_stage(shell: Shell, letter: str) -> None:
    """Where two stages have saved something under one name, the stage is asked for."""
    app = ("--app", APPLICATION)
    yes = ("approval", "-p", '{"approved": true}', "-y", *app)
    assert shell("run", "signal", letter, *yes).code == 0
    work_off(shell.environment["EVENTFLOW_STORE_URL"], letter)
    asked = shell("run", "artifacts", letter, "letter.txt")
    assert asked.code == Exit.USAGE
    assert "write, approve; add --stage" in asked.err
    fetched = shell("run", "artifacts", letter, "letter.txt", "--stage", "approve")
    assert fetched.out == "approved\n"


def test_a_terminal_gets_no_bytes_that_it_would_obey(shell: Shell, letter: str) -> None:
    """On a terminal a text is shown, and what is no text is refused."""
    assert "Hello Ada\n" in shell.terminal("run", "artifacts", letter, "letter.txt").end().out
    refused = shell.terminal("run", "artifacts", letter, "seal").end()
    assert refused.code == Exit.USAGE
    assert "add: -o FILE" in refused.out


def test_a_fact_is_attached_to_a_run(shell: Shell, letter: str) -> None:
    """A run, or a stage of it, is annotated from the command line, by whoever asks for it."""
    assert shell("run", "annotate", letter, "note", "who knows").code == Exit.REFUSED
    done = shell("run", "annotate", letter, "note", "who knows", "--actor", "grace", "-y")
    assert (done.code, done.out) == (0, "")
    told = shell("run", "annotate", letter, "score", "7", "--stage", "write", "-y", "--json")
    assert told.data == {"run_id": letter, "key": "score", "value": 7, "stage": "write"}
    found = shell("run", "show", letter, "--json").data["annotations"]
    told_again = [(each["key"], each["value"], each["stage"], each["actor"]) for each in found[1:]]
    assert told_again[0] == ("note", "who knows", None, "grace")
    assert told_again[1][:3] == ("score", 7, "write")
    wrong = shell("run", "annotate", letter, "score", "7", "--stage", "wriet", "-y")
    assert wrong.code == Exit.NOT_FOUND
    assert 'Did you mean "write"?' in wrong.err
