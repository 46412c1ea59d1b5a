"""What a process does for its speed that owns itself."""

import subprocess
import sys

PROGRAM = """
import gc
from eventflow.runtime.tuning import tune_collector

before = gc.get_threshold()
tune_collector()
first, *others = gc.get_threshold()
assert first > before[0]
assert tuple(others) == before[1:]
assert gc.get_freeze_count() > 0
print("tuned")
"""


def test_the_collector_looks_less_often_and_not_among_what_was_loaded() -> None:
    """Only the process that asks for it is tuned, so the test has one of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "tuned\n"
