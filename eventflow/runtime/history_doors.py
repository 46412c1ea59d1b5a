"""The doors of a runtime through which history leaves and enters a store, and is proven.

What is behind a door is loaded when it is first opened: most programs never do.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from eventflow.errors import InvalidCheckpoint
from eventflow.runtime.clock import Clock
from eventflow.runtime.listing import filters, query_of
from eventflow.store.blobs import BlobStore
from eventflow.store.contract import RunQuery, Store

if TYPE_CHECKING:
    from eventflow.engine.checkpoints import Checkpoint
    from eventflow.engine.exporting import ExportReport
    from eventflow.engine.importing import ImportReport
    from eventflow.engine.output import Destination
    from eventflow.engine.signing import Signer
    from eventflow.engine.source import Source
    from eventflow.runtime.verification import VerifiedStore


class HistoryDoors(ABC):
    """What a runtime does with the history of its store; it needs nothing else of it."""

    _clock: Clock

    @property
    @abstractmethod
    def _store(self) -> Store:
        """The store, which is open."""

    @property
    @abstractmethod
    def _blobs(self) -> BlobStore:
        """The blob store, which is open."""

    async def export(
        self,
        query: RunQuery | Mapping[str, Any] | None,
        path: "Destination",
        *,
        overwrite: bool = False,
        checkpoint: "Checkpoint | None" = None,
        progress: "Callable[[ExportReport], object] | None" = None,
    ) -> "ExportReport":
        """Write runs to a history file, oldest first; it appears once it is whole.

        Args:
            query: Which runs: the filters that `runs` takes, such as `{"status": "failed"}`, a
                `RunQuery` whose `limit` and `after` do not count, or None for all. As in `runs`,
                eventflow's own are left out unless they are asked for by their workflow.
            path: Where to, compressed if it ends in `.gz`; or an open binary file; or `-`.
            overwrite: Whether a file that is there is replaced.
            checkpoint: Let the file carry the proof that what it holds is in the log of this
                checkpoint.
            progress: Is told how far it has come.

        Raises:
            CheckpointMismatch: The log is not the one of the checkpoint.
            FileExistsError: The path is taken.
            HistoryAltered: A run is not what was recorded; no file was made.
            InvalidInput: There is no such filter or status.
            OSError: The file cannot be written.
        """
        from eventflow.engine.exporting import export_histories  # noqa: PLC0415 - as above

        wanted = query if isinstance(query, RunQuery) else query_of(**filters(query))
        return await export_histories(
            self._store,
            wanted,
            path,
            overwrite=overwrite,
            checkpoint=checkpoint,
            blobs=self._blobs,
            progress=progress,
        )

    async def import_history(
        self,
        path: "Source",
        *,
        only_ended: bool = False,
        progress: "Callable[[ImportReport], object] | None" = None,
    ) -> "ImportReport":
        """Append the runs of a history file as they were recorded, each of them once.

        All of the file is proven first. A run that has not ended goes on here as soon as a worker
        has its workflow. Subscriptions are left out: theirs are positions of another log.

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
        from eventflow.engine.importing import import_histories  # noqa: PLC0415 - as above

        return await import_histories(
            self._store, path, only_ended=only_ended, blobs=self._blobs, progress=progress
        )

    async def verify(
        self,
        *,
        checkpoint: "Checkpoint | None" = None,
        public_key: bytes | str | None = None,
        progress: "Callable[[VerifiedStore], object] | None" = None,
    ) -> "VerifiedStore":
        """Prove that all of the store is what was recorded, and its rows what the events say.

        Args:
            checkpoint: Also prove that nothing before its end was rewritten or cut off.
            public_key: The key of whoever made it, as PEM or as its 32 bytes.
            progress: Is told how far it has come.

        Raises:
            CheckpointMismatch: The log is not the one of the checkpoint.
            HistoryAltered: Naming the first event that does not fit, and how.
            InvalidCheckpoint: The checkpoint was not signed with the key, or no key was given.
            StoreUnavailable: The store is away.
        """
        from eventflow.engine.checkpoints import check_signature  # noqa: PLC0415 - as above
        from eventflow.runtime.verification import verify_store  # noqa: PLC0415 - as above

        roots = None
        if checkpoint is not None:
            if public_key is None:
                raise InvalidCheckpoint(
                    "A checkpoint proves nothing without the public key of whoever made it; "
                    "give public_key="
                )
            check_signature(checkpoint, public_key)
            roots = {checkpoint.size: bytes.fromhex(checkpoint.root)}
        return await verify_store(self._store, roots=roots, blobs=self._blobs, progress=progress)

    async def checkpoint(
        self,
        signer: "Signer",
        previous: "Checkpoint | None" = None,
        *,
        progress: Callable[[int], object] | None = None,
    ) -> "Checkpoint":
        """Prove the whole log, and sign how long it is and the root of the tree over it.

        Args:
            signer: Signs, such as an `eventflow.engine.signing.SigningKey`.
            previous: The checkpoint before; nothing is signed unless the log still begins with it.
            progress: Is told how many events were proven.

        Raises:
            CheckpointMismatch: The log no longer begins with the previous checkpoint.
            HistoryAltered: An event of the log is not genuine.
            InvalidCheckpoint: The previous checkpoint names the signer's key, who did not sign it.
            StoreUnavailable: The store is away.
        """
        from eventflow.engine.checkpoints import make_checkpoint  # noqa: PLC0415 - as above

        return await make_checkpoint(
            self._store, signer, self._clock.now(), previous=previous, progress=progress
        )
