"""Several processes share one file, and any of them may be killed."""

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import closing
from pathlib import Path

import pytest

from eventflow.store.chain import verify
from eventflow.store.contract import StoredEvent
from eventflow_sqlite import SQLiteStore, connect
from tests.architecture.sources import ROOT


async def start(url: str, batches: int, size: int) -> Process:
    """Start a process that appends."""
    module = "tests.stores.sqlite.worker"
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, url, str(batches), str(size), stdout=PIPE, cwd=ROOT
    )


async def acknowledged(process: Process) -> set[str]:
    """Give the run ids that a process has written, whole lines only."""
    assert process.stdout is not None
    text = (await process.stdout.read()).decode()
    return set(text[: text.rfind("\n") + 1].split())


def assert_whole(log: list[StoredEvent], path: Path) -> None:
    """The log has no gaps, each run is complete and chained, and the file is sound."""
    assert [event.position for event in log] == list(range(1, len(log) + 1))
    runs: dict[str, list[StoredEvent]] = {}
    for event in log:
        runs.setdefault(event.run_id, []).append(event)
    for history in runs.values():
        assert len(history) == 2
        verify(history)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_processes_append_to_one_file(path: Path) -> None:
    """Four processes open a fresh file and append at once: nothing is lost, there are no gaps."""
    url = f"sqlite:///{path}?busy_timeout=30"
    processes = [await start(url, 40, 5) for _ in range(4)]
    written = await asyncio.gather(*(acknowledged(process) for process in processes))
    assert [await process.wait() for process in processes] == [0, 0, 0, 0]
    store = await connect(url)
    log = await store.read_all(0, 10_000)
    assert {event.run_id for event in log} == set.union(*written)
    assert len(log) == 4 * 40 * 5 * 2
    assert_whole(log, path)
    await store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
async def test_a_killed_process_loses_nothing_that_was_acknowledged(path: Path) -> None:
    """Killed at any moment, a process leaves whole batches, among them all that it was told of."""
    url = f"sqlite:///{path}?busy_timeout=30"
    known: set[str] = set()
    for moment in range(5):
        process = await start(url, 100_000, 3)
        assert process.stdout is not None
        known.add((await process.stdout.readline()).decode().strip())
        await asyncio.sleep(0.013 * moment)
        process.kill()
        known |= await acknowledged(process)
        await process.wait()
        store = await connect(url)
        log = await store.read_all(0, 1_000_000)
        assert known <= {event.run_id for event in log}
        assert len(log) % 6 == 0
        assert_whole(log, path)
        await store.close()


async def test_waiting_notices_another_process(store: SQLiteStore, url: str) -> None:
    """A wait ends when another process appends, long before its timeout."""
    waiting = asyncio.create_task(store.wait(0, 60))
    process = await start(f"{url}&busy_timeout=30", 1, 1)
    assert await process.wait() == 0
    assert await asyncio.wait_for(waiting, 5) == 2
