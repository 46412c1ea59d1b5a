"""The rows of a store are computed from its log again, whatever became of them."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve

import eventflow as ef
from eventflow.engine.rebuilding import RebuildReport, derive, rebuild_rows
from eventflow.errors import InvalidSettings
from eventflow.runtime.verification import verify_store
from eventflow.store.contract import Renewal, RunPage, RunQuery, Store, StoredEvent
from eventflow.store.rebuilding import Derive, Rebuilds
from eventflow.testing.builders import START, Author, at
from eventflow.testing.checker import assert_sound
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC
from tests.scenarios.test_suspension import APPROVAL

EVERYTHING = RunQuery(limit=1_000)


async def all_rows(store: Store) -> RunPage:
    """All rows of all runs."""
    return await store.runs(EVERYTHING)


async def test_genuine_rows_stay_as_they_are(
    open_runtime: Open, store: Store, clock: ManualClock
) -> None:
    """Runs in every condition have the same rows as before, and go on."""
    runtime = await open_runtime(ARITHMETIC, APPROVAL)
    await runtime.start()
    run = await runtime.create_run("arithmetic", 5, metadata={"n": 1}, idempotency_key="once")
    await clock.run_until(run.result())
    await run.rerun_from("triple", idempotency_key="again")
    await clock.run_until(run.result())
    waiting = await runtime.create_run("approval", 7, metadata={"n": {"m": [2]}})
    await clock.advance(5)
    await runtime.stop()
    pending = await runtime.create_run("arithmetic", 6)
    before = await all_rows(store)
    due = await store.due(clock.now(), None, 10)

    report = await rebuild_rows(store)

    assert report == RebuildReport(3, len(await store.read_all(0, 1_000)))
    assert await all_rows(store) == before
    assert await store.due(clock.now(), None, 10) == due
    await verify_store(store)
    once = await runtime.create_run("arithmetic", 5, metadata={"n": 1}, idempotency_key="once")
    assert once.id == run.id
    assert await run.rerun_from("triple", idempotency_key="again") == 1
    found = await runtime.runs(metadata={"n": {"m": [2]}})
    assert [each.run_id for each in found.items] == [waiting.id]
    await runtime.start()
    await waiting.signal("approval", {"by": "ada"})
    assert await clock.run_until(waiting.result()) == "7: ada"
    assert await clock.run_until(pending.result()) == "Final: 66"
    await assert_sound(store)


async def test_what_was_renewed_is_kept(store: Store) -> None:
    """A lease that heartbeats have moved holds on, and so does the next time of a check."""
    worked, checked = Author(), Author()
    now = await store.now()
    await store.append([worked.create(now=now), worked.claim(now=now, lease=60)])
    await store.append([checked.create(now=now), checked.claim(now=now)])
    await store.append([checked.suspend(now=now, check_after=0), checked.claim(now=now)])
    token = {author.run_id: author.token("a") for author in (worked, checked)}
    lease = Renewal(worked.run_id, "a", token[worked.run_id], now.replace(microsecond=7))
    check = Renewal(
        checked.run_id, "a", token[checked.run_id], now.replace(microsecond=9), leased=False
    )
    assert await store.renew([lease, check]) == []
    before = await all_rows(store)
    await rebuild_rows(store)
    assert await all_rows(store) == before
    assert await store.renew([lease]) == []


async def test_a_lease_that_nobody_can_have_is_not_kept() -> None:
    """A due time beyond what a renewal gives is the one of the claim again."""
    author = Author()
    events = [*author.create().events, *author.claim(now=at(5), lease=60).events]
    placed = [evolve(event, position=event.version) for event in events]
    (job,) = derive(placed, {}, now=at(100)).operation.changes.jobs
    assert job.due_at == at(65)
    for due, kept in ((100, 100), (160, 160), (161, 65)):
        before = {"a": evolve(job, due_at=at(due))}
        (again,) = derive(placed, before, now=at(100)).operation.changes.jobs
        assert again.due_at == at(kept)
    other = {"a": evolve(job, due_at=at(100), token=job.token + 1)}
    assert derive(placed, other, now=at(100)).operation.changes.jobs == (job,)


async def test_an_altered_log_gives_no_rows(store: Store) -> None:
    """The rows stay as they were, all of them."""
    author = Author()
    await store.append([Author().create(), author.create(), author.claim()])
    before = await all_rows(store)
    rebuilds: Any = store

    def forge(events: Sequence[StoredEvent], claimed: Any) -> Any:  # noqa: ANN401 - as `Derive`
        if events[0].run_id == author.run_id:
            events = [*events[:1], evolve(events[1], actor="mallory"), *events[2:]]
        return derive(events, claimed, now=START)

    forged: Derive = forge
    with pytest.raises(ef.HistoryAltered):
        await rebuilds.rebuild(forged, print)
    assert await all_rows(store) == before
    await verify_store(store)


async def test_an_empty_store_has_no_rows(store: Store) -> None:
    """There is nothing to compute."""
    assert await rebuild_rows(store) == RebuildReport(0, 0)


async def test_many_runs_are_told_of(store: Store) -> None:
    """Somebody who waits hears how many events were read."""
    await store.append([Author().create() for _ in range(250)])
    told: list[int] = []
    assert await rebuild_rows(store, progress=told.append) == RebuildReport(250, 500)
    assert told[-1] == 500
    assert isinstance(store, Rebuilds)


async def test_a_store_that_cannot_says_what_else_there_is() -> None:
    """Who has another kind of store is told to copy it."""

    class Plain:
        """A store with the contract alone."""

    plain: Any = Plain()
    with pytest.raises(InvalidSettings, match="copy its history to a new store"):
        await rebuild_rows(plain)


async def test_whoever_gives_up_leaves_all_rows(store: Store) -> None:
    """Interrupted at any moment, the rows are the old ones or the new ones, and whole."""
    await store.append([Author().create() for _ in range(500)])
    task = asyncio.create_task(rebuild_rows(store, progress=lambda _: task.cancel()))
    await asyncio.wait([task])
    assert (await verify_store(store)).runs == 500
    await store.append([Author().create()])
