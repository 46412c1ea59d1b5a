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
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from attrs import frozen

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


@frozen
class Measured:
    """What an import takes beyond the start of Python: the seconds of each round.

    Attributes:
        clock: By the clock.
        processor: Of processor time, whoever else is busy.
        alone: What Python takes to start, by the clock.
        extras: The extras that it has loaded.
    """

    clock: Sequence[float]
    processor: Sequence[float]
    alone: float
    extras: Sequence[str]


def measured() -> Measured:
    """Measure in a folder for bytecode that is gone at the end."""
    with tempfile.TemporaryDirectory() as folder:
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return _measured({**inherited, "PYTHONPYCACHEPREFIX": folder})


def _measured(environment: Environment) -> Measured:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED], check=True, capture_output=True, text=True, env=environment
    )
    clock, processor, alone = [], [], []
    for _ in range(ROUNDS):
        alone.append(seconds(NOTHING, environment))
        clock.append(seconds(IMPORT, environment) - alone[-1])
        nothing = processor_seconds(NOTHING, environment)
        processor.append(processor_seconds(IMPORT, environment) - nothing)
    return Measured(clock, processor, statistics.median(alone), loaded.stdout.split())


def main() -> int:
    """Measure and print; 1 if it takes too long, or an extra is loaded."""
    print(load())
    found = measured()
    for name, values in (("by the clock", found.clock), ("of the processor", found.processor)):
        print(
            f"import eventflow: {1e3 * statistics.median(values):.0f} ms {name} "
            f"({1e3 * min(values):.0f} to {1e3 * max(values):.0f})"
        )
    print(f"Python alone: {1e3 * found.alone:.0f} ms by the clock")
    print(f"extras loaded: {', '.join(found.extras) or 'none'}")
    return int(bool(found.extras) or statistics.median(found.processor) > MOST)


if __name__ == "__main__":
    sys.exit(main())
