"""What the commands tell of runs: tables for people, data for programs, and nothing else."""

import re
import sqlite3
from contextlib import closing

import msgspec
import pytest

from eventflow.cli.exits import Exit
from tests.cli.conftest import Seed
from tests.cli.typed import Shell

WIDTHS = [40, 60, 80, 120, 200]


def test_runs_are_listed_newest_first(shell: Shell, seed: Seed) -> None:
    """A list has one line for each run, the newest at the top, and is whole in a pipe."""
    answer = shell("run", "list")
    assert answer.code == 0
    head, *lines = answer.out.splitlines()
    assert head.split()[:3] == ["run", "status", "workflow"]
    assert [line.split()[:2] for line in lines] == [
        [seed.waiting, "pending"],
        [seed.failed, "failed"],
        [seed.completed, "completed"],
    ]


def test_a_list_for_programs_is_data_alone(shell: Shell, seed: Seed) -> None:
    """With --json there is one document on stdout, page by page, and nothing on stderr."""
    page = shell("run", "list", "--json", "--limit", "2")
    assert page.err == ""
    assert [run["run_id"] for run in page.data["runs"]] == [seed.waiting, seed.failed]
    rest = shell("run", "list", "--json", "--after", page.data["next"])
    assert [run["run_id"] for run in rest.data["runs"]] == [seed.completed]
    assert rest.data["next"] is None
    assert list(rest.data["runs"][0])[:3] == ["run_id", "workflow_id", "status"]


def test_a_list_is_narrowed(shell: Shell, seed: Seed) -> None:
    """A list can be asked for by status, workflow, metadata and time."""

    def listed(*options: str) -> list[str]:
        return [run["run_id"] for run in shell("run", "list", "--json", *options).data["runs"]]

    assert listed("--status", "failed", "-s", "completed") == [seed.failed, seed.completed]
    assert listed("--metadata", "customer=ada") == [seed.completed]
    assert listed("--workflow", "sleeping") == []
    assert len(listed("--since", "5m")) == 3
    assert listed("--before", "2020-01-01") == []


def test_a_list_can_be_of_the_past(shell: Shell, seed: Seed) -> None:
    """A list can tell which runs there were at a position or a time, and what they were then."""
    events = shell("run", "tail", "--no-follow", "-n", "1000", "--json").out.splitlines()
    first = msgspec.json.decode(events[0])
    then = shell("run", "list", "--as-of", "4", "--json").data["runs"]
    assert [(run["run_id"], run["status"]) for run in then] == [(seed.completed, "running")]
    at = shell("run", "list", "--as-of", first["recorded_at"], "--json").data["runs"]
    assert [run["run_id"] for run in at] == [seed.completed]
    assert shell("run", "list", "--as-of", "1d", "--json").data["runs"] == []
    assert seed.completed in shell("run", "list", "--as-of", "4").out


def test_a_list_of_the_past_tells_stages_and_times_of_then(shell: Shell, seed: Seed) -> None:
    """A run of the past has the stages that it had, and took no longer than until then."""
    events = shell("run", "tail", "--no-follow", "-n", "1000", "--json").out.splitlines()
    first, *rest = (msgspec.json.decode(event) for event in events)
    claimed = next(each for each in rest if each["type"] == "job.claimed")
    then = shell("run", "list", "--as-of", str(claimed["position"]), COLUMNS="120")
    line = then.out.splitlines()[1].split()
    assert line[:5] == [seed.completed, "running", "words", "split", "running"]
    assert "0ms" in line
    before = shell("run", "list", "--as-of", first["recorded_at"]).out.splitlines()
    assert before[1].split()[:5] == [seed.completed, "pending", "words", "split", "pending"]


def test_a_run_is_shown_on_one_page(shell: Shell, seed: Seed) -> None:
    """A run is shown with its facts, stages, timeline and output."""
    answer = shell("run", "show", seed.completed)
    assert answer.code == 0
    for text in ("ada", "split", "count", "generation 1", "failed or lost attempt", "output 3"):
        assert text in answer.out


