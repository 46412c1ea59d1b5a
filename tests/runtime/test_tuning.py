"""What a process does for its speed that owns itself."""

import subprocess
import sys

PROGRAM = """
import gc
import sys
from eventflow.runtime.tuning import tune_process

before = gc.get_threshold()
tune_process()
first, *others = gc.get_threshold()
assert first > before[0]
assert tuple(others) == before[1:]
assert gc.get_freeze_count() > 0
assert sys.getswitchinterval() < 0.005
print("tuned")
"""


def test_a_process_collects_less_often_and_switches_threads_sooner() -> None:
    """Only the process that asks for it is tuned, so the test has one of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "tuned\n"
