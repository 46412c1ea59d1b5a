"""Group commit: operations gather, keep their order, and never suffer for each other."""

import asyncio
from collections.abc import Sequence

import pytest

from eventflow.engine.commit import MOST_AT_ONCE, UNDIVIDED, GroupCommit
from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Appended, Conflict, DuplicateKey, Operation, Verdict
from eventflow.testing.builders import Author
from tests.engine.observed import ObservedStore, settle


class Committed:
    """A group commit under test, with the positions that it told."""

    def __init__(self, store: ObservedStore) -> None:
        self.positions: list[tuple[int, int]] = []
        self.commit = GroupCommit(store, lambda *both: self.positions.append(both))
        self.runs = 0

    def new_run(self, *, key: str | None = None) -> asyncio.Task[Verdict]:
        """Hand in the creation of one more run, and name the task by its operation."""
        self.runs += 1
        operation = Author(run_id=f"run-{self.runs}").create(key=key)
        return asyncio.create_task(self.commit.append(operation), name=operation.op_id)


async def test_an_idle_store_takes_an_operation_at_once(store: ObservedStore) -> None:
    """Nothing waits for company: the operation is with the store before any time has passed."""
    committed = Committed(store)
    assert await committed.new_run() == Appended(version=2, position=2)
    assert [len(batch) for batch in store.appends] == [1]


async def test_what_comes_while_an_append_is_under_way_shares_the_next(
    store: ObservedStore,
) -> None:
    """Ten callers behind a slow append need one further append, in the order of their calls."""
    committed = Committed(store)
    store.gate.clear()
    first = committed.new_run()
    await settle()
    gathered = [committed.new_run() for _ in range(10)]
    await settle()
    assert len(store.appends) == 1
    store.gate.set()
    verdicts = await asyncio.gather(first, *gathered)
    assert store.appends == [[first.get_name()], [task.get_name() for task in gathered]]
    assert [verdict.position for verdict in verdicts if isinstance(verdict, Appended)] == list(
        range(2, 24, 2)
    )


async def test_an_append_is_never_larger_than_the_bound(store: ObservedStore) -> None:
    """However much has gathered, one transaction stays short."""
    committed = Committed(store)
    await asyncio.gather(*(committed.new_run() for _ in range(2 * MOST_AT_ONCE + 1)))
    assert [len(batch) for batch in store.appends] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]


async def test_one_half_is_written_while_the_other_half_goes_on(store: ObservedStore) -> None:
    """Callers that append one operation after another never wait for the store all at once."""
    committed = Committed(store)

    async def lane() -> None:
        for _ in range(5):
            await committed.new_run()

    await asyncio.gather(*(lane() for _ in range(4 * UNDIVIDED)))
    assert [len(batch) for batch in store.appends] == [2 * UNDIVIDED] * 10


async def test_each_caller_gets_its_own_verdict(store: ObservedStore) -> None:
    """A conflict and a duplicate key in a batch concern nobody else."""
    committed = Committed(store)
    late = Author(run_id="late")
    late.create()
    noted = late.note()
    first, *others = await asyncio.gather(
        committed.new_run(key="k"),
        committed.commit.append(noted),
        committed.new_run(key="k"),
        committed.new_run(),
    )
    assert first == Appended(version=2, position=2)
    assert others == [Conflict(actual=0), DuplicateKey("run-1"), Appended(version=2, position=4)]
    assert len(store.appends) == 1


async def test_the_positions_of_what_was_appended_are_told(store: ObservedStore) -> None:
    """First and last position of each operation, and nothing for one that was refused."""
    committed = Committed(store)
    await asyncio.gather(committed.new_run(key="k"), committed.new_run(key="k"))
    await committed.new_run()
    assert committed.positions == [(1, 2), (3, 4)]