def test_a_run_is_shown_to_programs(shell: Shell, seed: Seed) -> None:
    """For programs a run has its row, values, stages and the spans of its timeline."""
    shown = shell("run", "show", seed.completed, "--json").data
    assert shown["run"]["status"] == "completed"
    assert shown["output"] == 3
    assert [stage["id"] for stage in shown["stages"]] == ["split", "count"]
    rows = [(row["stage"], row["generation"], row["cut"]) for row in shown["timeline"]]
    assert rows == [("split", 0, False), ("count", 0, True), ("count", 1, False)]
    doing = [span["doing"] for span in shown["timeline"][1]["spans"]]
    assert doing == ["waiting", "running", "waiting", "running"]


def test_a_history_marks_what_was_cut(shell: Shell, seed: Seed) -> None:
    """A history has all events, says which a rewind has cut, and can leave them out."""
    events = shell("run", "history", seed.completed, "--json").data
    assert [event["version"] for event in events] == list(range(1, len(events) + 1))
    cut = [event["version"] for event in events if event["cut"]]
    assert cut == list(range(cut[0], cut[-1] + 1))
    effective = shell("run", "history", seed.completed, "--effective", "--json").data
    assert [event["version"] for event in effective] == [
        event["version"] for event in events if not event["cut"]
    ]
    assert "(cut)" in shell("run", "history", seed.completed).out


def test_a_history_is_narrowed(shell: Shell, seed: Seed) -> None:
    """A history can be asked for by type, by family of types, by stage and from a version on."""

    def types(*options: str) -> list[str]:
        events = shell("run", "history", seed.failed, "--json", *options).data
        return [event["type"] for event in events]

    assert types("--type", "run.failed") == ["run.failed"]
    assert set(types("--type", "run")) == {"run.created", "run.started", "run.failed"}
    assert "stage.attempt_failed" not in types("--stage", "split")
    assert types("--after", "9999") == []


def test_a_state_is_as_of_a_version(shell: Shell, seed: Seed) -> None:
    """The state of a run can be told as of any version."""
    state = shell("run", "state", seed.completed, "--at", "4", "--json").data
    assert (state["version"], state["status"]) == (4, "running")
    assert "as of version 4" in shell("run", "state", seed.completed, "--at", "4").out
    assert shell("run", "state", seed.completed, "--json").data["status"] == "completed"


def test_large_values_are_kept_apart_and_put_in_their_place(shell: Shell, seed: Seed) -> None:
    """A large value is shown by its size and key, and as itself on demand."""
    text = "word " * 20_000
    (shell.folder / "large.json").write_text(msgspec.json.encode(text).decode())
    assert shell("run", "create", "words", "-i", "@large.json", "-y").code == 0
    assert "100.0 kB kept apart as sha256:" in shell("run", "show", "latest").out
    for command in ("show", "state"):
        apart = shell("run", command, "latest", "--json").data["input"]
        assert apart["$blob"].startswith("sha256:")
        assert shell("run", command, "latest", "--json", "--whole").data["input"] == text


def test_a_run_is_proven(shell: Shell, seed: Seed) -> None:
    """A run and a store that nobody altered are proven, with the hash to keep elsewhere."""
    history = shell("run", "history", seed.completed, "--json").data
    verdict = shell("run", "verify", seed.completed, "--json").data
    assert verdict["head"] == history[-1]["hash"]
    whole = shell("store", "verify", "--json").data
    assert whole["runs"] == 3
    assert len(whole["root"]) == 64
    assert f"Root {whole['root']}" in shell("store", "verify").err


def test_what_was_altered_is_named(shell: Shell, seed: Seed) -> None:
    """A store that somebody wrote into past all guards is found out, with run and version."""
    with closing(sqlite3.connect(shell.folder / "log.db")) as connection, connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE events SET data = CAST(replace(data, 'flaky', 'solid') AS BLOB)")
    for command in (("run", "verify", seed.completed), ("store", "verify")):
        answer = shell(*command)
        assert answer.code == Exit.ALTERED
        assert seed.completed in answer.err
        assert "version 1" in answer.err
        assert answer.out == ""


def test_a_tail_of_an_ended_run_ends(shell: Shell, seed: Seed) -> None:
    """Following a run that has ended prints its last events and ends."""
    answer = shell("run", "tail", seed.completed, "-n", "2")
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 2
    assert answer.out.splitlines()[-1].split()[2] == "run.completed"


