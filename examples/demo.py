"""The demo: real documents, two worker processes, one of them killed, and nothing lost.

    python demo.py                                    all of the language reference, on SQLite
    python demo.py --documents 12
    python demo.py --store postgresql://user@host/db  any store that processes can share

It exits with 1 if anything did not hold, and with 130 on Ctrl-C.
"""

import argparse
import asyncio
import contextlib
import secrets
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

from demo_acts import show_rerun, show_results, show_the_past, show_timeline, verify_all
from demo_common import Demo, DoesNotHold
from demo_kill import create_runs, show_who_finished, watch_and_kill
from demo_worker import demo_analysis, worker_processes
from quiet_logs import quiet_logs

import eventflow as ef


async def play(store: str, limit: int | None) -> None:
    """Play all acts, one after the other.

    Raises:
        DoesNotHold: A promise was broken.
    """
    async with ef.Runtime(store, [demo_analysis]) as runtime:
        demo = Demo(runtime, session=secrets.token_hex(4))
        await create_runs(demo, limit)
        async with worker_processes(store, ["worker-1", "worker-2"]) as workers:
            killed = await watch_and_kill(demo, workers)
            await show_who_finished(killed)
            reports = await show_results(demo)
            await show_timeline(killed[0])
            await show_the_past(killed[0])
            longest = max(reports, key=lambda name: reports[name].sections)
            await show_rerun(longest, demo.runs[longest])
        await verify_all(runtime)


@contextlib.contextmanager
def store_url(given: str | None) -> Generator[str, None, None]:
    """Give the URL of the store that was asked for, or of one that is gone afterwards."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="eventflow-demo-") as folder:
        yield f"sqlite:///{Path(folder, 'demo.db')}"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="See eventflow lose a worker, and nothing else.")
    parser.add_argument("--store", help="URL of a store (SQLite in a temporary folder)")
    parser.add_argument("--documents", type=int, help="analyse so many documents only")
    given = parser.parse_args()
    if given.store is not None and given.store.startswith("memory:"):
        parser.error("--store: the workers are processes of their own and cannot share memory")
    if given.documents is not None and given.documents < 1:
        parser.error("--documents must be at least 1")
    return given


def main() -> int:
    """Play the demo, and tell by the exit code whether everything held."""
    given = arguments()
    quiet_logs()
    began = time.perf_counter()
    try:
        with store_url(given.store) as store:
            asyncio.run(play(store, given.documents))
    except KeyboardInterrupt:
        print("\nStopped. The workers were stopped too.")
        return 130
    except (DoesNotHold, ef.EventflowError) as error:
        print(f"\nThis did not hold: {error}", file=sys.stderr)
        return 1
    print(f"\nEverything held. ({time.perf_counter() - began:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
