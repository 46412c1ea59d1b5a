"""`eventflow bench` measures in stores of its own, and leaves nothing behind."""

import gc
import signal
import subprocess
import time
from pathlib import Path

import pytest
import structlog

from eventflow.cli.bench.figures import figure
from tests.cli.typed import Shell

SHORT = ("bench", "--quick", "--rounds", "1", "--only", "throughput", "--in-flight", "5")


def test_a_figure_tells_the_middle_and_the_ratio() -> None:
    """One slow round moves neither the median nor the ratio."""
    found = figure("p", "n", "runs/s", [90.0, 100.0, 20.0], limit=[200.0, 180.0, 9.0])
    assert (found.median, found.lowest, found.highest) == (90.0, 20.0, 100.0)
    assert found.ratio == 0.5


def test_the_figures_are_data(shell: Shell) -> None:
    """A program gets every measured value, with that of the bare store beside it."""
    answer = shell.process(*SHORT, "--json")
    assert answer.code == 0, answer.err
    (found,) = answer.data["figures"]
    assert (found["part"], found["unit"], len(found["values"])) == ("throughput", "runs/s", 1)
    assert 0 < found["ratio"] == found["median"] / found["limit"][0]


def test_the_store_itself_is_neither_made_nor_changed(shell: Shell, folder: Path) -> None:
    """Everything happens beside it, and is gone at the end."""
    before = sorted(folder.iterdir())
    assert shell.process(*SHORT).code == 0
    assert sorted(folder.iterdir()) == before


def test_a_person_gets_a_table(shell: Shell) -> None:
    """One line for each figure, on stdout; what is being done goes to stderr."""
    answer = shell.process(*SHORT)
    assert "5 in flight" in answer.out
    assert "of bare appends" in answer.out
    assert "round 1 of 1" in answer.err


def test_a_command_line_in_this_process_takes_back_what_it_has_changed(shell: Shell) -> None:
    """The collector, the logs and the folder are for the other tests what they were before."""

    def looked_at() -> tuple[object, ...]:
        return gc.get_threshold(), gc.get_freeze_count(), structlog.is_configured(), Path.cwd()

    before = looked_at()
    assert shell("bench", "--store", "memory://", "--only", "processes").code != 0
    assert looked_at() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rounds", "0"], "--rounds is at least 1"),
        (["--in-flight", "0"], "--in-flight is at least 1"),
        (["--backlog", "1"], "--backlog is at least"),
        (["--only", "everything"], "everything"),
        (["--store", "memory://", "--only", "processes"], "No other process can open memory://"),
        (["--store", "sqlite:////nowhere/at/all/x.db"], "No folder can be made"),
        (["--store", "unknown://x"], "unknown://"),
    ],
)
def test_what_cannot_be_measured_is_said(shell: Shell, arguments: list[str], told: str) -> None:
    """Wrong input is refused before anything is measured."""
    answer = shell("bench", "--quick", *arguments)
    assert answer.code != 0
    assert told in answer.err
    assert "Traceback" not in answer.err


def test_an_interrupted_measurement_leaves_nothing(shell: Shell, folder: Path) -> None:
    """Ctrl-C ends it, and its stores go with it."""
    before = sorted(folder.iterdir())
    with shell.start("bench", "--only", "claims", "--backlog", "1000000") as process:
        scratch = _wait_for_scratch(folder, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert not scratch.exists()
    assert sorted(folder.iterdir()) == before


def _wait_for_scratch(folder: Path, process: "subprocess.Popen[bytes]") -> Path:
    while process.poll() is None:
        for each in folder.glob(".eventflow-scratch-*/1.db-wal"):
            return each.parent
        time.sleep(0.01)
    raise AssertionError(process.communicate()[1].decode())
