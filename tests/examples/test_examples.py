"""Every example runs as it stands, and prints what it is there to show."""

from pathlib import Path

import pytest

from tests.examples.run_example import EXAMPLES, run_example

SHOWN = {
    "ai_summary.py": [
        "asking local:pretender",
        "  Nobody has ordered lamp oil since August.",
        "spent:        5 calls",
        "still counts: 4 calls",
        "the same again, without a model: True",
    ],
    "approval.py": [
        "the run is suspended, and waits for the manager",
        "the run is suspended, and waits for the director",
        "not taken: approved: ",
        "120 for Ada: approved by Grace",
    ],
    "batch_embedding.py": [
        "killed a worker that had handed in 2 of 4 batches",
        "killed the next one while the run was suspended",
        "the milkman came at dawn     at dawn came the milkman",
        "batches that the service has made: 4\n",
    ],
    "cancel.py": ["ctx.cancelled is True", "cancelled: the alarm rang", "changes nothing: False"],
    "config_and_presets.py": ["shouted: TO BE OR NOT TO BE!", "shout.marks: "],
    "document_analysis.py": ["documents, 0 of them analysed before", "assertionerror"],
    "idempotency.py": ["the same run: True", "charged 4 for tea", "refused:"],
    "live_events.py": ["stage.progressed 50%", "run.completed", "4 loaves"],
    "parallel.py": ["job.claimed: versions [6, 7, 8, 13]", "sunny in Lisbon; no jam in Lisbon"],
    "plain_function.py": ["Zeno has dined in another thread", "lines in its history: 1"],
    "rerun.py": ["Hello, Ada Lovelace!", "Hi, Ada Lovelace!", "Good morning, Ada Lovelace!"],
    "retry.py": ["connected to example.org", "example.org is busy; again after 0.2 s"],
    "swap_stores.py": ["memory      the answer is 42", "the same on all 2 stores: True"],
    "webhooks.py": [
        "run.completed, answered with 503",
        "run.completed, answered with 200",
        "set aside after 3 attempts: run.failed",
        "the server answered 503",
    ],
    "two_processes.py": ["done by process", ": False", "exit code 0"],
}
HELPERS = {
    "demo_acts.py",
    "demo_common.py",
    "demo_kill.py",
    "demo_worker.py",
    "documents.py",
    "embedding_service.py",
    "markup.py",
    "model_server.py",
    "plain_table.py",
    "quiet_logs.py",
    "text_measures.py",
}


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_an_example_prints_what_it_shows(name: str, tmp_path: Path) -> None:
    """An example ends well, says nothing on standard error, and leaves no file behind."""
    ended = run_example(name, folder=tmp_path)
    assert (ended.stderr, ended.returncode) == ("", 0)
    for line in SHOWN[name]:
        assert line in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_each_example_is_run_by_a_test() -> None:
    """No example is forgotten here."""
    there = {path.name for path in EXAMPLES.glob("*.py")}
    assert there == SHOWN.keys() | HELPERS | {"demo.py"}
