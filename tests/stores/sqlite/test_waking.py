"""Waiting for an append: woken at once by this process, soon by others, and costing little."""

import asyncio
import sqlite3
import time

from eventflow.testing.builders import Author
from eventflow_sqlite import SQLiteStore, connect


async def test_an_append_wakes_all_who_wait(store: SQLiteStore) -> None:
    """Every task that waits for an older position is woken by one append."""
    waiting = [asyncio.create_task(store.wait(0, 60)) for _ in range(5)]
    await asyncio.sleep(0)
    await store.append([Author().create()])
    assert await asyncio.gather(*waiting) == [2, 2, 2, 2, 2]


async def test_another_store_on_the_file_is_noticed(store: SQLiteStore, url: str) -> None:
    """What others append is noticed within the time that a worker may take to hand over."""
    other = await connect(url)
    delays = []
    position = 0
    for _ in range(10):
        waiting = asyncio.create_task(store.wait(position, 60))
        await asyncio.sleep(0)
        await other.append([Author().create()])
        begun = time.perf_counter()
        position = await waiting
        delays.append(time.perf_counter() - begun)
    assert position == 20
    assert sorted(delays)[5] < 0.05
    await other.close()


async def test_what_was_appended_before_needs_no_waiting(store: SQLiteStore, url: str) -> None:
    """A wait sees what others have appended before it began, also with no time to wait."""
    other = await connect(url)
    await other.append([Author().create()])
    assert await store.wait(0, 0) == 2
    assert await store.wait(2, 0) == 2
    await other.close()


async def test_a_rollback_wakes_nobody(store: SQLiteStore, other: sqlite3.Connection) -> None:
    """Only what was committed ends a wait."""
    waiting = asyncio.create_task(store.wait(0, 0.1))
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM runs")
    other.execute("ROLLBACK")
    assert await waiting == 0


async def test_a_cancelled_append_still_wakes(store: SQLiteStore) -> None:
    """An append that nobody waits for any more is noticed all the same."""
    waiting = asyncio.create_task(store.wait(0, 60))
    appending = asyncio.create_task(store.append([Author().create()]))
    await asyncio.sleep(0)
    appending.cancel()
    assert await asyncio.wait_for(waiting, 5) == 2


async def test_closing_ends_a_wait(url: str) -> None:
    """Nobody waits for a closed store."""
    store = await connect(url)
    waiting = asyncio.create_task(store.wait(0, 60))
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.wait_for(waiting, 5) == 0


async def test_nobody_looks_when_nobody_waits(store: SQLiteStore) -> None:
    """The file is watched only while somebody waits."""
    assert store._watch._timer is None
    await store.wait(0, 0.01)
    await asyncio.sleep(0.02)
    assert store._watch._timer is None


async def test_waiting_costs_little(store: SQLiteStore) -> None:
    """A wait that nothing ends leaves the processor alone nearly all of the time."""
    begun = time.process_time()
    await store.wait(0, 0.5)
    assert time.process_time() - begun < 0.25
