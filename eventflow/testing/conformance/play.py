"""Does the same on several stores at once, and compares their answers with those of the model."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias, TypeVar, assert_never

from attrs import define, evolve, field

from eventflow.core.projection import Changes, Projection
from eventflow.core.stage import StageState
from eventflow.core.values import JobKind
from eventflow.store.contract import Operation, Renewal, RunQuery, Store, StoredEvent
from eventflow.testing.builders import Author, at
from eventflow.testing.conformance.script import (
    METADATA,
    PRICES,
    PRIORITIES,
    WORKFLOWS,
    Append,
    Clash,
    Due,
    ListRuns,
    Read,
    Renew,
    Repeat,
    Step,
    Write,
)
from eventflow.testing.conformance.support import all_pages, assert_gapless, whole_log

T = TypeVar("T")

Move: TypeAlias = Callable[[], Operation]


@define
class Play:
    """A script under way.

    Attributes:
        model: The store that is right.
        stores: The stores that are compared with it, by name; or handles on them.
        authors: Every run as the model has it.
        given: Every operation so far, whatever became of it.
        second: The time, which goes on with each step.
    """

    model: Store
    stores: Mapping[str, Store]
    authors: dict[str, Author] = field(factory=dict)
    given: list[Operation] = field(factory=list)
    second: int = 0

    async def step(self, step: Step) -> None:
        """Do the same on all stores, and compare what they answer."""
        self.second += 1
        match step:
            case Append():
                await self._append(step)
            case Due():
                await self._due(step)
            case Renew():
                await self._renew(step)
            case ListRuns():
                await self._list(step.query)
            case Read():
                await self._read(step)
            case _:
                assert_never(step)

    async def compare_everything(self) -> None:
        """Compare the logs from end to end, and what can be asked of them."""
        log = await self._agree(whole_log)
        assert_gapless(log)
        await self._list(RunQuery(limit=2))
        await self._due(Due(0, None, 1_000))
        await self._due(Due(1e9, None, 1_000))

    async def _append(self, step: Append) -> None:
        batch = _Batch(self).build(step)
        await self._agree(lambda store: store.append(batch))
        self.given += batch
        for run_id in {operation.run_id for operation in batch}:
            history = await self.model.read([run_id])
            if history:
                self.authors[run_id] = Author.of(history)

    async def _due(self, step: Due) -> None:
        now = at(self.second + step.seconds)
        await self._agree(lambda store: store.due(now, step.workflows, step.limit))

    async def _renew(self, step: Renew) -> None:
        author = self.authors.get(step.run_id)
        known = author is not None and step.stage in author.run.stages
        token = author.token(step.stage) if author is not None and known else 1
        due_at = at(self.second + step.seconds)
        renewals = [Renewal(step.run_id, step.stage, token + step.off, due_at, step.leased)]
        await self._agree(lambda store: store.renew(renewals))

    async def _list(self, query: RunQuery) -> None:
        await self._agree(lambda store: _pages(store, query))

    async def _read(self, step: Read) -> None:
        await self._agree(lambda store: _by_run(store, step.run_ids, step.after))
        await self._agree(lambda store: store.read_all(step.after, step.limit))

    async def _agree(self, ask: Callable[[Store], Awaitable[T]]) -> T:
        """Ask all stores the same; each answers as the model does."""
        expected = await ask(self.model)
        for name, store in self.stores.items():
            found = await ask(store)
            assert found == expected, f"{name} does not agree with the model"
        return expected


class _Batch:
    """A batch whose operations make sense for whatever becomes of those before them.

    Behind an operation that may be refused, nothing is written that builds on it.
    """

    def __init__(self, play: Play) -> None:
        self._play = play
        self._authors = {run_id: author.copy() for run_id, author in play.authors.items()}
        self._uncertain: set[str] = set()

    def build(self, step: Append) -> list[Operation]:
        batch: list[Operation] = []
        for part in step.parts:
            match part:
                case Write():
                    batch += self._write(part)
                case Clash():
                    batch += self._clash(part)
                case Repeat():
                    batch += self._repeat(part, batch)
                case _:
                    assert_never(part)
        return batch

    def _write(self, part: Write) -> list[Operation]:
        if part.run_id in self._uncertain:
            return []
        author = self._authors.setdefault(part.run_id, Author(part.run_id))
        moves = _moves(author, self._play.second, part.choice)
        operation = moves[part.choice % len(moves)]()
        if part.key is not None:
            self._uncertain.add(part.run_id)
        return [evolve(operation, idempotency_key=part.key)]

    def _clash(self, part: Clash) -> list[Operation]:
        author = self._play.authors.get(part.run_id)
        if author is None:
            return []
        self._uncertain.add(part.run_id)
        operation = author.copy().note("clash")
        expected = max(0, self._authors[part.run_id].version + part.off)
        (event,) = operation.events
        row = evolve(operation.changes.run, version=expected + 1)
        return [
            evolve(
                operation,
                expected=expected,
                events=(evolve(event, version=expected + 1),),
                changes=Changes(row),
            )
        ]

    def _repeat(self, part: Repeat, batch: list[Operation]) -> list[Operation]:
        given = [*self._play.given, *batch]
        if part.back > len(given):
            return []
        operation = given[-part.back]
        self._uncertain.add(operation.run_id)
        return [operation]


def _moves(author: Author, second: int, choice: int) -> list[Move]:
    """List what can happen to a run now."""
    now = at(second)
    if author.state is None:
        workflow_id, groups = WORKFLOWS[choice % len(WORKFLOWS)]
        return [
            lambda: author.create(
                workflow_id,
                groups,
                now=now,
                priority=PRIORITIES[choice % len(PRIORITIES)],
                metadata=METADATA[choice % len(METADATA)],
            )
        ]
    if author.run.status.ended:
        first = author.run.plan.groups[0][0].id
        return [
            lambda: author.rewind(first, now=now),
            lambda: author.note(now=now),
            lambda: author.call_model(PRICES[choice % len(PRICES)], now=now),
        ]
    alive = [stage for stage in author.run.stages.values() if stage.alive]
    moves = [move for stage in alive for move in _stage_moves(author, stage, second)]
    return [
        *moves,
        lambda: author.note(now=now),
        lambda: author.call_model(PRICES[choice % len(PRICES)], now=now),
        lambda: author.cancel(now=now),
    ]


def _stage_moves(author: Author, stage: StageState, second: int) -> list[Move]:
    name, now = stage.id, at(second)
    due = max(now, stage.due_at or now)
    moves: list[Move] = [lambda: author.claim(name, now=due)]
    if stage.claim is not None:
        moves += [lambda: author.complete(name, now=now), lambda: author.fail(name, now=now)]
        if stage.claim.kind is JobKind.EXECUTE:
            moves.append(lambda: author.suspend(name, now=now))
    return moves


async def _pages(store: Store, query: RunQuery) -> list[tuple[Projection, ...]]:
    """List what is on each page; the cursors are the store's own."""
    return [page.items for page in await all_pages(store, query)]


async def _by_run(
    store: Store, run_ids: Collection[str], after: int
) -> dict[str, list[StoredEvent]]:
    """Read some runs; whose events come first is left to the store."""
    events: dict[str, list[StoredEvent]] = {}
    for event in await store.read(run_ids, after):
        events.setdefault(event.run_id, []).append(event)
    return events
