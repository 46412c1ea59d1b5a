"""The commands about stores, workflows and health."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from eventflow.cli import checking
from eventflow.cli.exits import Exit
from tests.cli.conftest import Seed
from tests.cli.typed import Shell


def test_a_store_is_made_once(bare: Shell, folder: Path) -> None:
    """`store init` makes a store that is missing, and leaves one that is there."""
    where = ("--store", "sqlite:///new.db")
    refused = bare("store", "init", *where)
    assert refused.code == Exit.REFUSED
    assert not (folder / "new.db").exists()
    assert bare("store", "init", *where, "-y", "--json").data["made"] is True
    assert bare("store", "init", *where, "--json").data["made"] is False
    assert bare("run", "list", *where, "--json").data == {"runs": [], "next": None}
    assert "no runs yet" in bare("run", "list", *where).err


def test_an_old_store_is_migrated_only_on_demand(bare: Shell, folder: Path) -> None:
    """A store of an older release is not looked at before it was migrated, and that asks first."""
    from eventflow_sqlite.migrations import migrations  # noqa: PLC0415 - of this store alone

    where = ("--store", "sqlite:///old.db")
    make_first_version(folder / "old.db")
    looked = bare("run", "list", *where)
    assert looked.code == Exit.UNAVAILABLE
    assert "eventflow store migrate" in looked.err
    assert bare("store", "migrate", *where).code == Exit.REFUSED
    newest = migrations()[-1].version
    if newest > 1:
        migrated = bare("store", "migrate", *where, "-y", "--json").data
        assert (migrated["before"], migrated["version"]) == (1, newest)
    assert bare("run", "list", *where).code == 0
    assert "newest" in bare("store", "migrate", *where).err


def make_first_version(file: Path) -> None:
    """Make a database as the first release did."""
    import sqlite3  # noqa: PLC0415 - as above
    from contextlib import closing  # noqa: PLC0415 - as above

    from eventflow_sqlite.migrations import (  # noqa: PLC0415 - as above
        APPLICATION_ID,
        migrations,
        statements,
    )

    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements(migrations()[0].sql):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")


def test_a_store_of_a_newer_release_is_left_alone(shell: Shell, seed: Seed, folder: Path) -> None:
    """A store that a newer release has migrated is not opened, and the message says what to do."""
    import sqlite3  # noqa: PLC0415 - of this store alone
    from contextlib import closing  # noqa: PLC0415 - as above

    with closing(sqlite3.connect(folder / "log.db")) as connection:
        connection.execute("PRAGMA user_version = 999")
    answer = shell("run", "list")
    assert answer.code == Exit.UNAVAILABLE
    assert "999" in answer.err


def test_a_store_is_counted(shell: Shell, seed: Seed) -> None:
    """The statistics count runs by workflow and status, events and jobs."""
    counts = shell("store", "stats", "--json").data
    assert counts["runs"] == 3
    assert counts["workflows"]["words"]["failed"] == 1
    assert counts["jobs"] == {"due": 1, "claimed": 0, "lost": 0, "waiting": 0}
    histories = [shell("run", "history", each, "--json").data for each in vars_of(seed)]
    assert counts["events"] == sum(map(len, histories))
    drawn = shell("store", "stats").out
    assert "3 runs" in drawn
    assert "1 job due now" in drawn


def vars_of(seed: Seed) -> list[str]:
    """Give the ids of all runs."""
    return [seed.completed, seed.failed, seed.waiting]


def test_a_store_is_checked(shell: Shell, seed: Seed) -> None:
    """A check tells version, time and jobs, and fails where there is no store."""
    found = shell("store", "check", "--json").data
    assert found["well"] is True
    assert [each["what"] for each in found["findings"]] == ["store", "time", "jobs"]
    missing = shell("store", "check", "--store", "sqlite:///none.db")
    assert missing.code == Exit.FAILED
    assert "There is no store" in missing.out


def test_the_doctor_looks_at_everything(shell: Shell, bare: Shell, seed: Seed) -> None:
    """The doctor looks at the installation, the application, the store, and both together."""
    answer = shell("doctor")
    assert answer.code == 0
    for what in ("python", "extra [cli]", "words", "schema version", "every stage that is due"):
        assert what in answer.out
    ill = bare("doctor", "--app", "nowhere:x", "--json")
    assert ill.code == Exit.FAILED
    verdicts = {each["what"]: each["verdict"] for each in ill.data["findings"]}
    assert verdicts["application"] == verdicts["store"] == "problem"


def test_the_doctor_finds_runs_that_nobody_can_execute(
    shell: Shell, seed: Seed, folder: Path
) -> None:
    """A run whose stage the application lacks is found, with the stage."""
    (folder / "other.py").write_text("import shop\nworkflows = [shop.sleeping]\n")
    findings = shell("doctor", "--app", "other:workflows", "--json").data["findings"]
    assert "words/split" in findings[-1]["told"]


def test_the_doctor_finds_a_log_that_is_no_longer_guarded(
    shell: Shell, seed: Seed, folder: Path
) -> None:
    """A trigger that somebody dropped or replaced is found, and the store is not well."""
    with closing(sqlite3.connect(folder / "log.db")) as connection:
        connection.executescript(
            "DROP TRIGGER events_keep_rows; DROP TRIGGER blobs_keep_rows;"
            "CREATE TRIGGER blobs_keep_rows BEFORE DELETE ON blobs BEGIN SELECT 1; END;"
        )
    answer = shell("doctor", "--json")
    assert answer.code == Exit.FAILED
    (found,) = [each for each in answer.data["findings"] if each["verdict"] == "problem"]
    assert found["what"] == "guards"
    assert "events_keep_rows, blobs_keep_rows" in found["told"]
    assert "eventflow store verify" in found["advice"]


def test_findings_are_folded_in_their_column(shell: Shell, seed: Seed) -> None:
    """In a narrow window what was found is folded, with what was looked at at its left."""
    lines = shell("doctor", COLUMNS="44").out.splitlines()
    assert max(map(len, lines)) <= 44
    assert all(line[0] in "✓!✗" or line.startswith(" " * 17) for line in lines)


def test_workflows_are_listed_and_described(shell: Shell) -> None:
    """The workflows of the application are listed and described without any store."""
    listed = shell("workflow", "list", "--json").data
    assert [each["id"] for each in listed] == ["asking", "sleeping", "words"]
    assert listed[2]["groups"] == [["split"], ["count"]]
    assert "split > count" in shell("workflow", "list").out
    described = shell("workflow", "describe", "words", "--json").data
    assert described["groups"][1][0]["retry"]["max_attempts"] == 2
    drawn = shell("workflow", "describe", "words").out
    assert "list[str] → int" in drawn
    assert 'signal "approval"' in shell("workflow", "describe", "asking").out


def test_a_schema_is_json_schema(shell: Shell) -> None:
    """The schema of a workflow, or a part of it, is printed as JSON Schema."""
    whole = shell("workflow", "schema", "words").data
    assert whole["input"] == {"type": "string"}
    assert shell("workflow", "schema", "words", "--part", "output").data == {"type": "integer"}


@pytest.mark.parametrize("command", ["describe", "schema"])
def test_an_unknown_workflow_is_not_described(shell: Shell, command: str) -> None:
    """A workflow that the application does not have is refused with those that it has."""
    answer = shell("workflow", command, "word")
    assert answer.code == Exit.NOT_FOUND
    assert 'Did you mean "words"?' in answer.err


def test_the_demo_shows_everything(bare: Shell, folder: Path) -> None:
    """The demonstration needs nothing, shows retry, suspension and rerun, and leaves nothing."""
    answer = bare("demo")
    assert """--from pack --config '{"pack":{"gift_wrap":true}}' --app """ in answer.out
    app = answer.out.partition("--app ")[2].split()[0]
    assert bare("workflow", "list", "--app", app, "--json").data[0]["id"] == "orders"
    assert answer.code == 0, answer.err
    for text in ("failed or lost attempt", "suspended", "gift wrap, on its way", "chains of all"):
        assert text in answer.out
    assert "(cut)" in answer.out
    assert [path.name for path in folder.iterdir()] == ["shop.py"]


def test_the_demo_is_live_on_a_terminal(bare: Shell, folder: Path) -> None:
    """On a terminal the demonstration draws progress, and Ctrl-C ends it cleanly."""
    playing = bare.terminal("demo", "--keep", width=100)
    playing.wait_for("is in stock")
    playing.wait_for("running")
    playing.interrupt()
    answer = playing.end()
    assert answer.code == Exit.INTERRUPTED
    assert "Traceback" not in answer.out
    assert "Interrupted." in answer.out
    kept = bare("run", "list", "--store", "sqlite:///eventflow-demo.db", "--json").data["runs"]
    assert len(kept) == 3
    assert re.fullmatch(r"[0-9a-f-]{36}", kept[0]["run_id"])


def test_an_extra_that_is_not_there_gets_no_check_mark(
    shell: Shell, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not installed, and need not be, is neither well nor a problem."""
    monkeypatch.setattr(checking, "EXTRAS", {"ghost": "eventflow-ghost"})
    answer = shell("doctor")
    assert answer.code == 0
    assert "· extra [ghost]  not installed; if it is needed: " in answer.out
    found = {each["what"]: each["verdict"] for each in shell("doctor", "--json").data["findings"]}
    assert found["extra [ghost]"] == "absent"