def test_a_tail_of_all_runs_shows_each_with_its_id(shell: Shell, seed: Seed) -> None:
    """Without an id the events of all runs are followed, one document each for programs."""
    answer = shell("run", "tail", "--no-follow", "-n", "3", "--json")
    lines = answer.out.splitlines()
    assert len(lines) == 3
    assert all(line.startswith('{"run_id":') for line in lines)
    assert seed.waiting in shell("run", "tail", "--no-follow", "-n", "1").out


def test_the_beginning_of_an_id_is_enough(shell: Shell, seed: Seed) -> None:
    """A run is found by the beginning of its id, by more than needed, and as the latest."""
    for given in (seed.failed, seed.failed[:-1], seed.failed.upper()[:-3]):
        assert shell("run", "show", given, "--json").data["run"]["run_id"] == seed.failed
    assert shell("run", "show", "latest", "--json").data["run"]["run_id"] == seed.waiting


def test_an_ambiguous_beginning_lists_the_candidates(shell: Shell, seed: Seed) -> None:
    """The beginning of several ids is refused, with all that it could mean."""
    answer = shell("run", "show", seed.failed[:6])
    assert answer.code == 3
    assert all(each in answer.err for each in (seed.failed, seed.completed, seed.waiting))


def test_what_stages_said_cannot_reach_the_terminal(shell: Shell, seed: Seed) -> None:
    """Control characters in the texts of stages are shown, not obeyed."""
    for command in ("show", "history", "state"):
        answer = shell("run", command, seed.failed)
        assert "\\x1b[31mbroken" in answer.out
        assert "\x1b" not in answer.out


PAGES = [("list",), ("show", "{completed}"), ("history", "{completed}")]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", PAGES, ids=lambda command: command[0])
def test_every_window_is_wide_enough(
    shell: Shell, seed: Seed, width: int, command: tuple[str, ...]
) -> None:
    """At any width no line is longer than the window, and nothing essential is missing."""
    given = [each.format(completed=seed.completed) for each in command]
    answer = shell("run", *given, COLUMNS=str(width))
    assert max(map(len, answer.out.splitlines())) <= width
    if command == ("list",):
        ids = re.findall(r"^[0-9a-f-]{13,}", answer.out, re.MULTILINE)
        assert len(set(ids)) == 3


def test_a_column_without_room_is_named(shell: Shell, seed: Seed) -> None:
    """A list has the columns that fit the window, and names the others; a wide one has all."""
    wide = shell("run", "list", COLUMNS="100")
    assert wide.err == ""
    assert wide.out.splitlines()[0].split()[-2:] == ["took", "metadata"]
    assert wide.out.splitlines()[3].endswith("customer=ada")
    narrow = shell("run", "list", COLUMNS="60")
    assert narrow.err.startswith("No room for: created, ")
    assert "metadata" in narrow.err
    assert "…" not in narrow.out


@pytest.mark.parametrize("command", ["list", "show", "state", "history"])
def test_no_line_in_a_pipe_ends_with_blanks(shell: Shell, seed: Seed, command: str) -> None:
    """Columns are padded for the eye, and not behind the end of a line that a program reads."""
    given = [] if command == "list" else [seed.completed]
    lines = shell("run", command, *given).out.splitlines()
    assert len(lines) > 3
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("width", [40, 200])
def test_a_real_window_is_measured(shell: Shell, seed: Seed, width: int) -> None:
    """In a terminal the width is that of its window."""
    screen = shell.terminal("run", "history", seed.failed, width=width).end()
    assert screen.code == 0
    assert width / 2 < max(map(len, screen.out.splitlines())) <= width


def test_colours_are_for_terminals(shell: Shell, seed: Seed) -> None:
    """There are colours on a terminal, none in a pipe, and none where NO_COLOR asks for none."""
    terminal = shell.terminal("run", "list")
    terminal.end()
    assert "\x1b[" in terminal.screen
    quiet = shell.terminal("run", "list", NO_COLOR="1")
    quiet.end()
    assert "\x1b[3" not in quiet.screen
    assert "\x1b" not in shell("run", "list").out


def test_a_terminal_without_utf8_gets_ascii(shell: Shell, seed: Seed) -> None:
    """Where the encoding has no blocks, bars are drawn with ASCII."""
    answer = shell("run", "show", seed.completed, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert answer.code == 0
    assert answer.out.isascii()
    assert "# at work" in answer.out
    assert "x failed or lost attempt" in answer.out
