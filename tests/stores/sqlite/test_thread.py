"""The threads of a store: they end with it, and hold up the end of no process."""

import asyncio
import gc
import threading

import pytest

from eventflow.testing.builders import Author
from eventflow_sqlite import SQLiteStore, connect
from tests.stores.sqlite.apart import ends_well

ENDS_AT_ONCE = """
import asyncio, sys
from eventflow.testing.builders import Author
from eventflow_sqlite import connect

async def main():
    store = await connect(sys.argv[1])
    appending = asyncio.create_task(store.append([Author(f"r{n}").create() for n in range(500)]))
    await asyncio.sleep(0)
    return store

kept = asyncio.run(main())
"""


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")  # from Python 3.13 on
async def test_the_threads_of_a_store_end_with_it(url: str) -> None:
    """Whether it was closed, or only forgotten."""
    before = set(threading.enumerate())
    closed, forgotten = await connect(url), await connect(url)
    threads = set(threading.enumerate()) - before
    await closed.close()
    del closed, forgotten
    async with asyncio.timeout(10):
        while any(thread.is_alive() for thread in threads):
            gc.collect()  # again, as a thread may still be leaving what it did last
            await asyncio.sleep(0.01)


async def test_a_process_may_end_in_the_middle_of_an_append(url: str, store: SQLiteStore) -> None:
    """Without a word and without waiting; the append is whole or was never made."""
    await asyncio.to_thread(ends_well, "-c", ENDS_AT_ONCE, url)
    assert len(await store.read_all(0, 2_000)) in {0, 1_000}
    await store.append([Author("afterwards").create()])
