"""`make bench`: `eventflow bench` on every kind of store that this machine has.

A PostgreSQL of its own is started, with fsync on. Arguments are those of `eventflow bench`.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack

from tests.benchmarks.urls import available, load
from tests.postgres_server import running_server


def main(arguments: list[str]) -> int:
    """Measure the stores one after another; give the worst exit code."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = {"memory": "memory://", "sqlite": f"sqlite:///{folder}/bench.db"}
        if "postgres" in available():
            urls["postgres"] = stack.enter_context(running_server(fsync=True)).url()
        print(load())
        return max(_bench(kind, url, arguments) for kind, url in urls.items())


def _bench(kind: str, url: str, arguments: list[str]) -> int:
    print(f"\n{kind}", flush=True)
    command = [sys.executable, "-m", "eventflow", "bench", "--store", url, *arguments]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
