"""Export, import, copy, diff: what a run is goes from place to place, and can be compared."""

import asyncio
import gzip
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import eventflow as ef
from eventflow.cli.exits import Exit
from tests.cli.conftest import Seed
from tests.cli.many import fill_with_many
from tests.cli.typed import Shell


@pytest.fixture(scope="module")
def many_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Fill a store with many runs; give its file and how many events it has."""
    file = tmp_path_factory.mktemp("many") / "log.db"
    return file, fill_with_many(f"sqlite:///{file}?synchronous=NORMAL", runs=2_000)


@pytest.fixture
def many(many_once: tuple[Path, int], folder: Path) -> int:
    """Give the test a store of its own with many runs; tell how many events they have."""
    file, events = many_once
    shutil.copy(file, folder / "log.db")
    return events


def test_runs_go_through_a_file(shell: Shell, seed: Seed, folder: Path) -> None:
    """Runs are exported to a file and imported elsewhere, where they are the same; once only."""
    exported = shell("run", "export", "-o", "all.jsonl.gz", "--json").data
    assert exported["runs"] == 3
    assert gzip.decompress((folder / "all.jsonl.gz").read_bytes()).startswith(b"{")
    elsewhere = ("--store", "sqlite:///other.db", "--json", "--yes")
    first = shell("run", "import", "all.jsonl.gz", *elsewhere).data
    assert (first["runs"], first["imported"], first["present"]) == (3, exported["events"], 0)
    again = shell("run", "import", "all.jsonl.gz", *elsewhere).data
    assert (again["imported"], again["present"]) == (0, exported["events"])
    for each in (seed.completed, seed.failed):
        there = shell("run", "state", each, "--json", "--store", "sqlite:///other.db")
        assert there.data == shell("run", "state", each, "--json").data


def test_one_run_goes_through_a_pipe(shell: Shell, seed: Seed) -> None:
    """A run is exported to stdout, and imported from stdin."""
    file = shell("run", "export", seed.failed[:-2], "-o", "-")
    assert file.out.startswith('{"line":"manifest"')
    assert "1 run" in file.err
    answer = shell("run", "import", "-", "--store", "sqlite:///o.db", "-y", stdin=file.out)
    assert answer.code == 0, answer.err
    assert "1 run of -" in answer.err


def test_an_export_replaces_nothing_by_itself(shell: Shell, seed: Seed, folder: Path) -> None:
    """A file that is there is replaced only on demand."""
    (folder / "x.jsonl").write_text("precious")
    refused = shell("run", "export", "-o", "x.jsonl")
    assert refused.code == Exit.REFUSED
    assert "--force" in refused.err
    assert (folder / "x.jsonl").read_text() == "precious"
    assert shell("run", "export", "-o", "x.jsonl", "--force", "--status", "failed").code == 0
    assert seed.failed in (folder / "x.jsonl").read_text()


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("missing/x.jsonl", "missing/x.jsonl: No such file or directory"),
        (".", "Is a directory"),
        ("/dev/full", "No space left on device"),
    ],
)
def test_an_output_that_cannot_be_written_is_told_in_one_line(
    shell: Shell, seed: Seed, output: str, told: str
) -> None:
    """Where no file can be made, the message names the place that was typed, and why."""
    answer = shell("run", "export", "-o", output, "--force")
    assert answer.code == Exit.FAILED
    assert told in answer.err
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, Exit.NOT_FOUND), (b"not a history\n", Exit.ALTERED), (b"", Exit.ALTERED)],
)
def test_a_wrong_file_is_not_imported(
    shell: Shell, seed: Seed, folder: Path, content: bytes | None, code: Exit
) -> None:
    """A file that is missing, or is no history, is refused, and nothing is imported."""
    if content is not None:
        (folder / "x.jsonl").write_bytes(content)
    answer = shell("run", "import", "x.jsonl", "-y")
    assert answer.code == code
    assert "x.jsonl" in answer.err or "history file" in answer.err
    assert "Traceback" not in answer.err


def test_an_altered_file_is_not_imported(shell: Shell, seed: Seed, folder: Path) -> None:
    """A history file that somebody has changed is refused by the chain, and no store is made."""
    file = folder / "x.jsonl"
    assert shell("run", "export", seed.completed, "-o", "x.jsonl").code == 0
    file.write_text(file.read_text().replace("a flaky text", "a flaky test"))
    answer = shell("run", "import", "x.jsonl", "--store", "sqlite:///other.db", "-y")
    assert answer.code == Exit.ALTERED
    assert list(folder.glob("other.db*")) == []
    assert shell("run", "import", "x.jsonl", "-y").code == Exit.ALTERED
    assert shell("run", "list", "--json").data["runs"][2]["run_id"] == seed.completed


def test_an_import_asks_with_what_it_would_bring(shell: Shell, seed: Seed, folder: Path) -> None:
    """Before it asks, an import tells how many runs there are, and which of them would go on."""
    assert shell("run", "export", "-o", "all.jsonl").code == 0
    other = ("--store", "sqlite:///other.db")
    asked = shell("run", "import", "all.jsonl", *other)
    assert asked.code == Exit.REFUSED
    assert "Import 3 runs, " in asked.err
    assert "1 of them has not ended" in asked.err
    piped = shell("run", "import", "-", *other, stdin=(folder / "all.jsonl").read_text())
    assert "Import 3 runs, " in piped.err
    refused = shell("run", "import", "all.jsonl", "--only-ended", "-y", *other)
    assert refused.code == Exit.REFUSED
    assert f"a run that has not ended, {seed.waiting}, and --only-ended refuses that" in refused.err
    assert list(folder.glob("other.db*")) == []


def test_two_versions_of_a_run_are_compared(shell: Shell, seed: Seed) -> None:
    """The state of a run is compared with what it was, place by place."""
    answer = shell("run", "diff", f"{seed.completed}@5", "--json")
    assert answer.data["before"] == {"run_id": seed.completed, "version": 5}
    found = {each["path"]: each for each in answer.data["differences"]}
    assert (found["status"]["before"], found["status"]["after"]) == ("running", "completed")
    assert "before" not in found["ending"]
    lines = shell("run", "diff", f"{seed.completed}@5").out
    assert '- "running"' in lines
    assert '+ "completed"' in lines


def test_two_runs_are_compared_without_what_always_differs(shell: Shell, seed: Seed) -> None:
    """Of two runs, ids and times do not count; a run and its copy do not differ."""
    found = shell("run", "diff", seed.completed, seed.failed, "--json").data["differences"]
    paths = {each["path"] for each in found}
    assert {"input", "status", "metadata.customer"} <= paths
    assert not any("due_at" in path or "run_id" in path for path in paths)
    same = shell("run", "diff", seed.failed, seed.failed, "--exit-code")
    assert same.code == 0
    assert "do not differ" in same.out
    assert shell("run", "diff", seed.completed, seed.failed, "--exit-code").code == Exit.DIFFERENT


@pytest.mark.parametrize(("given", "code"), [("latest@x", 2), ("latest@99", 3), ("latest@0", 3)])
def test_a_wrong_version_is_not_compared(shell: Shell, seed: Seed, given: str, code: int) -> None:
    """A version that is none, or that the run does not have, is refused."""
    assert shell("run", "diff", given).code == code


def test_a_store_is_copied_and_brought_up_to_date(shell: Shell, seed: Seed) -> None:
    """All runs of a store are copied once; a later copy brings what is new."""
    first = shell("store", "copy", "--to", "sqlite:///copy.db", "--yes", "--json").data
    assert first["runs"] == 3
    again = shell("store", "copy", "--to", "sqlite:///copy.db", "--yes", "--json").data
    assert (again["copied"], again["present"]) == (0, first["copied"])
    assert shell("run", "signal", "latest", "approval", "-y").code == 0
    later = shell(
        "store",
        "copy",
        "--to",
        "sqlite:///copy.db",
        "-y",
        "--json",
        "--after",
        str(first["position"]),
    ).data
    assert later["copied"] == 1
    for each in (seed.completed, seed.waiting):
        there = shell("run", "state", each, "--json", "--store", "sqlite:///copy.db")
        assert there.data == shell("run", "state", each, "--json").data


def test_a_copy_that_would_be_gone_at_once_is_refused(shell: Shell, seed: Seed) -> None:
    """A store in the memory of the command itself is no place to copy to."""
    answer = shell("store", "copy", "--to", "memory://", "--yes")
    assert answer.code == Exit.USAGE
    assert "gone with this process" in answer.err


async def subscribe(url: str) -> None:
    """Let a subscription deliver what there is."""
    done = asyncio.Event()
    async with ef.Runtime(url) as runtime:
        await runtime.subscribe("mails", lambda _: done.set(), "run.completed")
        await asyncio.wait_for(done.wait(), 30)


def test_subscriptions_stay_where_their_positions_are(shell: Shell, url: str, seed: Seed) -> None:
    """They are neither counted nor shipped unless they are asked for, and it is said."""
    asyncio.run(subscribe(url))
    listed = shell("run", "list", "--json").data["runs"]
    everything = shell("run", "export", "-o", "all.jsonl", "--json").data
    assert everything["runs"] == len(listed) == 3
    chain = shell("run", "export", "-w", "eventflow.subscription", "-o", "chain.jsonl", "--json")
    assert chain.data["runs"] == 1
    other = ("--store", "sqlite:///other.db", "--yes")
    assert shell("run", "export", seed.waiting, "-o", "one.jsonl").code == 0
    assert shell("run", "import", "one.jsonl", *other).code == 0
    left = shell("run", "import", "chain.jsonl", *other)
    assert "0 runs of chain.jsonl" in left.out + left.err
    assert "Left out 1 run of subscriptions" in left.out + left.err
    empty = shell("store", "copy", "--to", "sqlite:///empty.db", "--yes", "--json").data
    assert (empty["left_out"], empty["copied"]) == (0, empty["position"])
    copied = shell("store", "copy", "--to", "sqlite:///other.db", "--yes")
    assert f"Left out {chain.data['events']} events of subscriptions" in copied.out + copied.err


def test_a_store_is_not_copied_onto_itself(shell: Shell, seed: Seed, folder: Path) -> None:
    """A copy to the store that it comes from is refused, however its URL is written."""
    (folder / "link.db").symlink_to(folder / "log.db")
    for url in (
        "sqlite:///log.db",
        "sqlite:///link.db",
        f"sqlite:///{folder}/../{folder.name}/log.db",
    ):
        refused = shell("store", "copy", "--to", url, "--yes")
        assert refused.code == Exit.REFUSED
        assert "is the store to copy from (EVENTFLOW_STORE_URL)" in refused.err


def test_a_copy_asks_first_and_hides_passwords(shell: Shell, seed: Seed) -> None:
    """Without --yes nothing is copied, and the preview shows no password."""
    answer = shell("store", "copy", "--to", "postgresql://u:geheim@127.0.0.1:1/db")
    assert answer.code == Exit.UNAVAILABLE
    assert "geheim" not in answer.err
    asked = shell("store", "copy", "--to", "sqlite:///copy.db")
    assert asked.code == Exit.REFUSED
    assert "a new store" in asked.err
    assert not (shell.folder / "copy.db").exists()


def test_a_copy_that_is_interrupted_goes_on(shell: Shell, many: int) -> None:
    """Ctrl-C in the middle of a copy leaves whole operations; the same command goes on."""
    line = ("store", "copy", "--to", "sqlite:///copy.db?synchronous=NORMAL", "--yes")
    copying = shell.terminal(*line, "--batch", "20", width=100)
    copying.wait_for("copying")
    copying.wait_for("%")
    copying.interrupt()
    answer = copying.end()
    assert answer.code == Exit.INTERRUPTED
    assert "run the same command again to go on" in answer.out
    assert "Traceback" not in answer.out
    rest = shell(*line, "--json").data
    assert rest["copied"] + rest["present"] == many
    assert rest["present"] > 0


def test_a_watch_shows_a_run_until_it_ends(shell: Shell, seed: Seed) -> None:
    """A run that is watched is drawn again while it goes on, and stays on the screen at its end."""
    created = shell("run", "create", "sleeping", "-i", "0.5", "-y", "--json").data["run_id"]
    watching = shell.terminal("run", "show", created, "--watch", width=100)
    watching.wait_for("pending")
    worker = shell.start("worker")
    try:
        watching.wait_for("running")
        answer = watching.end()
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=60)
    assert answer.code == 0
    assert '"slept"' in answer.out
    assert "at work" in answer.out


def test_a_tail_shows_what_goes_on(shell: Shell, seed: Seed) -> None:
    """A tail on a terminal shows events as lines, and below them the progress of the stages."""
    created = shell("run", "create", "sleeping", "-i", "0.5", "-y", "--json").data["run_id"]
    tailing = shell.terminal("run", "tail", created, width=120)
    tailing.wait_for("stage.scheduled")
    worker = shell.start("worker")
    try:
        tailing.wait_for("run.completed")
        answer = tailing.end()
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=60)
    assert answer.code == 0
    assert "█" in answer.out


def test_an_import_that_is_interrupted_goes_on(shell: Shell, many: int) -> None:
    """Ctrl-C in the middle of an import leaves whole runs; importing again goes on."""
    assert shell("run", "export", "-o", "many.jsonl").code == 0
    line = ("run", "import", "many.jsonl", "--store", "sqlite:///there.db", "--yes")
    importing = shell.terminal(*line, width=100)
    importing.wait_for_match(r"importing \S+ +[1-9]\d*/\?")
    importing.interrupt()
    answer = importing.end()
    assert answer.code == Exit.INTERRUPTED
    assert "import the file again to go on" in answer.out
    rest = shell(*line, "--json").data
    assert rest["imported"] + rest["present"] == many
    assert rest["present"] > 0


def test_a_proof_that_is_interrupted_says_so(shell: Shell, many: int) -> None:
    """Ctrl-C while everything is read ends with one line, and nothing was changed."""
    proving = shell.terminal("store", "verify", width=100)
    proving.wait_for("verifying")
    proving.wait_for("%")
    proving.interrupt()
    answer = proving.end()
    assert answer.code == Exit.INTERRUPTED
    assert "nothing was changed" in answer.out
    assert "Traceback" not in answer.out


def test_rows_that_drifted_are_computed_again(shell: Shell, seed: Seed, folder: Path) -> None:
    """Rows that somebody changed are found out by a proof, and right after a rebuild."""
    with closing(sqlite3.connect(folder / "log.db")) as connection, connection:
        connection.execute("UPDATE runs SET status = 'pending'")
    assert shell("store", "verify").code == Exit.ALTERED
    refused = shell("store", "rebuild")
    assert refused.code == Exit.REFUSED
    assert "stop them first" in refused.err
    assert shell("store", "rebuild", "--yes", "--json").data["runs"] == 3
    assert shell("store", "verify").code == 0
    statuses = [run["status"] for run in shell("run", "list", "--json").data["runs"]]
    assert statuses == ["pending", "failed", "completed"]


def test_a_rebuild_that_is_interrupted_changes_nothing(shell: Shell, many: int) -> None:
    """Ctrl-C while the rows are computed again leaves the old ones."""
    before = shell("run", "list", "--json", "--limit", "5").data
    rebuilding = shell.terminal("store", "rebuild", "--yes", width=100)
    rebuilding.wait_for("rebuilding")
    rebuilding.interrupt()
    answer = rebuilding.end()
    assert answer.code == Exit.INTERRUPTED
    assert "nothing was changed" in answer.out
    assert "Traceback" not in answer.out
    assert shell("run", "list", "--json", "--limit", "5").data == before
    assert shell("store", "verify").code == 0
