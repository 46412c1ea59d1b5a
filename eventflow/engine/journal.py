"""The one door: load a run, fold it, decide, append, and decide again if another was faster.

Nothing else in eventflow appends, and nothing is decided on anything but a folded history.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import TypeAlias, assert_never

from eventflow.core.change import changed
from eventflow.core.draft import Draft
from eventflow.core.events import Event, Note, RunAnnotated
from eventflow.core.frozen import frozen
from eventflow.core.projection import changes
from eventflow.core.state import RunState, replay
from eventflow.engine.commit import GroupCommit
from eventflow.engine.loader import Loader
from eventflow.engine.stream import Stream, Streams
from eventflow.errors import EventflowError, RunNotFound
from eventflow.store.chain import seal
from eventflow.store.contract import Appended, Conflict, DuplicateKey, Operation, Store
from eventflow.store.envelope import Envelope, open_envelope

CAPACITY = 32 * 1024 * 1024
"""The bytes of runs that are kept folded; thousands of runs whose values are small."""

NEVER = 1_000_000_000
"""So many versions beyond its own no run can be."""

Decision: TypeAlias = Callable[[RunState], Draft]
"""Decides on the state of a run; it is called again whenever an append lost a race."""

Observer: TypeAlias = Callable[[RunState, Sequence[Event]], None]
"""Is told of every append of this process, with the state of the run behind it."""


@frozen
class Outcome:
    """What became of a decision.

    Attributes:
        state: The run behind the decision; more may have happened, if that was found only later.
        events: What was appended; empty if there was nothing to do.
        duplicate: The run that has the idempotency key already; then nothing was appended.
        first: The version of the first event; 0 if there is none.
    """

    state: RunState
    events: tuple[Event, ...]
    duplicate: str | None = None
    first: int = 0


class Journal:
    """Runs decisions against a store, for all tasks of one process.

    Args:
        store: Where the log is kept.
        new_id: Draws the unique id that all operations of this journal begin with.
        capacity: How many bytes the runs may have that are kept folded, by `Stream.weight`.

    Attributes:
        epoch: Is raised whenever other processes may have appended something.
        observers: Are told of every append of this process, once it is durable.
        position_observers: Are told the first and last position of each, before anybody else.
    """

    def __init__(self, store: Store, new_id: Callable[[], str], capacity: int = CAPACITY) -> None:
        self.store = store
        self.observers: list[Observer] = []
        self.position_observers: list[Callable[[int, int], None]] = []
        self._process = new_id()
        self._operations = count(1)
        self._commit = GroupCommit(store, self._note_positions)
        self._loader = Loader(store)
        self._streams = Streams(capacity)
        self.epoch = 0

    def new_op_id(self) -> str:
        """Make the unique id of an operation."""
        return f"{self._process}.{next(self._operations)}"

    async def create(
        self, run_id: str, work: Draft, *, actor: str | None = None, key: str | None = None
    ) -> Outcome:
        """Append the first events of a run whose id was never used before.

        Raises:
            StoreUnavailable: The store is away; whether the events were appended is unknown.
        """
        stream = self._streams.get(run_id)
        async with stream.lock:
            op_id = self.new_op_id()
            return await self._try(stream, work, op_id, actor, key) or Outcome(work.run, ())

    async def execute(
        self,
        run_id: str,
        decide: Decision,
        *,
        actor: str | None = None,
        key: str | None = None,
        op_id: str | None = None,
        repeated: bool = False,
        seen: int = 0,
    ) -> Outcome:
        """Decide on a run and append what was decided.

        Args:
            run_id: The run.
            decide: The decision; its errors reach the caller, and then nothing is appended.
            actor: Who asked for it.
            key: An idempotency key that only one operation of the store may have.
            op_id: A unique id for what is appended.
            repeated: An earlier call with this `op_id` ended in `StoreUnavailable`; if it has
                appended its events after all, they are the answer.
            seen: A version that the run is known to have; an older state is not decided on, and
                what a newer one would come to need not be found out.

        Raises:
            RunNotFound: The store has no such run.
            StoreUnavailable: The store is away; whether the events were appended is unknown.
        """
        stream = self._streams.get(run_id)
        op_id = op_id or self.new_op_id()
        current = seen > 0
        async with stream.lock:
            if stream.stale or stream.state is None or stream.version < seen:
                await self._load(stream)
                current = True
            while True:
                if repeated and (done := await self._appended_before(stream, op_id)):
                    events = tuple(envelope.event for envelope in done)
                    return self._appended(self._known(stream), events, done[0].version)
                work = await self._decide(stream, decide, current=current)
                if not work.events:
                    return Outcome(work.run, ())
                outcome = await self._try(stream, work, op_id, actor, key, repeated=repeated)
                if outcome is not None:
                    return outcome
                current = True

    async def record(
        self, run_id: str, notes: Sequence[Note], now: datetime, *, actor: str | None = None
    ) -> Outcome:
        """Append notes to a run, whatever state it is in.

        Raises:
            RunNotFound: The store has no such run.
        """

        def decide(state: RunState) -> Draft:
            work = Draft(state, now)
            for note in notes:
                work.add(note)
            return work

        return await self.execute(run_id, decide, actor=actor)

    async def state(self, run_id: str) -> RunState:
        """Give the state of a run as the store has it now.

        Raises:
            RunNotFound: The store has no such run.
        """
        stream = self._streams.get(run_id)
        async with stream.lock:
            await self._load(stream)
            return self._known(stream)

    def recent(self, run_id: str) -> RunState | None:
        """Give the state of a run without asking the store, if nobody else can have changed it.

        Whoever relies on it must hear of the end of the epoch.
        """
        stream = self._streams.find(run_id)
        if stream is None or stream.stale or stream.epoch != self.epoch:
            return None
        return stream.state

    def hold(self, run_id: str) -> object:
        """Keep a run folded in memory, also one that has ended, while what this gives is held."""
        return self._streams.get(run_id)

    async def history(self, run_id: str, after: int = 0) -> list[Envelope]:
        """Read the events of a run beyond a version.

        Raises:
            RunNotFound: The store has no such run.
        """
        events = [open_envelope(stored) for stored in await self._loader.read(run_id, after)]
        if not events and not after:
            raise unknown_run(run_id)
        return events

    async def state_at(self, run_id: str, version: int) -> RunState:
        """Give the state of a run as of a version.

        Raises:
            RunNotFound: The store has no such run.
            ValueError: The run has no such version.
        """
        stored = await self._loader.read(run_id, 0)
        if not stored:
            raise unknown_run(run_id)
        if type(version) is not int or not 1 <= version <= len(stored):
            raise ValueError(f"run {run_id} has the versions 1 to {len(stored)}, not {version!r}")
        return replay(open_envelope(each) for each in stored[:version])

    async def owner_of(self, key: str, run: RunState) -> str | None:
        """Find the run of the operation that has an idempotency key, if there is one.

        It asks to append to a run at a version that it cannot have: a store tells of a used key
        before it tells of a conflict, and nothing is appended either way.
        """
        beyond = Stream(run.run_id)
        beyond.state = changed(run, version=run.version + NEVER)
        probe = Draft(beyond.state, run.recorded_at)
        probe.add(RunAnnotated("idempotency-key", key))
        verdict = await self._commit.append(_operation(beyond, probe, self.new_op_id(), None, key))
        return verdict.run_id if isinstance(verdict, DuplicateKey) else None

    async def settled(self) -> None:
        """Wait until what is being appended just now is known to the position observers."""
        await self._commit.settled()

    async def close(self) -> None:
        """Wait for the appends that are under way; the store stays open."""
        await self._commit.close()

    def _note_positions(self, first: int, last: int) -> None:
        for observe in self.position_observers:
            observe(first, last)

    async def _decide(self, stream: Stream, decide: Decision, *, current: bool) -> Draft:
        """Decide on what is known of a run, if that comes to something to append.

        An append tells when the run has moved on, nothing else does. So that there is nothing to
        do, or that it must be refused, is found only on what the store has now.
        """
        if not current:
            try:
                work = decide(self._known(stream))
            except EventflowError:  # which what has happened since may have made wrong
                work = None
            if work is not None and work.events:
                return work
            await self._load(stream)
        return decide(self._known(stream))

    async def _load(self, stream: Stream) -> None:
        epoch = self.epoch
        stream.fold(await self._loader.read(stream.run_id, stream.version))
        stream.stale, stream.epoch = False, epoch

    def _known(self, stream: Stream) -> RunState:
        if stream.state is None:
            raise unknown_run(stream.run_id)
        return stream.state

    def _appended(self, state: RunState, events: tuple[Event, ...], first: int) -> Outcome:
        for observe in self.observers:
            observe(state, events)
        return Outcome(state, events, first=first)

    async def _appended_before(self, stream: Stream, op_id: str) -> list[Envelope]:
        """Find what an operation has appended, and catch up with it."""
        stored = await self._loader.read(stream.run_id, 0)
        stream.fold(stored)
        return [open_envelope(each) for each in stored if each.op_id == op_id]

    async def _try(
        self,
        stream: Stream,
        work: Draft,
        op_id: str,
        actor: str | None,
        key: str | None,
        *,
        repeated: bool = False,
    ) -> Outcome | None:
        """Append a draft; None means that another was faster, and the stream has caught up.

        The other may be the first try of a repeated call, which was still under way when its
        connection was lost: then what it has appended counts, not what was decided since.
        """
        operation = _operation(stream, work, op_id, actor, key)
        stream.stale = True
        epoch = self.epoch
        verdict = await self._commit.append(operation)
        match verdict:
            case Appended() if not repeated:
                stream.advance(work.run, operation.events)
                stream.epoch = epoch
                if work.run.status.ended:
                    self._streams.release(stream)
                return self._appended(work.run, tuple(work.events), operation.expected + 1)
            case DuplicateKey(owner):
                return Outcome(work.run, (), owner)
            case Appended() | Conflict():
                if isinstance(verdict, Conflict) and verdict.actual < stream.version:
                    stream.forget()
                await self._load(stream)
                return None
            case _:
                assert_never(verdict)


def _operation(
    stream: Stream, work: Draft, op_id: str, actor: str | None, key: str | None
) -> Operation:
    return Operation(
        op_id=op_id,
        run_id=stream.run_id,
        expected=stream.version,
        events=seal(
            run_id=stream.run_id,
            events=work.events,
            after=stream.version,
            previous=stream.head,
            recorded_at=work.now,
            actor=actor,
            op_id=op_id,
        ),
        changes=changes(stream.state, work.run),
        idempotency_key=key,
    )


def unknown_run(run_id: str) -> RunNotFound:
    """Say that the store has no such run."""
    return RunNotFound(f'The store has no run "{run_id}"; `runtime.runs()` lists those that it has')
