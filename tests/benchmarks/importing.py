"""Measures how long `import eventflow` takes, and that no extra is loaded by it.

Run it as `python -m tests.benchmarks.importing`. Python itself starts in turn with the import, so
that both saw the same machine. The bytecode is kept in a folder of its own, as it is kept after any
first start of an application.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import TypeAlias

from tests.benchmarks.urls import load

ROUNDS = 20
MOST = 0.150
EXTRAS = ("cyclopts", "rich", "pydantic", "pydantic_ai", "opentelemetry", "cryptography", "asyncpg")
NOTHING = "pass"
IMPORT = "import eventflow"
LOADED = f"import sys, eventflow; print(*(each for each in {EXTRAS!r} if each in sys.modules))"


Environment: TypeAlias = Mapping[str, str]


def seconds(program: str, environment: Environment) -> float:
    """Start Python with a program; the seconds until it has ended."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    return time.perf_counter() - started


def processor_seconds(program: str, environment: Environment) -> float:
    """Start Python with a program; the processor time that it takes, whoever else is busy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def main() -> int:
    """Measure in a folder for bytecode that is gone at the end."""
    with tempfile.TemporaryDirectory() as folder:
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return measure_in({**inherited, "PYTHONPYCACHEPREFIX": folder})


def measure_in(environment: Environment) -> int:
    """Measure and print; 1 if it takes too long, or an extra is loaded."""
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED], check=True, capture_output=True, text=True, env=environment
    ).stdout.strip()
    print(load())
    print(f"extras loaded: {loaded or 'none'}")
    medians = {}
    for name, measure in (("by the clock", seconds), ("of the processor", processor_seconds)):
        with_it, without = [], []
        for _ in range(ROUNDS):
            without.append(measure(NOTHING, environment))
            with_it.append(measure(IMPORT, environment))
        differences = [ours - none for ours, none in zip(with_it, without, strict=True)]
        medians[name] = statistics.median(differences)
        print(
            f"import eventflow: {1e3 * medians[name]:.0f} ms {name} "
            f"({1e3 * min(differences):.0f} to {1e3 * max(differences):.0f}), "
            f"beside {1e3 * statistics.median(without):.0f} ms for Python alone"
        )
    return int(bool(loaded) or min(medians.values()) > MOST)


if __name__ == "__main__":
    sys.exit(main())
