"""How a task waits for a store that is away: longer each time, and logged once."""

from eventflow.errors import StoreUnavailable
from eventflow.runtime.clock import Clock
from eventflow.runtime.logs import logger

SHORTEST = 0.1
LONGEST = 5.0


class Outage:
    """One task's view of a store that may be away; an empty answer is never taken for one.

    Args:
        task: What is waiting, for the log.
        clock: What it waits with.
    """

    def __init__(self, task: str, clock: Clock) -> None:
        self._task = task
        self._clock = clock
        self._delay = 0.0

    async def wait(self, error: StoreUnavailable) -> None:
        """Wait a while before the next try; the first time says why."""
        if not self._delay:
            logger().error("store.unavailable", task=self._task, error=str(error))
        self._delay = min(max(self._delay * 2, SHORTEST), LONGEST)
        await self._clock.sleep(self._delay)

    def over(self) -> None:
        """Take notice that the store has answered."""
        if self._delay:
            logger().info("store.available", task=self._task)
            self._delay = 0.0
