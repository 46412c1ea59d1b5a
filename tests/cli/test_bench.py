"""`eventflow bench` measures in stores of its own, and leaves nothing behind."""

import gc
import signal
import subprocess
import time
from pathlib import Path

import pytest
import structlog
from attrs import evolve

from eventflow.cli.bench.effort import QUICK, Part
from eventflow.cli.bench.figures import Figure, figure
from eventflow.cli.bench.measure import Bench
from eventflow.store.scratch import scratch_stores
from tests.cli.typed import Shell

TINY = evolve(
    QUICK,
    rounds=1,
    runs=20,
    in_flight=(1, 5),
    at_rest=3,
    handovers=2,
    claims=16,
    backlogs=(16, 32),
    stored=(10, 20),
    histories=(10, 30),
    memory=8,
)
SHORT = ("bench", "--quick", "--rounds", "1", "--only", "throughput", "--in-flight", "5")


def test_a_figure_tells_the_middle_and_the_ratio() -> None:
    """One slow round moves neither the median nor the ratio."""
    found = figure("p", "n", "runs/s", [90.0, 100.0, 20.0], limit=[200.0, 180.0, 9.0])
    assert (found.median, found.lowest, found.highest) == (90.0, 20.0, 100.0)
    assert found.ratio == 0.5
    assert found.grown is None
    assert figure("p", "n", "ms", [11.0], smallest=[9.0, 10.0, 90.0]).grown == 1.1


async def test_every_part_has_its_limit_beside_it(folder: Path) -> None:
    """Each figure but the memory has the bare store beside it; larger sizes are compared."""
    found: dict[str, list[Figure]] = {}
    async with scratch_stores(f"sqlite:///{folder}/log.db") as new_store:
        async for each in Bench(new_store, TINY, str).measure(frozenset(Part)):
            found.setdefault(each.part, []).append(each)
    assert list(found) == list(Part)
    held = found.pop(Part.MEMORY)
    assert [each.ratio for each in held] == [None] * 4
    assert all(each.ratio for figures in found.values() for each in figures)
    for part, first in ((Part.CLAIMS, 1), (Part.GROWTH, 1), (Part.HISTORIES, 3)):
        grown = [each.grown is not None for each in found[part]]
        assert grown == [False] * first + [True] * (len(grown) - first), part


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

    gc.unfreeze()  # Python 3.12 begins with some objects frozen
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


def test_an_interrupted_measurement_ends_its_processes(shell: Shell, folder: Path) -> None:
    """Ctrl-C in a terminal reaches every process of it, and still ends with one line at once."""
    before = sorted(folder.iterdir())
    measuring = shell.terminal("bench", "--only", "handover", "--only", "processes", width=100)
    measuring.wait_for("another process starts")
    measuring.interrupt()
    answer = measuring.end()
    assert answer.code == 130
    assert "Traceback" not in answer.out
    assert answer.out.endswith("Interrupted.\n")
    assert sorted(folder.iterdir()) == before


def _wait_for_scratch(folder: Path, process: "subprocess.Popen[bytes]") -> Path:
    while process.poll() is None:
        for each in folder.glob(".eventflow-scratch-*/1.db-wal"):
            return each.parent
        time.sleep(0.01)
    raise AssertionError(process.communicate()[1].decode())
