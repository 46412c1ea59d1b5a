"""The doors of a runtime through which history leaves and enters a store, and is proven."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from eventflow.engine.exporting import ExportReport, export_histories
from eventflow.engine.histories import Source
from eventflow.engine.history_writer import Destination
from eventflow.engine.importing import ImportReport, import_histories
from eventflow.runtime.listing import filters, query_of
from eventflow.runtime.verification import VerifiedStore, verify_store
from eventflow.store.contract import RunQuery, Store


class HistoryDoors(ABC):
    """What a runtime does with the history of its store; it needs nothing else of it."""

    @property
    @abstractmethod
    def _store(self) -> Store:
        """The store, which is open."""

    async def export(
        self,
        query: RunQuery | Mapping[str, Any] | None,
        path: Destination,
        *,
        overwrite: bool = False,
        progress: Callable[[ExportReport], object] | None = None,
    ) -> ExportReport:
        """Write runs to a history file, oldest first; it appears once it is whole.

        Args:
            query: Which runs: the filters that `runs` takes, such as `{"status": "failed"}`, a
                `RunQuery` whose `limit` and `after` do not count, or None for all.
            path: Where to, compressed if it ends in `.gz`; or an open binary file; or `-`.
            overwrite: Whether a file that is there is replaced.
            progress: Is told how far it has come.

        Raises:
            FileExistsError: The path is taken.
            HistoryAltered: A run is not what was recorded; no file was made.
            InvalidInput: There is no such filter or status.
            OSError: The file cannot be written.
        """
        wanted = query if isinstance(query, RunQuery) else query_of(**filters(query))
        return await export_histories(
            self._store, wanted, path, overwrite=overwrite, progress=progress
        )

    async def import_history(
        self,
        path: Source,
        *,
        only_ended: bool = False,
        progress: Callable[[ImportReport], object] | None = None,
    ) -> ImportReport:
        """Append the runs of a history file as they were recorded, each of them once.

        All of the file is proven first. A run that has not ended goes on here as soon as a worker
        has its workflow.

        Args:
            path: The file, or an open binary file, or `-`.
            only_ended: Refuse a file with a run that has not ended.
            progress: Is told how far it has come.

        Raises:
            CannotCopy: A run or an idempotency key is another one in this store, or a run is alive
                and that was refused; nothing was overwritten.
            HistoryAltered: The file is not what was exported; nothing was appended.
            OSError: The file cannot be read.
            SchemaTooNew: A newer release wrote the file.
        """
        return await import_histories(self._store, path, only_ended=only_ended, progress=progress)

    async def verify(
        self, *, progress: Callable[[VerifiedStore], object] | None = None
    ) -> VerifiedStore:
        """Prove that all of the store is what was recorded, and its rows what the events say.

        Args:
            progress: Is told how far it has come.

        Raises:
            HistoryAltered: Naming the first event that does not fit, and how.
            StoreUnavailable: The store is away.
        """
        return await verify_store(self._store, progress=progress)
