"""Reads the events of many runs at once: whoever asks while a read is under way shares the next."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeAlias

from eventflow.engine.tasks import begin
from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Store, StoredEvent
from eventflow.store.telling import tell, tell_error

Asking: TypeAlias = list[asyncio.Future[list[StoredEvent]]]


class Loader:
    """Gathers what tasks want to read, and asks the store once for all of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wanted: defaultdict[tuple[str, int], Asking] = defaultdict(list)
        self._reader: asyncio.Task[None] | None = None

    async def read(self, run_id: str, after: int) -> list[StoredEvent]:
        """Read the events of one run beyond a version, as they are now or later."""
        answer: asyncio.Future[list[StoredEvent]] = asyncio.get_running_loop().create_future()
        self._wanted[run_id, after].append(answer)
        if self._reader is None or self._reader.done():
            self._reader = begin(self._read_all(), "eventflow loader")
        return await answer

    async def _read_all(self) -> None:
        wanted: dict[tuple[str, int], Asking] = {}
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, defaultdict(list)
                by_version: defaultdict[int, dict[str, Asking]] = defaultdict(dict)
                for (run_id, after), asking in wanted.items():
                    by_version[after][run_id] = asking
                for after, of_runs in by_version.items():
                    await self._read_some(after, of_runs)
        except asyncio.CancelledError:  # somebody has cancelled all tasks
            unanswered, self._wanted = [wanted, self._wanted], defaultdict(list)
            for each in unanswered:
                _refuse(each, StoreUnavailable("the read was cancelled under way"))
            raise
        finally:
            self._reader = None

    async def _read_some(self, after: int, of_runs: dict[str, Asking]) -> None:
        found: dict[str, list[StoredEvent]] = {run_id: [] for run_id in of_runs}
        try:
            for event in await self._store.read(list(of_runs), after):
                found[event.run_id].append(event)
        except Exception as error:  # noqa: BLE001 - each caller gets it
            _refuse(of_runs, error)
            return
        for run_id, asking in of_runs.items():
            for answer in asking:
                tell(answer, found[run_id])


def _refuse(asked: Mapping[Any, Asking], error: Exception) -> None:
    for asking in asked.values():
        for answer in asking:
            tell_error(answer, error)
