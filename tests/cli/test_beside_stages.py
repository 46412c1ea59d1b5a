"""What a run has beside its stages is shown, fetched and written."""

import pytest

from tests.cli.letters import suspended
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
