"""The contract of a store, kept as JSON lines: the file is the truth, and memory answers."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from eventflow.errors import StoreUnavailable
from eventflow.store.blobs import BlobStore
from eventflow.store.contract import (
    DueJob,
    Operation,
    Renewal,
    RunPage,
    RunQuery,
    StoredEvent,
    Verdict,
)
from eventflow.store.registry import open_blobs
from eventflow_jsonl.files import LogFile, open_log
from eventflow_jsonl.index import Index
from eventflow_jsonl.lines import Line, Renewed, appended

T = TypeVar("T")

LOOK_INTERVAL = 0.005
"""Seconds between two looks for what others append."""


async def connect(url: str) -> "JsonlStore":
    """Open `jsonl:///directory`, which is made if it is not there.

    Raises:
        ValueError: The URL names no directory.
        StoreUnavailable: The directory cannot be used.
    """
    path = unquote(url.partition("://")[2])
    if not path.startswith("/") or "\0" in path:
        raise ValueError("write jsonl:///absolute/directory")
    try:
        file = open_log(Path(path))
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be used: {error}") from error
    return JsonlStore(file, await open_blobs((Path(path) / "blobs").as_uri()))


class JsonlStore:
    """One handle on a directory.

    Attributes:
        blobs: The blobs beside the log.
    """

    def __init__(self, file: LogFile, blobs: BlobStore) -> None:
        self.blobs = blobs
        self._file = file
        self._index = Index()
        self._seen = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jsonl")
        self._closed = False

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append operations as one line."""
        return await self._ask(lambda index: self._append(index, operations), write=True)

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read the events of several runs beyond a version."""
        return await self._ask(
            lambda index: [
                event
                for run_id in dict.fromkeys(run_ids)
                if run_id in index.runs
                for event in index.runs[run_id].events[after:]
            ]
        )

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the global log beyond a position."""
        return await self._ask(lambda index: index.log[after : after + limit])

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Collection[str]] | None,
        limit: int,
        hold: float = 0.0,  # noqa: ARG002 - a courtesy that this store does not offer
    ) -> list[DueJob]:
        """List jobs whose time has come."""
        return await self._ask(lambda index: index.due(now, workflows, limit))

    async def renew(self, renewals: Sequence[Renewal]) -> list[Renewal]:
        """Move due times, unless the claims were lost."""
        return await self._ask(lambda index: self._renew(index, renewals), write=True)

    async def runs(self, query: RunQuery) -> RunPage:
        """List one page of runs."""
        return await self._ask(lambda index: index.page(query))

    async def wait(self, after: int, timeout: float) -> int:
        """Wait for an append, by this process or another."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        newest = await self._ask(lambda index: len(index.log))
        while newest <= after and clock() < deadline:
            await asyncio.sleep(min(LOOK_INTERVAL, max(deadline - clock(), 0)))
            self._refuse_closed()
            if self._file.size != self._seen:
                await self._ask(lambda index: len(index.log))
            newest = len(self._index.log)  # another one who waits may have caught up
        return newest

    async def now(self) -> datetime:
        """Tell the time of this machine, which is all that has access to its directories."""
        self._refuse_closed()
        return datetime.now(UTC)

    async def close(self) -> None:
        """Close the files."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)
        self._thread.shutdown()
        await self.blobs.close()

    async def _ask(self, question: Callable[[Index], T], *, write: bool = False) -> T:
        """Ask the index as of now, on the one thread that has it.

        Raises:
            StoreUnavailable: The store was closed, or its files cannot be used.
        """
        self._refuse_closed()
        answer = self._locked if write else self._caught_up
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, answer, question)
        except OSError as error:
            raise StoreUnavailable(f"the files cannot be used: {error}") from error

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store was closed")

    def _locked(self, question: Callable[[Index], T]) -> T:
        with self._file.locked():
            return self._caught_up(question)

    def _caught_up(self, question: Callable[[Index], T]) -> T:
        self._seen = self._file.size
        for line in self._file.read():
            self._index.apply(line)
        return question(self._index)

    def _append(self, index: Index, operations: Sequence[Operation]) -> list[Verdict]:
        line: Line = []
        verdicts: list[Verdict | None] = []
        for operation in operations:
            refusal = index.refusal(operation)
            verdicts.append(refusal)
            if refusal is None:
                part = appended(operation)
                index.apply([part])
                line.append(part)
        self._write(line)
        # What was refused when it came has its verdict; what was appended is there now.
        pairs = zip(operations, verdicts, strict=True)
        return [verdict or _known(index.refusal(operation)) for operation, verdict in pairs]

    def _renew(self, index: Index, renewals: Sequence[Renewal]) -> list[Renewal]:
        line: Line = []
        for renewal in renewals:
            if index.holds(renewal):
                index.apply([Renewed(renewal)])
                line.append(Renewed(renewal))
        self._write(line)
        kept = [part.renewal for part in line if isinstance(part, Renewed)]
        return [renewal for renewal in renewals if renewal not in kept]

    def _write(self, line: Line) -> None:
        if not line:
            return
        try:
            self._file.write(line)
        except BaseException:
            self._index = Index()  # it knows of what may not be there
            self._file.rewind()
            raise


def _known(verdict: Verdict | None) -> Verdict:
    if verdict is None:
        raise AssertionError("what was appended is in the index")
    return verdict
