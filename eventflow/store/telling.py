"""Tells tasks what they wait for, while Ctrl-C may cancel them between any two instructions.

`asyncio.run` hears of Ctrl-C in the middle of whatever the event loop does, and cancels there and
then what the main task waits for. So nobody looks whether somebody still waits before telling
them, as the next instruction is too late: one tells them, and if they wait no more, that is
nobody's loss. What waits in asyncio itself looks first; here is what is used instead of it.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def tell(waiter: asyncio.Future[T], answer: T) -> None:
    """Give an answer to whoever waits for it."""
    try:  # noqa: SIM105 - `suppress` costs several times as much as to tell
        waiter.set_result(answer)
    except asyncio.InvalidStateError:
        pass


def tell_error(waiter: asyncio.Future[Any], error: BaseException) -> None:
    """Raise an error where somebody waits for an answer."""
    with suppress(asyncio.InvalidStateError):
        waiter.set_exception(error)


class Event(asyncio.Event):
    """An event that the main task may wait for."""

    def set(self) -> None:
        """Wake everybody who waits."""
        try:
            super().set()
        except asyncio.InvalidStateError:  # one was cancelled at this moment; now the others
            self.clear()
            super().set()


class Lock(asyncio.Lock):
    """A lock that the main task may wait for."""

    def release(self) -> None:
        """Let the next one have it; one that was cancelled at this moment passes it on."""
        try:  # noqa: SIM105 - as in `tell`
            super().release()
        except asyncio.InvalidStateError:
            pass


async def first_of(*futures: asyncio.Future[Any]) -> None:
    """Wait until one of several is done, which are left alone if whoever waits is cancelled."""
    one_is_done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def note(_: asyncio.Future[Any]) -> None:
        tell(one_is_done, None)

    for each in futures:
        each.add_done_callback(note)
    try:
        await one_is_done
    finally:
        for each in futures:
            each.remove_done_callback(note)


async def all_of(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Wait until all of several are done, which are left alone if whoever waits is cancelled."""
    for each in futures:
        if not each.done():
            await first_of(each)
