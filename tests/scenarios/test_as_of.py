"""Which runs were in which state when: asked of the store, answered by folding the log."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import eventflow as ef
from eventflow.core.projection import RunRow, project
from eventflow.core.state import replay
from eventflow.errors import InvalidInput
from eventflow.runtime import as_of as module
from eventflow.store.contract import Operation, Store, StoredEvent
from eventflow.store.envelope import open_envelope
from eventflow.store.memory import MemoryStore
from eventflow.testing.builders import START, Author, at


def lives() -> list[Operation]:
    """Runs that begin, wait, fail, end and are rewound, in turns; one is older than it looks."""
    ended, failed, waiting, late, imported = (Author() for _ in range(5))
    return [
        ended.create(metadata={"n": 1}),
        failed.create("other", now=at(1)),
        ended.claim(now=at(2)),
        waiting.create(now=at(2), metadata={"n": 1}),
        failed.claim(now=at(3)),
        waiting.claim(now=at(3)),
        ended.complete(now=at(4)),
        waiting.suspend(now=at(4)),
        failed.cancel(now=at(5)),
        ended.rewind(now=at(6)),
        late.create(now=at(7)),
        ended.claim(now=at(8)),
        imported.create(now=at(1)),
        ended.note("later", now=at(9)),
        imported.claim(now=at(2)),
    ]


async def expected(store: Store, moment: int | datetime) -> list[RunRow]:
    """What the runs were, newest first, from the whole log."""
    by_run: dict[str, list[StoredEvent]] = {}
    for event in await store.read_all(0, 1_000):
        then = event.position if isinstance(moment, int) else event.recorded_at
        if then <= moment:  # type: ignore[operator]
            by_run.setdefault(event.run_id, []).append(event)
    rows = [project(replay(map(open_envelope, events))).run for events in by_run.values()]
    first = {run_id: events[0].position for run_id, events in by_run.items()}
    return sorted(rows, key=lambda row: -first[row.run_id])


async def test_every_position_is_answered(store: Store) -> None:
    """At each point of the log, the runs are those of that point."""
    await store.append(lives())
    async with ef.Runtime(store) as runtime:
        for position in range(len(await store.read_all(0, 1_000)) + 2):
            listed = await runtime.runs(as_of=position)
            assert (list(listed.items), listed.next) == (await expected(store, position), None)


async def test_every_time_is_answered(store: Store) -> None:
    """At each moment, what was recorded by then counts, in whichever order it came to the log."""
    await store.append(lives())
    async with ef.Runtime(store) as runtime:
        for seconds in range(-2, 24):
            moment = at(seconds / 2)
            listed = await runtime.runs(as_of=moment)
            assert list(listed.items) == await expected(store, moment)


async def test_the_present_is_the_past_of_now(store: Store) -> None:
    """As of the end of the log, the rows are those that the store has."""
    await store.append(lives())
    newest = len(await store.read_all(0, 1_000))
    async with ef.Runtime(store) as runtime:
        assert await runtime.runs(as_of=newest) == await runtime.runs()


async def test_filters_are_about_that_moment(store: Store) -> None:
    """A status is the one of then; workflow and metadata never change."""
    await store.append(lives())
    async with ef.Runtime(store) as runtime:

        async def found(**filters: Any) -> set[str]:  # noqa: ANN401 - those of runs()
            listed = await runtime.runs(as_of=at(4), **filters)
            return {row.run_id for row in listed.items}

        rows = {row.run_id: row for row in await expected(store, at(4))}
        by_status = {row.status: run_id for run_id, row in rows.items() if row.metadata}
        assert await found(status="completed") == {by_status[ef.Status.COMPLETED]}
        assert await found(metadata={"n": 1}) == set(by_status.values())
        assert await found(metadata={"n": 1}, status=["suspended"]) == {
            by_status[ef.Status.SUSPENDED]
        }
        assert await found(workflow="other") == {
            run_id for run_id, row in rows.items() if row.workflow_id == "other"
        }
        assert await found(status="failed") == set()


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("at_once", [1, 2, 100])
async def test_pages_are_complete(
    store: Store, limit: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page each run comes once, however many are looked at for it."""
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    authors = [Author() for _ in range(11)]
    await store.append([author.create(now=START) for author in authors])
    await store.append([author.claim(now=at(1)) for author in authors[::2]])
    async with ef.Runtime(store) as runtime:
        for status in (None, "running", "pending", "failed"):
            whole = await runtime.runs(status=status, as_of=at(1))
            assert whole.next is None
            seen: list[RunRow] = []
            after = None
            while True:
                page = await runtime.runs(status=status, as_of=at(1), limit=limit, after=after)
                assert len(page.items) <= limit
                seen += page.items
                after = page.next
                if after is None:
                    break
            assert tuple(seen) == whole.items


async def test_what_is_no_moment_is_refused(store: Store) -> None:
    """A time needs a zone, and a position is not negative."""
    await store.append([Author().create()])
    async with ef.Runtime(store) as runtime:
        with pytest.raises(InvalidInput, match="time zone"):
            await runtime.runs(as_of=START.replace(tzinfo=None))
        with pytest.raises(InvalidInput, match="not negative"):
            await runtime.runs(as_of=-1)
        with pytest.raises(InvalidInput, match="cursor"):
            await runtime.runs(as_of=1, after="nothing")


async def test_runs_of_eventflow_itself_are_left_out(store: Store) -> None:
    """They are listed as of a moment when their workflow is asked for, as otherwise."""
    own = Author()
    await store.append([Author().create(), own.create("eventflow.ai")])
    async with ef.Runtime(store) as runtime:
        assert [row.workflow_id for row in (await runtime.runs(as_of=9)).items] == ["analysis"]
        listed = await runtime.runs(workflow="eventflow.ai", as_of=9)
        assert [row.run_id for row in listed.items] == [own.run_id]


@given(moment=st.integers(-1_000_000, 12_000_000))
async def test_any_microsecond_is_answered(moment: int) -> None:
    """Also between two events, and exactly at one."""
    store = MemoryStore()
    await store.append(lives())
    when = START + timedelta(microseconds=moment)
    async with ef.Runtime(store) as runtime:
        assert list((await runtime.runs(as_of=when)).items) == await expected(store, when)
