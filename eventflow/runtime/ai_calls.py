"""Helpers for the stages and the callers of one open runtime, and what their calls came to.

What records calls is loaded with the first helper: most programs call no model.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from eventflow.core import events as e
from eventflow.core.ai_stats import SEPARATOR, AIStats, Tally, stage_topic
from eventflow.engine.journal import Journal
from eventflow.errors import InvalidInput
from eventflow.runtime.ai import AI, AISource, CallRecorder, default_source
from eventflow.runtime.clock import Clock
from eventflow.runtime.values import Values
from eventflow.store.contract import RunQuery
from eventflow.store.envelope import open_envelope

if TYPE_CHECKING:
    from eventflow.definition.ai import AIHelper
    from eventflow.runtime.ai_records import CallLog, OutsideCalls
    from eventflow.runtime.log_context import LogContext

PAGE = 1_000
READ_AT_ONCE = 50

Keep: TypeAlias = Callable[[e.Note], None]
"""Keeps a note until the result of a stage is appended."""

StageHelper: TypeAlias = "Callable[[str, str, int, int, Keep], AIHelper]"
"""Makes the helper of one attempt: of a run, a stage, a generation and an attempt."""


class AICalls:
    """Makes helpers; what they need is made with the first of them."""

    def __init__(
        self,
        source: AISource | None,
        journal: Journal,
        clock: Clock,
        new_id: Callable[[], str],
        values: Values,
    ) -> None:
        self._source = source
        self._journal = journal
        self._clock = clock
        self._new_id = new_id
        self._values = values
        self._is_open = True
        self._loop = asyncio.get_running_loop()
        self._opened: AI | None = None

    def of_attempt(
        self, run_id: str, stage: str, generation: int, attempt: int, keep: Keep
    ) -> "AIHelper":
        """Make the helper of one attempt at a stage."""
        recorder = self._log.of_attempt(run_id, stage, generation, attempt, keep)
        return self._helper(stage_topic(run_id, stage), recorder)

    def helper(self, topic: str, place: "LogContext | None") -> "AIHelper":
        """Make a helper whose calls are recorded at a place in the log, or in a run of their own.

        Raises:
            InvalidInput: The topic is no path of names with dots between them.
        """
        if not all(topic.split(SEPARATOR)):
            raise InvalidInput(
                f"A topic is a path such as `billing.reports`, with a name before and after each "
                f"dot, not {topic!r:.300}"
            )
        if place is None:
            return self._helper(topic, self._outside)
        return self._helper(topic, self._log.of_run(place.run_id, place.stage_id))

    def context(self, run_id: str, stage_id: str | None) -> "LogContext":
        """Name a place in the log."""
        from eventflow.runtime.log_context import LogContext  # noqa: PLC0415 - as above

        return LogContext(run_id, stage_id, self._log)

    async def stats(
        self, *, topic: str | None = None, run: str | None = None, stage: str | None = None
    ) -> AIStats:
        """Add up the calls of one run, or of all runs that have any."""
        tally = Tally(topic, stage)
        if run is not None:
            tally.add(await self._journal.history(run))
            return tally.stats()
        query = RunQuery(called_models=True, limit=PAGE)
        while True:
            page = await self._journal.store.runs(query)
            await self._count(tally, [item.run.run_id for item in page.items])
            if page.next is None:
                return tally.stats()
            query = RunQuery(called_models=True, limit=PAGE, after=page.next)

    async def close(self) -> None:
        """Close what calls have opened, and let nothing more be recorded outside of stages."""
        self._is_open = False
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    @cached_property
    def _log(self) -> "CallLog":
        from eventflow.runtime.ai_records import CallLog  # noqa: PLC0415 - as above

        return CallLog(self._journal, self._clock, self._values, lambda: self._is_open)

    @cached_property
    def _outside(self) -> "OutsideCalls":
        return self._log.outside_of_runs(self._new_id)

    def _helper(self, topic: str, recorder: CallRecorder) -> "AIHelper":
        if self._opened is None:
            source = default_source() if self._source is None else self._source
            self._opened = source.open(self._clock.now, self._loop)
        return self._opened.helper(topic, recorder, self._stats_of)

    async def _stats_of(self, topic: str) -> AIStats:
        return await self.stats(topic=topic)

    async def _count(self, tally: Tally, run_ids: Sequence[str]) -> None:
        for first in range(0, len(run_ids), READ_AT_ONCE):
            some = run_ids[first : first + READ_AT_ONCE]
            histories: dict[str, list[e.Fact]] = {run_id: [] for run_id in some}
            for stored in await self._journal.store.read(some):
                histories[stored.run_id].append(open_envelope(stored))
            for history in histories.values():
                tally.add(history)
