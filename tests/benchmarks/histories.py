"""How long the code of today takes to check recorded runs: the demo's, out of a file.

`python -m tests.benchmarks.histories [how many]`
"""

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import eventflow as ef
from eventflow.testing import History, check, load_all
from tests.architecture.sources import ROOT
from tests.benchmarks.workload import quiet_logs

sys.path.insert(0, str(ROOT / "examples"))

from demo_worker import demo_analysis, fetch  # type: ignore[import-not-found]
from document_analysis import corpus_of  # type: ignore[import-not-found]
from documents import language_reference  # type: ignore[import-not-found]

AT_ONCE: dict[str, dict[str, float]] = {fetch.id: {"latency": 0.0, "bytes_per_second": 1e9}}


async def record(path: Path) -> None:
    """Analyse all documents of the demo, and export their runs."""
    async with ef.Runtime("memory://", [demo_analysis]) as runtime:
        await runtime.start()
        runs = [
            await runtime.create_run(demo_analysis.id, document, config=AT_ONCE)
            for document in corpus_of(language_reference())
        ]
        for run in runs:
            await run.result(timeout=120)
        await runtime.export(None, path)


def again_and_again(path: Path) -> Iterator[History]:
    """Read the file from its beginning whenever it has ended."""
    while True:
        yield from load_all(path)


def measured(path: Path, total: int, use: Callable[[History], object]) -> float:
    """Give the seconds that it takes to read so many histories and to use each."""
    begun = time.perf_counter()
    for history in itertools.islice(again_and_again(path), total):
        use(history)
    return time.perf_counter() - begun


def main(total: int) -> None:
    """Print what it takes to read histories, and to read and check them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "demo.ndjson")
        asyncio.run(record(path))
        size = path.stat().st_size
        histories = list(load_all(path))
        events = sum(map(len, histories))
        print(
            f"{len(histories)} histories of the demo, {events / len(histories):.0f} events and "
            f"{size / len(histories) / 1000:.0f} kB each"
        )
        for what, use in {
            "read and verified": lambda _: None,
            "read, verified and checked": lambda each: check(each, demo_analysis).assert_ok(),
        }.items():
            seconds = measured(path, total, use)
            print(f"{total:,} {what:28} {seconds:6.1f} s   {1000 * seconds / total:.2f} ms each")


if __name__ == "__main__":
    quiet_logs()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
