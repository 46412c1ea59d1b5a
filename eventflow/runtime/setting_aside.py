"""Runs whose jobs could not be claimed: each is reported once, and left alone only for a while."""

from datetime import datetime, timedelta

from eventflow.core.frozen import frozen
from eventflow.runtime.clock import Clock
from eventflow.runtime.logs import logger
from eventflow.store.contract import DueJob

LEFT_ALONE = timedelta(minutes=1)
"""What went wrong may have been the store's mistake and not the run's, so it is tried again."""


@frozen
class _Aside:
    version: int
    until: datetime


class Broken:
    """The runs that one worker leaves alone for the moment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._aside: dict[str, _Aside] = {}

    def __len__(self) -> int:
        return len(self._aside)

    def holds(self, job: DueJob) -> bool:
        """Tell whether a job is left alone; one of a run that has moved on is not."""
        aside = self._aside.get(job.run_id)
        return (
            aside is not None and aside.version == job.version and self._clock.now() < aside.until
        )

    def add(self, run_id: str, version: int, error: Exception) -> None:
        """Leave a run alone for a while, and say why if that was not said before."""
        before = self._aside.get(run_id)
        if before is None or before.version != version:
            logger().error("run.unreadable", run_id=run_id, version=version, error=str(error))
        self._aside[run_id] = _Aside(version, self._clock.now() + LEFT_ALONE)

    def discard(self, run_id: str) -> None:
        """Take notice that a run is sound."""
        self._aside.pop(run_id, None)