async def test_one_operation_that_cannot_be_written_fails_alone(store: ObservedStore) -> None:
    """Its caller gets the error; the operations beside it are appended."""
    committed = Committed(store)
    tasks = [committed.new_run() for _ in range(3)]
    store.poison = tasks[1].get_name()
    first, second, third = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, Appended)
    assert isinstance(second, ValueError)
    assert isinstance(third, Appended)


async def test_a_store_that_is_away_is_told_to_everybody(store: ObservedStore) -> None:
    """The outcome of the whole append is unknown, so it is made once and every caller hears it."""
    committed = Committed(store)
    store.failure = StoreUnavailable("away")
    tasks = [committed.new_run() for _ in range(3)]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert len(store.appends) == 1
    store.failure = None
    assert isinstance(await committed.new_run(), Appended)


async def test_cancelling_a_caller_takes_nothing_back(store: ObservedStore) -> None:
    """The operation of a caller that went away is appended, and so are those beside it."""
    committed = Committed(store)
    store.gate.clear()
    tasks = [committed.new_run() for _ in range(3)]
    await settle()
    tasks[0].cancel()
    tasks[1].cancel()
    await settle()
    store.gate.set()
    assert isinstance(await tasks[2], Appended)
    assert tasks[0].cancelled()
    assert len(await store.read_all(0, 100)) == 6


async def test_cancelling_a_caller_of_a_failing_append_harms_nobody(store: ObservedStore) -> None:
    """The error reaches those who still wait."""
    committed = Committed(store)
    store.gate.clear()
    store.failure = StoreUnavailable("away")
    gone, waits = committed.new_run(), committed.new_run()
    await settle()
    gone.cancel()
    await settle()
    store.gate.set()
    with pytest.raises(StoreUnavailable):
        await waits


async def test_closing_waits_for_every_verdict(store: ObservedStore) -> None:
    """After `close`, what was handed in before is in the store, also what had to queue."""
    committed = Committed(store)
    store.gate.clear()
    first = committed.new_run()
    await settle()
    second = committed.new_run()
    closing = asyncio.create_task(committed.commit.close())
    await settle()
    assert not closing.done()
    store.gate.set()
    await closing
    assert first.done()
    assert second.done()


async def test_closing_an_idle_commit_returns_at_once(store: ObservedStore) -> None:
    """There is nothing to wait for."""
    await Committed(store).commit.close()
    assert store.appends == []


async def test_who_cancels_all_tasks_leaves_nobody_waiting(store: ObservedStore) -> None:
    """Those whose append was under way or next hear that it was cut off, and the next goes on."""
    committed = Committed(store)
    store.gate.clear()
    before = asyncio.all_tasks()
    under_way = committed.new_run()
    await settle()
    (writer,) = asyncio.all_tasks() - before - {under_way}
    gathered = committed.new_run()
    await settle()
    writer.cancel()
    for cut_off in (under_way, gathered):
        with pytest.raises(StoreUnavailable, match="cut off"):
            await cut_off
    store.gate.set()
    await committed.new_run()
    await committed.commit.close()


async def test_a_writer_that_never_began_is_replaced(store: ObservedStore) -> None:
    """All tasks were cancelled right behind the call; the next append takes its operation along."""
    committed = Committed(store)
    before = asyncio.all_tasks()
    first = committed.new_run()
    await asyncio.sleep(0)
    (writer,) = asyncio.all_tasks() - before - {first}
    writer.cancel()
    await committed.new_run()
    assert await first == Appended(version=2, position=2)


async def test_a_store_that_forgets_a_verdict_leaves_nobody_waiting(
    store: ObservedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mistake is shown, and whoever has appended hears that the outcome is unknown."""

    async def forget(operations: Sequence[Operation]) -> list[Verdict]:
        del operations
        return []

    monkeypatch.setattr(store, "append", forget)
    committed = Committed(store)
    before = asyncio.all_tasks()
    asking = committed.new_run()
    await asyncio.sleep(0)
    (writer,) = asyncio.all_tasks() - before - {asking}
    with pytest.raises(StoreUnavailable):
        await asking
    assert isinstance(writer.exception(), ValueError)
