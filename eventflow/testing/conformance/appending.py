"""What every store promises of `append`: verdicts, order, repetition and idempotency keys."""

import asyncio
from collections.abc import Sequence

import pytest
from attrs import evolve

from eventflow.store.contract import (
    Appended,
    Conflict,
    DuplicateKey,
    Operation,
    RunQuery,
    Store,
    Verdict,
)
from eventflow.testing.builders import START, Author
from eventflow.testing.conformance.support import append, assert_gapless, rows, whole_log


class VerdictTests:
    """Each operation gets the verdict that the run's exact version decides."""

    async def test_the_verdict_names_the_last_event(self, store: Store) -> None:
        """The version and position of an append are those of its last event."""
        author = Author()
        assert await store.append([author.create()]) == [Appended(version=2, position=2)]
        assert await store.append([author.note(count=3)]) == [Appended(version=5, position=5)]

    async def test_positions_count_over_all_runs(self, store: Store) -> None:
        """Versions count within a run, positions within the store."""
        first, second = Author(), Author()
        await append(store, first.create())
        assert await append(store, second.create()) == [Appended(version=2, position=4)]
        assert await append(store, first.note()) == [Appended(version=3, position=5)]

    @pytest.mark.parametrize("expected", [0, 1, 3, 4, 1_000_000])
    async def test_only_the_exact_version_will_do(self, store: Store, expected: int) -> None:
        """An expectation below or above the version of the run is a conflict that tells it."""
        author = Author()
        await append(store, author.create())
        assert author.version == 2
        assert await store.append([_expecting(author.note(), expected)]) == [Conflict(actual=2)]
        assert len(await whole_log(store)) == 2

    async def test_a_run_that_does_not_exist_has_version_0(self, store: Store) -> None:
        """To expect a version of a run that does not exist is a conflict with 0."""
        author = Author()
        author.create()
        assert await store.append([author.note()]) == [Conflict(actual=0)]
        assert await whole_log(store) == []

    async def test_nothing_to_append_is_no_verdict(self, store: Store) -> None:
        """An empty batch gets an empty answer."""
        assert await store.append([]) == []

    async def test_a_refused_operation_leaves_nothing(self, store: Store) -> None:
        """A conflict writes no event, no row, no job and no idempotency key."""
        author, other = Author(), Author()
        await append(store, author.create())
        before = author.projection()
        rival = author.copy()
        await append(store, author.note())
        lost = evolve(rival.claim(), idempotency_key="once")
        assert await store.append([lost]) == [Conflict(actual=3)]
        found = await rows(store, author.run_id)
        assert found == evolve(before, run=evolve(before.run, version=3))
        assert [job.token for job in await store.due(START, None, 10)] == [0]
        assert len(await append(store, other.create(key="once"))) == 1


class BatchTests:
    """A batch is one transaction, in which each operation has a fate of its own."""

    async def test_a_later_operation_sees_the_earlier_ones(self, store: Store) -> None:
        """Several operations on one run can be appended together."""
        author = Author()
        batch = [author.create(), author.claim(), author.complete()]
        assert await store.append(batch) == [Appended(2, 2), Appended(4, 4), Appended(6, 6)]
        assert await rows(store, author.run_id) == author.projection()

    async def test_a_conflicting_operation_fails_alone(self, store: Store) -> None:
        """What stands before and behind a conflict is appended, without a gap."""
        first, lost, last = Author(), Author(), Author()
        batch = [first.create(), _expecting(lost.create(), 7), last.create(), first.note()]
        verdicts = await store.append(batch)
        assert verdicts == [Appended(2, 2), Conflict(0), Appended(2, 4), Appended(3, 5)]
        log = await whole_log(store)
        assert_gapless(log)
        assert {event.run_id for event in log} == {first.run_id, last.run_id}

    async def test_a_batch_of_conflicts_appends_nothing(self, store: Store) -> None:
        """When all operations fail, the next append gets the position that they did not use."""
        authors = [Author(), Author()]
        lost = [_expecting(author.create(), 1) for author in authors]
        assert await store.append(lost) == [Conflict(0), Conflict(0)]
        assert await append(store, Author().create()) == [Appended(2, 2)]

    async def test_of_two_rivals_in_a_batch_the_first_wins(self, store: Store) -> None:
        """The second of two operations with one expectation conflicts with the first."""
        author = Author()
        await append(store, author.create())
        rival = author.copy()
        verdicts = await store.append([author.claim(), rival.cancel(), author.note()])
        assert verdicts == [Appended(4, 4), Conflict(4), Appended(5, 5)]
        assert await rows(store, author.run_id) == author.projection()

    async def test_the_last_operation_on_a_row_counts(self, store: Store) -> None:
        """Rows that a batch writes, drops and writes again are as the last operation has them."""
        author = Author()
        batch = [author.create(groups=[["a", "b"], ["c"]])]
        batch += [author.claim("a"), author.claim("b"), author.complete("a"), author.complete("b")]
        batch += [author.cancel(), author.rewind("a"), author.claim("b")]
        await append(store, *batch)
        assert await rows(store, author.run_id) == author.projection()
        assert [job.stage for job in await store.due(START, None, 10)] == ["a"]

    async def test_hundreds_of_operations_fit_in_a_batch(self, store: Store) -> None:
        """Batches are as large as what gathers under load."""
        authors = [Author() for _ in range(600)]
        verdicts = await append(store, *(author.create() for author in authors))
        assert [verdict.position for verdict in verdicts] == list(range(2, 1202, 2))
        assert_gapless(await whole_log(store))


