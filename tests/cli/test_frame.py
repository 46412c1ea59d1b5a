"""What holds for every command: the missing extra, help, pipes, Ctrl-C, and speed."""

import os
import signal
import subprocess
import sys

import pytest

from eventflow.cli.exits import Exit
from eventflow.cli.tree import BRANCHES, LEAVES
from tests.cli.conftest import Seed
from tests.cli.typed import COMMAND, Shell

COMMANDS = [
    *(((name, each)) for name, (_, branch) in BRANCHES.items() for each in branch),
    *((each,) for each in LEAVES),
]

WITHOUT_EXTRA = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"cyclopts", "rich"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hide())
import importlib.util
importlib.util.find_spec = lambda name: None if name in {"cyclopts", "rich"} else True
from eventflow.cli.main import main
sys.exit(main(["run", "list"]))
"""


def test_the_missing_extra_says_how_to_install_it(bare: Shell) -> None:
    """Without the extra the command line says what to install, and shows no traceback."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install 'eventflow-engine[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_lists_every_command(bare: Shell) -> None:
    """The help of the whole, and of each group, lists what there is; the version is told."""
    answer = bare("--help")
    assert answer.code == 0
    assert all(name in answer.out for name in (*BRANCHES, *LEAVES))
    assert bare().code == 0
    for name, (_, branch) in BRANCHES.items():
        assert all(each in bare(name, "--help").out for each in branch)
    assert bare("--version").out.strip()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(bare: Shell, command: tuple[str, ...]) -> None:
    """Each command has a help of its own, which names the options that all share."""
    answer = bare(*command, "--help", COLUMNS="100")
    assert answer.code == 0
    assert " ".join(command) in answer.out
    assert "--store" in answer.out


def test_help_loads_no_command(bare: Shell) -> None:
    """The help of the whole loads the frame alone: no command, no log of structure, no store."""
    code = (
        "import sys; from eventflow.cli.main import main; main(['--help']);"
        "print([m for m in sys.modules if m.startswith('eventflow.cli.commands.')"
        " or m.startswith('eventflow_')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_leaves_is_no_error(shell: Shell, seed: Seed) -> None:
    """When the reader of a pipe leaves, the command ends without a word."""
    following = shell.start("run", "tail", "latest", "--json")
    assert following.stdout is not None
    assert following.stdout.readline().startswith(b"{")
    following.stdout.close()
    assert shell("run", "signal", "latest", "approval", "-y").code == 0
    assert following.wait(60) == Exit.BROKEN_PIPE
    assert following.stderr is not None
    with following.stderr as stderr:
        assert stderr.read() == b""


def test_ctrl_c_ends_a_command_with_one_line(shell: Shell, seed: Seed) -> None:
    """Ctrl-C while following ends with one line and the code that shells expect."""
    following = shell.terminal("run", "tail", "latest")
    following.wait_for("stage.scheduled")
    following.interrupt()
    answer = following.end()
    assert answer.code == Exit.INTERRUPTED
    assert answer.out.splitlines()[-1].endswith("Interrupted.")


def test_a_worker_executes_runs_until_it_is_told_to_stop(shell: Shell, seed: Seed) -> None:
    """A worker takes up what waits, logs JSON lines off a terminal, and stops on SIGTERM."""
    worker = shell.start("worker", "--worker-id", "w-7", "--concurrency", "2")
    try:
        answer = shell("run", "tail", seed.waiting, "--json")
        assert answer.code == 0
        assert '"type":"run.completed"' in answer.out
    finally:
        worker.send_signal(signal.SIGTERM)
        out, err = worker.communicate(timeout=60)
    assert worker.returncode == 0, err
    assert out == b""
    lines = err.decode().splitlines()
    assert all(line.startswith("{") for line in lines)
    assert any('"worker.started"' in line and '"w-7"' in line for line in lines)
    assert any('"run.completed"' in line for line in lines)


def test_a_worker_on_a_terminal_logs_for_people(shell: Shell, seed: Seed) -> None:
    """On a terminal the log of a worker is for people, and Ctrl-C lets it end its jobs."""
    worker = shell.terminal("worker", width=160)
    worker.wait_for("run.completed")
    worker.interrupt()
    answer = worker.end()
    assert answer.code == 0
    assert "worker.stopped" in answer.out
    assert "{" not in answer.out.partition("run.completed")[0].partition("\n")[0]


def test_the_module_and_the_script_are_the_same_main() -> None:
    """`python -m eventflow` and the script `eventflow` begin in the same place."""
    from importlib.metadata import entry_points  # noqa: PLC0415

    scripts = entry_points(group="console_scripts", name="eventflow")
    assert {each.value for each in scripts} <= {"eventflow.cli.main:main"}
    assert os.access(sys.executable, os.X_OK)


def test_a_table_whose_reader_leaves_is_no_error(shell: Shell, seed: Seed) -> None:
    """What is drawn for people ends as quietly as data when the reader of the pipe leaves."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "run", "history", seed.completed],
        cwd=shell.folder,
        env=shell.variables(),
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (Exit.BROKEN_PIPE, b"")


def test_a_closed_or_full_output_is_no_traceback(shell: Shell, seed: Seed) -> None:
    """Without a stdout nothing is printed; a full device is told in one line."""
    line = " ".join([*COMMAND, "run", "list"])
    for redirection, code in ((">&-", 0), (">/dev/full", Exit.FAILED)):
        done = subprocess.run(
            ["bash", "-c", f"{line} {redirection}"],
            cwd=shell.folder,
            env=shell.variables(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert len(done.stderr.splitlines()) == (code != 0)


def test_data_needs_no_drawing(shell: Shell, seed: Seed) -> None:
    """What prints data for programs never loads what draws."""
    code = (
        "import sys; from eventflow.cli.main import main;"
        "main(['run', 'list', '--json']); main(['run', 'show', 'latest', '--json']);"
        "print([m for m in sys.modules if m.startswith('eventflow.cli.draw')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shell.folder,
        env=shell.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_second_signal_stops_a_worker_at_once(shell: Shell, seed: Seed) -> None:
    """A worker lets its job end on Ctrl-C, and gives it back on the second."""
    created = shell("run", "create", "sleeping", "-i", "60", "-y", "--json").data["run_id"]
    worker = shell.terminal("worker", width=160)
    worker.wait_for(f"stage.started                  attempt=1 generation=0 run_id={created}")
    worker.interrupt()
    worker.wait_for("worker.stopping")
    worker.interrupt()
    assert worker.end().code == 0
    stage = shell("run", "state", created, "--json").data["stages"]["sleep"]
    assert stage["claim"] is None
    assert stage["status"] == "pending"
