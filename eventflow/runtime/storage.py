"""Keeps what a stage saves by name: bytes as blobs, names as events of the run; nothing else.

What counts is a fold over these events, so a worker whose claim is gone can save whatever it likes
and change nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec

from eventflow.core import events as e
from eventflow.core.artifacts import Artifact, ArtifactFold
from eventflow.core.frozen import frozen
from eventflow.core.state import RunState
from eventflow.core.values import ArtifactKind
from eventflow.definition.names import ID_RULE, is_id
from eventflow.definition.schema import Schema, dump_json
from eventflow.definition.storage import HasId, id_of
from eventflow.errors import ArtifactNotFound, InvalidOutput, StageNotFound, StaleToken
from eventflow.runtime.backoff import Outage, until_available
from eventflow.runtime.clock import Clock
from eventflow.runtime.job import Job
from eventflow.store.blobs import LARGEST, BlobStore

T = TypeVar("T")

NoteRecorder: TypeAlias = Callable[[str, e.Note], Awaitable[RunState]]
"""Appends a note to a run; gives the run behind it."""

HistoryReader: TypeAlias = Callable[[str, int], Awaitable[Sequence[e.Fact]]]
"""Reads the events of a run beyond a version."""


Answerer: TypeAlias = Callable[[str, Coroutine[Any, Any, Any]], Any]
"""Gives what is known by a name to whoever called: to await, or, in a thread, as it is."""


@frozen
class Shelves:
    """What the storages of all jobs of a worker share.

    Attributes:
        blobs: Where the bytes are kept.
        record: Appends the names.
        read: Reads them again.
        clock: What to wait with while the store is away.
        begin: Gives what is known of a run before its history is read.
    """

    blobs: BlobStore
    record: NoteRecorder
    read: HistoryReader
    clock: Clock
    begin: Callable[[RunState], ArtifactFold] = lambda _: ArtifactFold()


class Storage:
    """The storage of one attempt, or of one check; the one implementation of its Protocol.

    A coroutine awaits what the methods give; code in a thread gets the answer itself.
    """

    def __init__(self, job: Job, shelves: Shelves, answer: Answerer) -> None:
        self._job = job
        self._shelves = shelves
        self._answer = answer
        self._fold = shelves.begin(job.run)
        self._reading = asyncio.Lock()

    def save(self, name: str, value: object) -> Any:  # noqa: ANN401 - typed by the Protocol
        """Keep bytes, or any value that can be stored as JSON; give the key of what is kept."""
        return self._answer(f"storage.save({name!r})", self._save(name, value))

    def load(self, name: str, type: Any = None, *, stage: HasId | str | None = None) -> Any:  # noqa: ANN401 - as above
        """Give what was saved: bytes as bytes, anything else as plain data or of a type."""
        return self._answer(f"storage.load({name!r})", self._load(name, type, stage))

    def exists(self, name: str, *, stage: HasId | str | None = None) -> Any:  # noqa: ANN401 - as above
        """Tell whether something is kept under a name."""
        return self._answer(f"storage.exists({name!r})", self._exists(name, stage))

    def delete(self, name: str) -> Any:  # noqa: ANN401 - as above
        """Keep nothing under a name any more; tell whether something was."""
        return self._answer(f"storage.delete({name!r})", self._delete(name))

    def list(self, prefix: str = "", *, stage: HasId | str | None = None) -> Any:  # noqa: ANN401 - as above
        """List the names that begin with a prefix, sorted."""
        return self._answer("storage.list()", self._list(prefix, stage))

    async def _save(self, name: str, value: object) -> str:
        kind, data = kept_as(name, value)
        key = await self._patiently(lambda: self._shelves.blobs.put(data))
        state = self._job.state
        await self._record(
            e.ArtifactSaved(
                stage=state.id,
                generation=state.generation,
                attempt=state.attempt,
                token=self._job.token,
                name=name,
                blob=key,
                size=len(data),
                kind=kind,
            )
        )
        return key

    async def _load(self, name: str, type: Any, stage: HasId | str | None) -> Any:  # noqa: ANN401 - as `load`
        where = self._place(stage)
        there = await self._there(*where)
        if name not in there:
            names = ", ".join(f'"{each}"' for each in there) or "none"
            raise ArtifactNotFound(
                f'Stage "{where[0]}" has kept nothing under {name!r} in generation {where[1]}; '
                f"there are: {names}"
            )
        content = await content_of(self._shelves.blobs, there[name])
        if type is None:
            return content
        return Schema(type, f'the artifact "{name}"', exact=False).parse(content, InvalidOutput)

    async def _exists(self, name: str, stage: HasId | str | None) -> bool:
        return name in await self._there(*self._place(stage))

    async def _delete(self, name: str) -> bool:
        if not await self._exists(name, None):
            return False
        state = self._job.state
        note = e.ArtifactDeleted(state.id, state.generation, state.attempt, self._job.token, name)
        await self._record(note)
        return True

    async def _list(self, prefix: str, stage: HasId | str | None) -> Sequence[str]:
        there = await self._there(*self._place(stage))
        return sorted(name for name in there if name.startswith(prefix))

    def _place(self, stage: HasId | str | None) -> tuple[str, int]:
        """Tell whose storage is meant, in which generation.

        Raises:
            StageNotFound: A stage that is not of an earlier group.
        """
        mine = self._job.state
        wanted = mine.id if stage is None else id_of(stage)
        if wanted == mine.id:
            return mine.id, mine.generation
        earlier = {
            each.id: each for each in self._job.run.stages.values() if each.group < mine.group
        }
        if wanted not in earlier:
            there = ", ".join(f'"{each}"' for each in earlier) or "none"
            raise StageNotFound(
                f'Stage "{mine.id}" reads what stages of earlier groups have saved, and '
                f'"{wanted}" is none of them; there are: {there}'
            )
        return wanted, earlier[wanted].generation

    async def _there(self, stage: str, generation: int) -> Mapping[str, Artifact]:
        """Give what a stage keeps now, after reading what was recorded since the last time."""
        async with self._reading:
            run_id = self._job.run.run_id
            facts = await self._patiently(lambda: self._shelves.read(run_id, self._fold.version))
            for fact in facts:
                self._fold.take(fact)
        return self._fold.of(stage, generation)

    async def _record(self, note: e.Note) -> None:
        """Append a note, which counts for nothing if the claim is gone.

        Raises:
            StaleToken: The claim is gone.
        """
        run_id = self._job.run.run_id
        after = await self._patiently(lambda: self._shelves.record(run_id, note))
        if not self._job.held_by(after):
            self._job.lose()
            raise StaleToken(run_id, self._job.state.id, self._job.token)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something that can be repeated; a store that is away is waited for."""
        task = f"storage of {self._job.run.run_id} {self._job.state.id}"
        return await until_available(work, Outage(task, self._shelves.clock))


