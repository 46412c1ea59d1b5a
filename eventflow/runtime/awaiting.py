"""Remembers what a stage was given to await: a forgotten `await` never passes for success."""

import asyncio
from collections.abc import Coroutine
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any

from eventflow.errors import InvalidStep

SWEPT_FROM = 64


class Awaitables:
    """The coroutines and the notes that one attempt, or one check, was given.

    A coroutine that nobody awaits does nothing at all: a step is not made, an artifact not saved.
    So an attempt that leaves one behind has failed. A note is begun when it is asked for, and
    only has to come to its end.
    """

    def __init__(self, stage_id: str) -> None:
        self._stage_id = stage_id
        self._given: list[tuple[str, Coroutine[Any, Any, Any]]] = []
        self._swept_from = SWEPT_FROM
        self._notes: set[asyncio.Future[Any]] = set()

    def coroutine(self, call: str, work: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
        """Remember a coroutine until it has begun, and the call that gave it."""
        self._given.append((call, work))
        if len(self._given) >= self._swept_from:
            self._given = self._not_begun()
            self._swept_from = max(SWEPT_FROM, 2 * len(self._given))
        return work

    def note(self, work: asyncio.Future[None]) -> asyncio.Future[None]:
        """Remember a note until it is recorded."""
        self._notes.add(work)
        work.add_done_callback(self._notes.discard)
        return work

    async def refuse_forgotten(self) -> None:
        """Refuse that a coroutine was never begun; one that a task holds is given a turn first.

        Raises:
            InvalidStep: Naming the call.
        """
        if self._not_begun():
            await asyncio.sleep(0)
        forgotten = self._not_begun()
        for _, work in forgotten:
            work.close()
        for call, _ in forgotten:
            raise InvalidStep(
                f'Stage "{self._stage_id}" called ctx.{call} and did not await it, so it did '
                f"nothing; write await before it"
            )

    async def settle(self) -> None:
        """Wait until the notes are recorded or refused."""
        if self._notes:
            await asyncio.wait(self._notes)

    def _not_begun(self) -> list[tuple[str, Coroutine[Any, Any, Any]]]:
        return [each for each in self._given if getcoroutinestate(each[1]) == CORO_CREATED]
