"""Holds: several processes on one file are each given jobs of their own."""

from pathlib import Path

from eventflow.testing.builders import Author, at
from eventflow_sqlite import connect


async def test_callers_that_hold_are_given_different_jobs(tmp_path: Path) -> None:
    """Three handles share the front of the queue, and none is given what another holds."""
    url = f"sqlite:///{tmp_path}/log.db"
    handles = [await connect(url) for _ in range(3)]
    authors = [Author() for _ in range(10)]
    await handles[0].append([author.create() for author in authors])
    listed = [
        [job.run_id for job in await handle.due(at(1), {"analysis": ["a"]}, 4, hold=5)]
        for handle in handles
    ]
    ids = [author.run_id for author in authors]
    assert listed == [ids[:4], ids[4:8], ids[8:]]
    assert [job.run_id for job in await handles[0].due(at(1), None, 20)] == ids
    for handle in handles:
        await handle.close()


async def test_a_claim_ends_a_hold(tmp_path: Path) -> None:
    """A job that was claimed and is due again is listed, also within the old hold."""
    store = await connect(f"sqlite:///{tmp_path}/log.db")
    author = Author()
    await store.append([author.create()])
    assert len(await store.due(at(1), None, 5, hold=60)) == 1
    assert await store.due(at(2), None, 5, hold=60) == []
    await store.append([author.claim(now=at(2)), author.fail(now=at(3))])
    assert len(await store.due(at(30), None, 5, hold=60)) == 1
    await store.close()
