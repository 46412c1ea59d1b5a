"""Holds: many workers on one backlog are each given jobs of their own."""

import asyncio

from eventflow.testing.builders import Author, at
from eventflow_postgres import PostgresStore, connect


async def test_callers_that_hold_are_given_different_jobs(
    store: PostgresStore, postgres_url: str
) -> None:
    """Eight callers at once share the front of the queue, and nobody is given a held job."""
    authors = [Author() for _ in range(40)]
    await store.append([author.create() for author in authors])
    others = [await connect(postgres_url) for _ in range(8)]
    stages = {"analysis": ["a"]}
    given = await asyncio.gather(*(other.due(at(1), stages, 4, hold=5) for other in others))
    for other in others:
        await other.close()
    listed = [
        job.run_id for jobs in (*given, await store.due(at(1), stages, 40, hold=5)) for job in jobs
    ]
    assert sorted(listed) == sorted(author.run_id for author in authors)


async def test_a_claim_ends_a_hold(store: PostgresStore) -> None:
    """A job that was claimed and given back is listed at once, also within the old hold."""
    author = Author()
    await store.append([author.create()])
    assert len(await store.due(at(1), None, 5, hold=60)) == 1
    assert await store.due(at(2), None, 5, hold=60) == []
    await store.append([author.claim(now=at(2))])
    await store.append([author.fail(now=at(3))])
    assert len(await store.due(at(30), None, 5, hold=60)) == 1
