"""Reads the events of many runs at once: whoever asks while a read is under way shares the next."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from eventflow.engine.tasks import begin
from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Store, StoredEvent


class Loader:
    """Gathers what tasks want to read, and asks the store once for all of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wanted: dict[tuple[str, int], asyncio.Future[list[StoredEvent]]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def read(self, run_id: str, after: int) -> list[StoredEvent]:
        """Read the events of one run beyond a version, as they are now or later."""
        answer = self._wanted.get((run_id, after))
        if answer is None:
            answer = asyncio.get_running_loop().create_future()
            self._wanted[run_id, after] = answer
        if self._reader is None or self._reader.done():
            self._reader = begin(self._read_all(), "eventflow loader")
        return await asyncio.shield(answer)

    async def _read_all(self) -> None:
        wanted: dict[tuple[str, int], asyncio.Future[list[StoredEvent]]] = {}
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, {}
                by_version: dict[int, dict[str, asyncio.Future[list[StoredEvent]]]]
                by_version = defaultdict(dict)
                for (run_id, after), answer in wanted.items():
                    by_version[after][run_id] = answer
                for after, answers in by_version.items():
                    await self._read_some(after, answers)
        except asyncio.CancelledError:  # somebody has cancelled all tasks
            unanswered, self._wanted = [*wanted.values(), *self._wanted.values()], {}
            _refuse(unanswered, StoreUnavailable("the read was cancelled under way"))
            raise
        finally:
            self._reader = None

    async def _read_some(
        self, after: int, answers: dict[str, asyncio.Future[list[StoredEvent]]]
    ) -> None:
        found: dict[str, list[StoredEvent]] = {run_id: [] for run_id in answers}
        try:
            for event in await self._store.read(list(answers), after):
                found[event.run_id].append(event)
        except Exception as error:  # noqa: BLE001 - each caller gets it
            _refuse(answers.values(), error)
            return
        for run_id, answer in answers.items():
            answer.set_result(found[run_id])


def _refuse(answers: Iterable[asyncio.Future[list[StoredEvent]]], error: Exception) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)
            answer.exception()  # perhaps nobody waits for it any more
