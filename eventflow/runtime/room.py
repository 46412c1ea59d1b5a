"""How many jobs a worker may take: those in hand and those that an append may bring count alike."""

import asyncio
from collections.abc import Sized
from typing import Self


class Promise:
    """Places that are kept free in a `with` block, whose append may fill them.

    The jobs are begun right behind the block.
    """

    __slots__ = ("_jobs", "_room")

    def __init__(self, room: "Room") -> None:
        self._room = room
        self._jobs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.jobs = 0

    @property
    def jobs(self) -> int:
        """How many places; less than one are none."""
        return self._jobs

    @jobs.setter
    def jobs(self, jobs: int) -> None:
        kept = max(jobs, 0)
        self._room.promised += kept - self._jobs
        self._jobs = kept


class Room:
    """The places of one worker.

    Args:
        places: How many jobs the worker has in hand at most.
        in_hand: The jobs that it has in hand.

    Attributes:
        backlog: Whether more may be due than there was room for at the last look.
        closed: Whether nothing is to be claimed any more.
        look_again: Is set when something may have become due since the last look.
        promised: How many places are kept free by promises.
    """

    def __init__(self, places: int, in_hand: Sized) -> None:
        self.backlog = True
        self.closed = False
        self.look_again = asyncio.Event()
        self._places = places
        self._in_hand = in_hand
        self.promised = 0

    @property
    def free(self) -> int:
        """How many places are free, and not promised either."""
        return self._places - len(self._in_hand) - self.promised

    @property
    def spare(self) -> int:
        """How many jobs may be claimed that nobody has waited with: none while others wait."""
        return 0 if self.closed or self.backlog else max(self.free, 0)

    def to_go_on(self) -> int:
        """Tell how many jobs may be claimed along with a result, whose job leaves its place.

        Whoever waits in the store may be more urgent than what follows from a result. So nothing
        is claimed along while a backlog is known, and a full worker looks first whenever something
        was appended since it looked last.
        """
        free = self.free
        if self.closed or self.backlog or (free <= 0 and self.look_again.is_set()):
            return 0
        return max(free + 1, 0)

    def promise(self, jobs: int = 0) -> Promise:
        """Keep places free for a `with` block; their number may be set later."""
        promise = Promise(self)
        promise.jobs = jobs
        return promise
