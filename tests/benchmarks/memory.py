"""Whether memory stays flat: 50,000 runs through one process, measured after the first 5,000.

`python -m tests.benchmarks.memory [sqlite | memory] [runs]`
"""

import asyncio
import gc
import sys
import tempfile
from pathlib import Path

import eventflow as ef
from tests.benchmarks.workload import TRIVIAL, quiet_logs, runs_per_second

PAGE = 4096


def resident_megabytes() -> float:
    """Read what the process holds in memory (Linux)."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


async def main(kind: str, runs: int) -> None:
    """Complete runs, and print what the process holds as it goes."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/log.db" if kind == "sqlite" else "memory://"
        async with ef.Runtime(url, [TRIVIAL], concurrency=128) as runtime:
            await runtime.start()
            await runs_per_second(runtime, 5_000, 100)
            first = resident_megabytes()
            print(f"after   5,000 runs {first:8.1f} MB")
            for done in range(10_000, runs + 1, 5_000):
                await runs_per_second(runtime, 5_000, 100)
                now = resident_megabytes()
                print(f"after {done:>7,} runs {now:8.1f} MB   {now - first:+.1f}")


if __name__ == "__main__":
    quiet_logs()
    arguments = [*sys.argv[1:], "sqlite", "50000"]
    asyncio.run(main(arguments[0], int(arguments[1] if len(sys.argv) > 2 else 50_000)))
