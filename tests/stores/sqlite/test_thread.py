"""The thread that works for an event loop: in order, to the end, and only while it is needed."""

import asyncio
import gc
import threading
import weakref
from functools import partial

import pytest

from eventflow.testing.builders import Author
from eventflow_sqlite import SQLiteStore, connect
from eventflow_sqlite.thread import OwnThread
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


async def test_things_are_done_in_order() -> None:
    """One after the other, also when nobody waits for the first any more."""
    thread = OwnThread("a thread")
    done: list[int] = []
    release = threading.Event()

    def slow() -> None:
        release.wait(10)
        done.append(1)

    first = asyncio.create_task(thread.run(slow))
    others = [asyncio.create_task(thread.run(partial(done.append, n))) for n in (2, 3)]
    await asyncio.sleep(0)
    first.cancel()
    release.set()
    await asyncio.gather(*others)
    assert done == [1, 2, 3]
    thread.end()


async def test_an_error_reaches_who_waits() -> None:
    """And the thread goes on with the next thing."""
    thread = OwnThread("a thread")
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)
    assert await thread.run(lambda: 1 // 1) == 1
    thread.end()


async def test_nothing_is_kept_of_what_was_done() -> None:
    """A large append is not kept in memory until there is another one."""
    thread = OwnThread("a thread")
    large = {1}
    known = weakref.ref(large)
    await thread.run(large.copy)
    del large
    await asyncio.sleep(0.05)
    assert known() is None
    thread.end()


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
