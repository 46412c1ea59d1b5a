"""The demo keeps what it says, in a pipe as on a terminal, and leaves no process behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.run_example import EXAMPLES, run_example


def test_the_demo_kills_a_worker_and_loses_nothing(tmp_path: Path) -> None:
    """Jobs of the killed worker expire and are completed by the other; all of it verifies."""
    ended = run_example("demo.py", "--documents", "12", folder=tmp_path)
    assert (ended.stderr, ended.returncode) == ("", 0)
    assert re.search(r"worker-\d was killed \(SIGKILL\) with \d+ jobs? in hand", ended.stdout)
    assert re.search(r"lease\.expired +worker-\d", ended.stdout)
    assert "12 of 12 runs completed" in ended.stdout
    assert "Everything held." in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 100
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a demo, and wait until both workers are at work.

    The workers share its standard output, which ends when the last of all three processes has.
    """
    with subprocess.Popen(
        [sys.executable, EXAMPLES / "demo.py", "--documents", "40"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if re.search(r"[1-9]\d* of 40 runs", line))
        yield process
        process.kill()


def test_the_demo_stops_its_workers_on_ctrl_c(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    """SIGINT ends the demo with 130, its workers with it, and nothing is left behind."""
    demo.send_signal(signal.SIGINT)
    _, errors = demo.communicate(timeout=20)
    assert (errors, demo.returncode) == ("", 130)
    assert list(tmp_path.iterdir()) == []


def test_the_workers_of_a_demo_that_is_killed_end_by_themselves(
    demo: subprocess.Popen[str],
) -> None:
    """They notice that nobody is at the other end of their standard input."""
    demo.kill()
    demo.communicate(timeout=20)
    assert demo.returncode == -signal.SIGKILL


@pytest.mark.parametrize("arguments", [["--store", "memory://"], ["--documents", "0"]])
def test_the_demo_refuses_what_it_cannot_play(arguments: list[str], tmp_path: Path) -> None:
    """Memory is not shared between processes, and no documents are no demo."""
    ended = run_example("demo.py", *arguments, folder=tmp_path)
    assert ended.returncode == 2
    assert arguments[0] in ended.stderr
