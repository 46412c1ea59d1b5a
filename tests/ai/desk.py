"""Helpers without a runtime: whatever they record is kept in a list."""

import asyncio
from datetime import UTC, datetime, timedelta

from eventflow.ai import AISettings, Endpoint
from eventflow.ai.desk import Desk
from eventflow.ai.helper import Helper
from eventflow.core import events as e
from eventflow.core.ai_stats import AIStats, Tally

KEY = "sk-test-0123456789abcdef"


class Kept:
    """A recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.calls: list[e.AICalled] = []

    async def ready(self) -> None:
        """Do nothing."""

    async def record(self, call: e.AICalled, *, with_result: bool = False) -> None:
        """Keep a call."""
        del with_result
        self.calls.append(call)

    @property
    def only(self) -> e.AICalled:
        """The one call there is."""
        (call,) = self.calls
        return call

    async def stats(self, topic: str) -> AIStats:
        """Count what was kept."""
        tally = Tally(topic)
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        tally.add([e.Recorded("run", n, moment, call) for n, call in enumerate(self.calls, 1)])
        return tally.stats()


class Ticking:
    """A time that goes on by a tenth of a second whenever it is asked for."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        self._now += timedelta(seconds=0.1)
        return self._now


def helper(settings: AISettings, kept: Kept) -> Helper:
    """Make a helper whose calls are kept."""
    desk = Desk(settings, Ticking(), asyncio.get_running_loop())
    return Helper(desk, "test", kept, kept.stats)


def local(url: str, **options: object) -> AISettings:
    """Reach the provider of the test under the name `local`."""
    return AISettings(providers={"local": Endpoint(base_url=url, api_key=KEY)}, **options)  # type: ignore[arg-type]