class RepetitionTests:
    """An operation that is given again is answered again, and appended once."""

    async def test_a_repeated_operation_gets_the_first_verdict(self, store: Store) -> None:
        """The answer is the same also when the run has gone on since."""
        author = Author()
        operations = [author.create(), author.note(count=3)]
        verdicts = [(await append(store, each))[0] for each in operations]
        await append(store, author.note(), Author().create())
        for each, verdict in zip(operations, verdicts, strict=True):
            assert await store.append([each]) == [verdict]
        assert len(await whole_log(store)) == 8

    async def test_a_repetition_within_a_batch_is_one(self, store: Store) -> None:
        """An operation that a batch holds twice is appended once."""
        author = Author()
        create = author.create()
        verdicts = await store.append([create, create, author.note()])
        assert verdicts == [Appended(2, 2), Appended(2, 2), Appended(3, 3)]

    async def test_a_repetition_changes_no_row(self, store: Store) -> None:
        """Rows stay as later operations left them."""
        author = Author()
        create = author.create()
        await append(store, create, author.claim())
        await append(store, create)
        assert await rows(store, author.run_id) == author.projection()
        assert await store.due(START, None, 10) == []

    async def test_a_repetition_with_a_key_is_no_duplicate(self, store: Store) -> None:
        """The operation that used a key gets its first verdict, not a duplicate key."""
        author = Author()
        create = author.create(key="once")
        first = await append(store, create)
        await append(store, author.note())
        assert await store.append([create]) == first

    async def test_a_refused_operation_may_win_later(self, store: Store) -> None:
        """A conflict is not remembered: the same operation is appended once it fits."""
        author = Author()
        create, note = author.create(), author.note()
        assert await store.append([note]) == [Conflict(0)]
        assert await store.append([create, note]) == [Appended(2, 2), Appended(3, 3)]

    async def test_equal_contents_are_not_the_same_operation(self, store: Store) -> None:
        """Only the op id tells repetitions; the same events under another one conflict."""
        author = Author()
        rival = author.copy()
        await append(store, author.create())
        assert await store.append([rival.create()]) == [Conflict(2)]


