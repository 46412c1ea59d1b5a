"""How a task waits for a store that is away: longer each time, and logged once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from eventflow.core.draft import Draft
from eventflow.core.state import RunState
from eventflow.engine.journal import Journal, Outcome
from eventflow.errors import StoreUnavailable
from eventflow.runtime.clock import Clock, wait_for
from eventflow.runtime.logs import logger

T = TypeVar("T")

SHORTEST = 0.1
LONGEST = 5.0


class Outage:
    """One task's view of a store that may be away; an empty answer is never taken for one.

    Args:
        task: What is waiting, for the log.
        clock: What it waits with.
        given_up: Is set when the task has no more time to wait.
    """

    def __init__(self, task: str, clock: Clock, given_up: asyncio.Event | None = None) -> None:
        self._task = task
        self._clock = clock
        self._given_up = given_up or asyncio.Event()
        self._delay = 0.0

    async def wait(self, error: Exception) -> None:
        """Wait a while before the next try; the first time says why.

        Raises:
            Exception: The error, if there is no time to wait.
        """
        if not self._delay:
            logger().error("store.unavailable", task=self._task, error=str(error))
        self._delay = min(max(self._delay * 2, SHORTEST), LONGEST)
        if await wait_for(self._given_up, self._clock, self._delay):
            raise error

    def over(self) -> None:
        """Take notice that the store has answered."""
        if self._delay:
            logger().info("store.available", task=self._task)
            self._delay = 0.0


class ReadFirst(Exception):
    """A decision cannot be made before something was read.

    Attributes:
        read: Reads it, so that the decision can be made.
    """

    def __init__(self, read: Callable[[], Awaitable[None]]) -> None:
        super().__init__("something must be read before this can be decided")
        self.read = read


async def until_available(work: Callable[[], Awaitable[T]], outage: Outage) -> T:
    """Do something that can be repeated, again and again while the store is away.

    Raises:
        StoreUnavailable: The store was away until there was no more time to wait.
    """
    while True:
        try:
            answer = await work()
        except StoreUnavailable as error:
            await outage.wait(error)
        else:
            outage.over()
            return answer


async def execute_until_known(
    journal: Journal,
    run_id: str,
    decide: Callable[[RunState], Draft],
    *,
    actor: str | None,
    outage: Outage,
    seen: int = 0,
) -> Outcome:
    """Execute a decision, again and again while the store is away, until its outcome is known.

    An append whose answer was lost is found again by its operation id, so that a worker never
    forgets a claim that it has, nor reports a result twice. A decision may raise `ReadFirst`.

    Raises:
        StoreUnavailable: The store was away until there was no more time to wait.
    """
    op_id = journal.new_op_id()
    repeated = False
    while True:
        try:
            outcome = await journal.execute(
                run_id, decide, actor=actor, op_id=op_id, repeated=repeated, seen=seen
            )
        except ReadFirst as needed:
            await until_available(needed.read, outage)
        except StoreUnavailable as error:
            repeated = True
            await outage.wait(error)
        else:
            outage.over()
            return outcome
