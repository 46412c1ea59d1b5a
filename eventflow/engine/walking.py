"""Walks through a log from its first event to its last and proves each one; it never folds."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NoReturn

import msgspec

from eventflow.core.frozen import frozen
from eventflow.engine.paging import pages_of, with_histories
from eventflow.errors import Alteration, CheckpointMismatch, HistoryAltered
from eventflow.store.chain import GENESIS, verify, verify_next
from eventflow.store.contract import RunQuery, Store, StoredEvent
from eventflow.store.merkle import Range, Tree, entry

PAGE = 500
"""So many events are read at once."""

CAPACITY = 20_000
"""So many runs are remembered; others are read again when the log comes back to them."""

UNREADABLE = (ValueError, OverflowError, TypeError, KeyError, msgspec.MsgspecError)
"""What a store raises when it meets values that nobody has written through it."""

_BEFORE_ALL = -(2**62)


@frozen
class Tip:
    """The last event of a run that was seen."""

    version: int = 0
    head: bytes = GENESIS
    op_id: str | None = None
    position: int = 0


UNSEEN = Tip()


class Walk:
    """One pass over the log of a store: positions without gaps, every event behind its run's last.

    What it holds in memory grows neither with the events nor with the runs.

    Args:
        store: The store.
        until: The last position to look at.
        marks: What the root of the tree must be at some sizes.
        wanted: The ranges of the tree whose hashes are to be remembered.
        capacity: How many runs to remember.

    Attributes:
        tree: The Merkle tree over what was seen.
    """

    def __init__(
        self,
        store: Store,
        until: int,
        *,
        marks: Mapping[int, bytes] | None = None,
        wanted: Collection[Range] = (),
        capacity: int = CAPACITY,
    ) -> None:
        self.tree = Tree(wanted)
        self._store = store
        self._until = until
        self._marks = dict(marks or {})
        self._capacity = capacity
        self._tips: OrderedDict[str, Tip] = OrderedDict()
        self._last: StoredEvent | None = None

    async def to_the_end(self, progress: Callable[[int], object] | None = None) -> Tree:
        """Walk to the last position, and give the tree.

        Args:
            progress: Is told every now and then how many events were proven.

        Raises:
            CheckpointMismatch: The tree has another root than it must have.
            HistoryAltered: Naming the first event that does not fit.
            StoreUnavailable: The store is away.
        """
        self._check_mark()
        await self._refuse_strays()
        while self.tree.size < self._until:
            page = await self._next_page()
            await self._remember(page)
            for event in page:
                await self._take(event)
            self._last = page[-1]
            while len(self._tips) > self._capacity:
                self._tips.popitem(last=False)
            if progress is not None:
                progress(self.tree.size)
            await asyncio.sleep(0)  # a store in memory never lets others run
        return self.tree

    async def _refuse_strays(self) -> None:
        for event in await self._read(_BEFORE_ALL, 1):
            if event.position < 1:
                raise _misplaced(event, Alteration.INSERTED)

    async def _next_page(self) -> Sequence[StoredEvent]:
        """Read on; the last event is read once more, so that a second one beside it is seen."""
        size, last = self.tree.size, self._last
        again = 0 if last is None else 1
        page = await self._read(size - again, min(PAGE, self._until - size) + again)
        if last is not None and page[:1] != [last]:
            raise _misplaced(page[0] if page else last, Alteration.INSERTED)
        return page[again:] or await self._refuse_gap(None)

    async def _read(self, after: int, limit: int) -> Sequence[StoredEvent]:
        """Read a page; where the store cannot make an event of what it holds, say where."""
        try:
            return await self._store.read_all(after, limit)
        except UNREADABLE as error:
            if limit > 1:
                for position in range(after, after + limit):
                    await self._read(position, 1)
            reason = f"what stands behind position {after} of the log is no event: {error}"
            raise HistoryAltered("", 0, reason) from error

    async def _remember(self, page: Sequence[StoredEvent]) -> None:
        """Read runs again that were seen before and forgotten."""
        seen: set[str] = set()
        for event in page:
            if event.run_id in seen:
                continue
            seen.add(event.run_id)
            if event.run_id not in self._tips and event.version > 1:
                before = (await self._store.read([event.run_id]))[: event.version - 1]
                if before and before[-1].position <= self.tree.size:
                    self._tips[event.run_id] = _tip(before[-1])

    async def _take(self, event: StoredEvent) -> None:
        position = self.tree.size + 1
        if event.position > position:
            await self._refuse_gap(event)
        if event.position < position:
            raise _misplaced(event, Alteration.INSERTED)
        tip = self._tips.get(event.run_id, UNSEEN)
        try:
            verify_next(event, event.run_id, tip.version + 1, tip.head)
        except HistoryAltered as error:
            await self._explain(error)
        if event.op_id == tip.op_id and position != tip.position + 1:
            raise _misplaced(event, Alteration.REORDERED)
        self._tips[event.run_id] = _tip(event)
        self._tips.move_to_end(event.run_id)
        self.tree.append(entry(event))
        self._check_mark()

    def _check_mark(self) -> None:
        expected = self._marks.get(self.tree.size)
        if expected is not None and self.tree.root() != expected:
            raise CheckpointMismatch(
                self.tree.size,
                "before its end something was changed, or stands in another order, with hashes "
                "that fit",
                Alteration.ALTERED,
            )

    async def _explain(self, error: HistoryAltered) -> NoReturn:
        """Say what the whole run tells of an event that does not fit, if that is more."""
        try:
            verify(await self._store.read([error.run_id]))
        except HistoryAltered as whole:
            if whole.version <= error.version:
                raise whole from None
            reason = "in the log, a later event of its run stands before it"
            raise HistoryAltered(
                error.run_id, error.version, reason, Alteration.REORDERED
            ) from None
        raise error

    async def _refuse_gap(self, behind: StoredEvent | None) -> NoReturn:
        """Name the event that is missing at the next position."""
        position = self.tree.size + 1
        reason = f"no event stands at position {position} of the log"
        found = await _missing_at(self._store, position)
        if found is None and behind is not None:
            found = behind.run_id, behind.version
            reason += ", before this one"
        raise HistoryAltered(*(found or ("", 0)), reason, Alteration.MISSING)


async def newest_position(store: Store) -> int:
    """Find the position of the last event of a log, 0 if there is none, in few short reads."""
    reached, step = 0, 1
    while page := await store.read_all(reached + step - 1, 1):
        reached, step = page[0].position, 2 * step
    while step > 1:
        step //= 2
        if page := await store.read_all(reached + step - 1, 1):
            reached = page[0].position
    return reached


def _tip(event: StoredEvent) -> Tip:
    return Tip(event.version, event.hash, event.op_id, event.position)


def _misplaced(event: StoredEvent, how: Alteration) -> HistoryAltered:
    reason = f"it stands at position {event.position} of the log, where it cannot be"
    return HistoryAltered(event.run_id, event.version, reason, how)


async def _missing_at(store: Store, position: int) -> tuple[str, int] | None:
    """Find the run, and the version, of which an event is missing at a position."""
    cut_off: tuple[str, int] | None = None
    async for rows in pages_of(store, RunQuery()):
        async for run, events in with_histories(store, rows):
            version = sum(event.position < position for event in events)
            behind = events[version:]
            if behind and behind[0].version > version + 1:
                return run.run.run_id, version + 1
            if not behind and run.run.version > version:
                cut_off = run.run.run_id, version + 1
    return cut_off