async def content_of(blobs: BlobStore, artifact: Artifact) -> Any:  # noqa: ANN401 - bytes, or plain data
    """Give what an artifact holds: bytes, or plain data.

    Raises:
        BlobAltered: Its bytes are not what was saved.
        BlobNotFound: Its bytes are not there.
    """
    data = await blobs.get(artifact.blob)
    return data if artifact.kind is ArtifactKind.BYTES else msgspec.json.decode(data)


def kept_as(name: str, value: object) -> tuple[ArtifactKind, bytes]:
    """Turn a value into the bytes that are kept of it.

    Raises:
        InvalidOutput: The name or the value cannot be kept.
    """
    if not is_id(name):
        raise InvalidOutput(f"{name!r:.300} cannot be the name of an artifact; give {ID_RULE}")
    if isinstance(value, bytes | bytearray | memoryview):
        kind, data = ArtifactKind.BYTES, bytes(value)
    else:
        plain = dump_json(value, InvalidOutput, f'the artifact "{name}"')
        kind, data = ArtifactKind.JSON, msgspec.json.encode(plain)
    if len(data) > LARGEST:
        raise InvalidOutput(
            f'The artifact "{name}" has {len(data):,} bytes, and {LARGEST:,} is the most; keep it '
            "in a place of its own, and its address here"
        )
    return kind, data