class IdempotencyKeyTests:
    """A key belongs to one operation of the whole store."""

    async def test_a_used_key_names_the_run_that_has_it(self, store: Store) -> None:
        """An operation with a used key is refused, and appends nothing."""
        owner, late = Author(), Author()
        await append(store, owner.create(key="once"))
        assert await store.append([late.create(key="once")]) == [DuplicateKey(owner.run_id)]
        assert len(await whole_log(store)) == 2
        assert (await store.runs(RunQuery(run_ids=[late.run_id]))).items == ()

    async def test_of_two_in_a_batch_the_first_gets_the_key(self, store: Store) -> None:
        """A key that an earlier operation of the batch has used is used."""
        owner, late, other = Author(), Author(), Author()
        batch = [owner.create(key="once"), late.create(key="once"), other.create(key="else")]
        verdicts = await store.append(batch)
        assert verdicts == [Appended(2, 2), DuplicateKey(owner.run_id), Appended(2, 4)]

    async def test_a_used_key_is_told_before_a_conflict(self, store: Store) -> None:
        """Who repeats a request that was carried out hears that, whatever happened since."""
        author = Author()
        await append(store, author.create())
        rival = author.copy()
        await append(store, author.note(key="once"))
        assert await store.append([rival.note(key="once")]) == [DuplicateKey(author.run_id)]

    async def test_an_existing_run_can_use_keys(self, store: Store) -> None:
        """Any operation may have a key, and a run any number of them."""
        author = Author()
        await append(store, author.create(key="1"), author.note(key="2"), author.note(key="3"))
        assert await store.append([Author().create(key="2")]) == [DuplicateKey(author.run_id)]

    async def test_keys_are_compared_exactly(self, store: Store) -> None:
        """Case, spaces, accents and emptiness all count."""
        keys = [
            "",
            " ",
            "key",
            "KEY",
            "key ",
            " key",
            "k\u00e9y",
            "ke\u0301y",
            "\U0001f511",
            "%",
            "'",
            "k\0y",
            "k",
            "x" * 500,
            "\U0001f511" * 500,
        ]
        await append(store, *(Author().create(key=key) for key in keys))
        assert len((await store.runs(RunQuery())).items) == len(keys)
        verdicts = await store.append([Author().create(key=key) for key in keys])
        assert {type(verdict) for verdict in verdicts} == {DuplicateKey}


class ConcurrencyTests:
    """Tasks that append at the same time are told apart by versions and ordered by positions."""

    async def test_one_of_many_rivals_wins(self, store: Store) -> None:
        """Of many appends at one version exactly one succeeds, and the others learn the version."""
        author = Author()
        await append(store, author.create())
        rivals = [author.copy().claim() for _ in range(20)]
        verdicts = await _all_at_once(store, rivals)
        assert verdicts.count(Appended(4, 4)) == 1
        assert verdicts.count(Conflict(4)) == 19

    async def test_positions_have_no_gaps(self, store: Store) -> None:
        """Neither failed operations nor appends at the same time leave a gap or a double."""
        authors = [Author() for _ in range(20)]
        await _all_at_once(store, [author.create() for author in authors])
        attempts = [author.copy().note() for author in authors for _ in range(3)]
        verdicts = await _all_at_once(store, attempts)
        assert sum(isinstance(verdict, Appended) for verdict in verdicts) == 20
        log = await whole_log(store)
        assert len(log) == 60
        assert_gapless(log)

    async def test_a_reader_never_sees_a_gap(self, store: Store) -> None:
        """While tasks append, what has been read is never followed by something before it."""
        authors = [Author() for _ in range(10)]

        async def write(author: Author) -> None:
            await append(store, author.create())
            for _ in range(10):
                await append(store, author.note(count=2))

        writers = [asyncio.create_task(write(author)) for author in authors]
        read = 0
        while read < 220:
            for event in await store.read_all(read, 7):
                read += 1
                assert event.position == read
            await asyncio.sleep(0)
        await asyncio.gather(*writers)

    async def test_what_was_acknowledged_is_read(self, store: Store) -> None:
        """An append that has returned is in every read that begins after it."""

        async def write_and_read() -> None:
            author = Author()
            (verdict,) = await append(store, author.create())
            assert len(await store.read([author.run_id])) == 2
            assert (await store.read_all(verdict.position - 1, 1))[0].run_id == author.run_id
            assert await rows(store, author.run_id) == author.projection()

        await asyncio.gather(*(write_and_read() for _ in range(20)))


async def _all_at_once(store: Store, operations: Sequence[Operation]) -> list[Verdict]:
    answers = await asyncio.gather(*(store.append([each]) for each in operations))
    return [verdict for answer in answers for verdict in answer]


def _expecting(operation: Operation, expected: int) -> Operation:
    """Move an operation to another version."""
    return evolve(
        operation,
        expected=expected,
        events=tuple(
            evolve(event, version=version)
            for version, event in enumerate(operation.events, start=expected + 1)
        ),
    )
