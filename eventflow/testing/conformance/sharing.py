"""What every store promises whose data several processes can open: many handles, one truth."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from eventflow.store.contract import (
    Appended,
    Conflict,
    DuplicateKey,
    Renewal,
    RunQuery,
    Store,
    StoredEvent,
)
from eventflow.testing.builders import LEASE, START, Author, at
from eventflow.testing.conformance.support import (
    PATIENCE,
    OpenStore,
    append,
    assert_gapless,
    opened,
    rows,
    whole_log,
)


class ReopeningTests:
    """What was acknowledged is there when the store is opened again."""

    async def test_everything_survives(self, open_store: OpenStore) -> None:
        """Events, rows, jobs, renewals and keys are as they were."""
        author, other = Author(), Author()
        async with opened(open_store) as store:
            await append(store, author.create(key="once", metadata={"a": [1]}), other.create())
            await append(store, author.claim())
            await store.renew([Renewal(author.run_id, "a", author.token("a"), at(500))])
            log = await whole_log(store)
            listed = await store.runs(RunQuery())
        async with opened(open_store) as store:
            assert await whole_log(store) == log
            assert await store.runs(RunQuery()) == listed
            assert await store.runs(RunQuery(metadata={"a": [1]})) == await store.runs(
                RunQuery(run_ids=[author.run_id])
            )
            assert [job.run_id for job in await store.due(at(499), None, 10)] == [other.run_id]
            assert await store.append([Author().create(key="once")]) == [
                DuplicateKey(author.run_id)
            ]

    async def test_the_log_goes_on(self, open_store: OpenStore) -> None:
        """Versions and positions go on where they were."""
        author = Author()
        async with opened(open_store) as store:
            await append(store, author.create())
            await store.append([Author().create(key=""), author.copy().note(), author.note()])
        async with opened(open_store) as store:
            assert await append(store, author.claim(), Author().create())
            assert_gapless(await whole_log(store))
            assert await rows(store, author.run_id) == author.projection()

    async def test_an_operation_can_be_repeated_after_a_crash(self, open_store: OpenStore) -> None:
        """Who lost the answer gets the first verdict from a new handle, and nothing twice."""
        author = Author()
        batch = [author.create(key="once"), author.claim(), author.complete()]
        async with opened(open_store) as store:
            verdicts = await append(store, *batch)
        async with opened(open_store) as store:
            assert await append(store, *batch) == verdicts
            assert await append(store, Author().create(), *batch[1:]) == [
                Appended(2, 8),
                *verdicts[1:],
            ]

    async def test_waiting_starts_from_the_log(self, open_store: OpenStore) -> None:
        """A new handle knows the newest position before anything is appended through it."""
        async with opened(open_store) as store:
            await append(store, Author().create())
        async with opened(open_store) as store, asyncio.timeout(PATIENCE):
            assert await store.wait(0, 3_600) == 2
            assert await store.wait(2, 0.01) == 2


class ManyHandlesTests:
    """Handles that are open at the same time see one log."""

    async def test_what_one_appends_the_other_reads(self, open_store: OpenStore) -> None:
        """An append that was acknowledged through one handle is in every read of another."""
        author = Author()
        async with _handles(open_store, 2) as (one, other):
            for step in (author.create, author.claim, author.complete):
                await append(one, step())
                assert await other.read([author.run_id]) == await one.read([author.run_id])
                assert await rows(other, author.run_id) == author.projection()
                assert await other.due(START, None, 9) == await one.due(START, None, 9)

    async def test_rivals_are_told_apart(self, open_store: OpenStore) -> None:
        """Of appends at one version through several handles exactly one succeeds."""
        author = Author()
        async with _handles(open_store, 3) as handles:
            await append(handles[0], author.create())
            rivals = [author.copy().claim() for _ in range(15)]
            answers = await asyncio.gather(
                *(handles[n % 3].append([rival]) for n, rival in enumerate(rivals))
            )
            verdicts = [verdict for answer in answers for verdict in answer]
            assert verdicts.count(Appended(4, 4)) == 1
            assert verdicts.count(Conflict(4)) == 14

    async def test_keys_belong_to_the_whole_store(self, open_store: OpenStore) -> None:
        """Of operations with one key through several handles exactly one is appended."""
        authors = [Author() for _ in range(15)]
        async with _handles(open_store, 3) as handles:
            answers = await asyncio.gather(
                *(handles[n % 3].append([a.create(key="once")]) for n, a in enumerate(authors))
            )
            verdicts = [verdict for answer in answers for verdict in answer]
            (owner,) = {event.run_id for event in await whole_log(handles[0])}
            assert verdicts.count(Appended(2, 2)) == 1
            assert verdicts.count(DuplicateKey(owner)) == 14

    async def test_repetitions_race_safely(self, open_store: OpenStore) -> None:
        """One operation that is given to several handles at once is appended once."""
        create = Author().create()
        async with _handles(open_store, 3) as handles:
            answers = await asyncio.gather(*(handle.append([create]) for handle in handles * 5))
            assert answers == [[Appended(2, 2)]] * 15
            assert len(await whole_log(handles[0])) == 2

    async def test_a_reader_on_another_handle_never_sees_a_gap(self, open_store: OpenStore) -> None:
        """While several handles append, another reads every position once and in order."""
        async with _handles(open_store, 3) as (reader, *writers):

            async def write(store: Store) -> None:
                for _ in range(15):
                    author = Author()
                    await append(store, author.create(), author.note())
                    assert await store.append([author.copy().note(), author.claim()])

            tasks = [asyncio.create_task(write(store)) for store in writers * 3]
            log: list[StoredEvent] = []
            while not all(task.done() for task in tasks):
                log += await reader.read_all(len(log), 11)
                await asyncio.sleep(0)
            await asyncio.gather(*tasks)
            log += await reader.read_all(len(log), 1_000)
            assert log == await whole_log(reader)
            assert_gapless(log)

    async def test_an_append_wakes_other_handles(self, open_store: OpenStore) -> None:
        """Who waits on one handle is woken by an append through another."""
        async with _handles(open_store, 2) as (one, other):
            await append(one, Author().create())
            for position in range(2, 12, 2):
                waiting = asyncio.create_task(other.wait(position, 3_600))
                await asyncio.sleep(0.02)
                await append(one, Author().create())
                async with asyncio.timeout(PATIENCE):
                    assert await waiting >= position + 1

    async def test_an_append_before_waiting_is_not_missed(self, open_store: OpenStore) -> None:
        """What another handle has appended before the wait begins ends it."""
        async with _handles(open_store, 2) as (one, other):
            for position in range(0, 20, 2):
                await append(one, Author().create())
                async with asyncio.timeout(PATIENCE):
                    assert await other.wait(position, 3_600) >= position + 1

    async def test_a_claim_race_has_one_winner_among_handles(self, open_store: OpenStore) -> None:
        """Three runs and ten claimers on several handles give exactly three claims."""
        authors = {author.run_id: author for author in (Author(), Author(), Author())}
        async with _handles(open_store, 3) as handles:
            await append(handles[0], *(author.create() for author in authors.values()))

            async def claim_all(store: Store) -> None:
                for job in await store.due(START, None, 10):
                    await store.append([authors[job.run_id].copy().claim(job.stage)])

            await asyncio.gather(*(claim_all(handles[n % 3]) for n in range(10)))
            log = await whole_log(handles[1])
            claims = [event.run_id for event in log if event.type == "job.claimed"]
            assert sorted(claims) == sorted(authors)

    async def test_a_renewal_counts_everywhere(self, open_store: OpenStore) -> None:
        """A lease that one handle renews is not due for another, until it is taken over."""
        author = Author()
        async with _handles(open_store, 2) as (one, other):
            await append(one, author.create(), author.claim())
            renewal = Renewal(author.run_id, "a", author.token("a"), at(2 * LEASE))
            assert await one.renew([renewal]) == []
            assert await other.due(at(LEASE), None, 10) == []
            await append(other, author.claim(now=at(2 * LEASE)))
            assert await one.renew([renewal]) == [renewal]

    async def test_closing_one_handle_leaves_the_others(self, open_store: OpenStore) -> None:
        """A handle that closes takes nothing with it."""
        author = Author()
        async with opened(open_store) as one:
            async with opened(open_store) as other:
                await append(other, author.create())
            await append(one, author.claim())
            assert await rows(one, author.run_id) == author.projection()


@asynccontextmanager
async def _handles(open_store: OpenStore, count: int) -> AsyncGenerator[list[Store]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(opened(open_store)) for _ in range(count)]
