"""The thread that works for an event loop: in order, to the end, and keeping nothing."""

import asyncio
import threading
import weakref
from functools import partial

import pytest

from eventflow.store.own_thread import OwnThread


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
    async with asyncio.timeout(10):
        while known() is not None:  # noqa: ASYNC110 - the thread lets go without a word
            await asyncio.sleep(0.01)
    thread.end()
