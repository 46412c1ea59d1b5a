"""What calls models for one open runtime."""

from eventflow.ai.desk import Desk
from eventflow.ai.helper import Helper
from eventflow.runtime.ai import CallRecorder, StatsOf


class OpenedAI:
    """Makes helpers that share one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def helper(self, topic: str, recorder: CallRecorder, stats: StatsOf) -> Helper:
        """Make a helper."""
        return Helper(self._desk, topic, recorder, stats)

    async def close(self) -> None:
        """Close the connections that calls have opened."""
        await self._desk.close()
