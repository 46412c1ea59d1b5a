"""Who waits is told, or was cancelled; there is no moment in between at which that goes wrong."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import pytest

from eventflow.store.telling import Event, Lock, all_of, first_of, tell, tell_error
from tests.interrupts import Strike

WHERE = ("eventflow/store/telling.py", "asyncio/locks.py")


async def at_each_moment(
    wait: Callable[[], Coroutine[Any, Any, object]], wake: Callable[[], object]
) -> int:
    """Cancel one of two who wait, at each moment while both are woken; tell how many there are.

    Whatever `wake` raises, or asyncio complains about, is raised here.
    """
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, each: complaints.append(each))
    for moment in count(1):
        goes, stays = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        strike = Strike(moment, WHERE, goes.cancel)
        with strike.watching():
            wake()
            for _ in range(4):  # what is called back later is watched as well
                await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await asyncio.gather(goes, stays, return_exceptions=True)
        assert complaints == []
        assert not stays.cancelled()
        if strike.struck is None:
            return moment - 1
    raise AssertionError("there is no end of moments")


async def test_an_answer_may_come_when_nobody_waits_any_more() -> None:
    """As when the waiter was cancelled a moment ago; that is nobody's loss."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[int] = loop.create_future()
    waiter.cancel()
    tell(waiter, 1)
    tell_error(waiter, OSError("away"))
    assert waiter.cancelled()
    waiter = loop.create_future()
    tell(waiter, 1)
    tell(waiter, 2)
    assert await waiter == 1
    waiter = loop.create_future()
    tell_error(waiter, OSError("away"))
    with pytest.raises(OSError, match="away"):
        await waiter


async def test_an_answer_reaches_others_whenever_one_is_cancelled() -> None:
    """At each instruction between the first answer and the last."""
    waiters: list[asyncio.Future[int]] = []

    async def wait() -> int:
        waiters.append(asyncio.get_running_loop().create_future())
        return await waiters[-1]

    def wake() -> None:
        for waiter in waiters:
            tell(waiter, 1)
        waiters.clear()

    assert await at_each_moment(wait, wake) > 2


async def test_an_event_wakes_the_others_whenever_one_is_cancelled() -> None:
    """At each instruction, of asyncio as well."""
    event = Event()

    def wake() -> None:
        event.set()
        event.clear()

    assert await at_each_moment(event.wait, wake) > 2


async def test_a_lock_goes_to_the_next_whenever_one_is_cancelled() -> None:
    """Whoever has let it go never hears of that, and the lock is free in the end."""
    lock = Lock()

    async def wait() -> None:
        async with lock:
            pass

    for moment in count(1):
        await lock.acquire()
        goes, stays = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
        strike = Strike(moment, WHERE, goes.cancel)
        with strike.watching():
            lock.release()
        async with asyncio.timeout(5):
            await asyncio.gather(goes, stays, return_exceptions=True)
        assert not stays.cancelled()
        assert not lock.locked()
        if strike.struck is None:
            break
    assert moment > 2


async def test_waiting_for_others_may_be_cancelled_at_each_moment() -> None:
    """Those who are waited for are left alone."""
    under_way: list[asyncio.Future[None]] = []

    async def wait() -> None:
        await first_of(*under_way)

    def begin() -> None:
        under_way[:] = [asyncio.get_running_loop().create_future() for _ in range(2)]

    def wake() -> None:
        tell(under_way[0], None)
        asyncio.get_running_loop().call_soon(begin)

    begin()
    assert await at_each_moment(wait, wake) > 2


async def test_the_first_of_several_is_waited_for() -> None:
    """And nothing more: the others go on, also when whoever waits is cancelled."""
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    waiting = asyncio.create_task(first_of(first, second))
    await asyncio.sleep(0)
    assert not waiting.done()
    tell(second, None)
    await waiting
    assert not first.done()
    waiting = asyncio.create_task(first_of(first))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert not first.done()
    tell(first, None)
    await first_of(first, second)


async def test_all_of_several_are_waited_for() -> None:
    """In whatever order they end, and if there are none, not at all."""
    futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
    waiting = asyncio.create_task(all_of(futures))
    for each in (futures[2], futures[0], futures[1]):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        tell(each, None)
    await waiting
    await all_of(futures)
    await all_of([])
