"""Reads the events of many runs at once: whoever asks while a read is under way shares the next."""

import asyncio
from collections import defaultdict
from typing import TypeAlias

from eventflow.engine.tasks import begin
from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Store, StoredEvent
from eventflow.store.telling import tell, tell_error

Asking: TypeAlias = defaultdict[str, list[asyncio.Future[list[StoredEvent]]]]
"""Who asks for the events of which run."""


class Loader:
    """Gathers what tasks want to read, and asks the store once for all of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wanted: dict[int, Asking] = {}
        self._reader: asyncio.Task[None] | None = None

    async def read(self, run_id: str, after: int) -> list[StoredEvent]:
        """Read the events of one run beyond a version, as they are now or later."""
        answer: asyncio.Future[list[StoredEvent]] = asyncio.get_running_loop().create_future()
        self._wanted.setdefault(after, defaultdict(list))[run_id].append(answer)
        if self._reader is None or self._reader.done():
            self._reader = begin(self._read_all(), "eventflow loader")
        return await answer

    async def _read_all(self) -> None:
        wanted: dict[int, Asking] = {}
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, {}
                for after, asking in wanted.items():
                    await self._read_some(after, asking)
        except asyncio.CancelledError:  # somebody has cancelled all tasks
            unanswered, self._wanted = [*wanted.values(), *self._wanted.values()], {}
            for asking in unanswered:
                _refuse(asking, StoreUnavailable("the read was cancelled under way"))
            raise
        finally:
            self._reader = None

    async def _read_some(self, after: int, asking: Asking) -> None:
        found: dict[str, list[StoredEvent]] = {run_id: [] for run_id in asking}
        try:
            for event in await self._store.read(list(asking), after):
                found[event.run_id].append(event)
        except Exception as error:  # noqa: BLE001 - each caller gets it
            _refuse(asking, error)
            return
        for run_id, answers in asking.items():
            for answer in answers:
                tell(answer, found[run_id])


def _refuse(asking: Asking, error: Exception) -> None:
    for answers in asking.values():
        for answer in answers:
            tell_error(answer, error)
