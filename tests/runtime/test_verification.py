"""Verification: every way to alter a history, or its rows, is found and named."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

import eventflow as ef
from eventflow.core.values import Status
from eventflow.errors import HistoryAltered
from eventflow.testing.builders import Author
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open


@ef.stage
async def work(ctx: ef.StageContext[int]) -> int:
    """Give the number back."""
    return ctx.input


WORKFLOW = ef.define_workflow("w", input=int).pipe(work).build()


@pytest.fixture
async def run(open_runtime: Open, clock: ManualClock) -> ef.Run:
    """A run that has completed, with six events."""
    runtime = await open_runtime(WORKFLOW)
    await runtime.start()
    created: ef.Run = await runtime.create_run("w", 1)
    await clock.run_until(created.result())
    await runtime.stop()
    return created


async def test_what_nobody_altered_is_confirmed(run: ef.Run, store: ObservedStore) -> None:
    """The verdict has the number of events, and the hash of the last one."""
    verified = await run.verify()
    last = (await store.read([run.id]))[-1]
    assert (verified.run_id, verified.events, verified.head) == (run.id, 6, last.hash.hex())


@pytest.mark.parametrize("version", [1, 3, 6])
@pytest.mark.parametrize(
    "alteration",
    [
        lambda event: evolve(event, data=event.data.replace(b"}", b" }", 1)),
        lambda event: evolve(event, actor="somebody else"),
        lambda event: evolve(event, recorded_at=event.recorded_at + timedelta(microseconds=1)),
        lambda event: evolve(event, type="stage.logged"),
        lambda event: evolve(event, schema=2),
        lambda event: evolve(event, op_id="another"),
        lambda event: evolve(event, hash=bytes(32)),
    ],
    ids=["data", "actor", "time", "type", "schema", "operation", "hash"],
)
async def test_an_altered_event_is_named(
    run: ef.Run, store: ObservedStore, version: int, alteration: Callable[..., object]
) -> None:
    """Whatever was changed of an event, its version is the one that is reported."""
    events = store._runs[run.id].events
    events[version - 1] = alteration(events[version - 1])  # type: ignore[call-overload]
    with pytest.raises(HistoryAltered) as found:
        await run.verify()
    assert (found.value.run_id, found.value.version) == (run.id, version)


@pytest.mark.parametrize("version", [1, 2, 5])
async def test_a_missing_event_is_named(run: ef.Run, store: ObservedStore, version: int) -> None:
    """The place of the event that is gone is the one that is reported."""
    del store._runs[run.id].events[version - 1]
    with pytest.raises(HistoryAltered) as found:
        await run.verify()
    assert found.value.version == version


async def test_events_that_were_cut_off_are_missed_by_the_rows(
    run: ef.Run, store: ObservedStore
) -> None:
    """A chain fits without its end; the run's row knows how long it was."""
    store._runs[run.id].events.pop()
    with pytest.raises(HistoryAltered, match="rows"):
        await run.verify()


@pytest.mark.parametrize(
    "drift",
    [{"status": Status.RUNNING}, {"priority": 9}, {"version": 4}, {"version": 9}],
    ids=["status", "priority", "version too low", "version too high"],
)
async def test_a_drifted_row_of_the_run_is_found(
    run: ef.Run, store: ObservedStore, drift: dict[str, Any]
) -> None:
    """The rows are compared with the fold of the events, and drift is never waited for."""
    stored = store._runs[run.id]
    stored.row = evolve(stored.row, **drift)
    with pytest.raises(HistoryAltered, match="the rows of the run are not what its events say"):
        await run.verify()


async def test_a_drifted_row_of_a_stage_is_found(run: ef.Run, store: ObservedStore) -> None:
    """A stage that is gone from the rows is drift as well."""
    del store._runs[run.id].stages["work"]
    with pytest.raises(HistoryAltered, match="rows"):
        await run.verify()


async def test_a_run_without_rows_is_found(
    run: ef.Run, store: ObservedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events without any row are drift, not an unknown run."""
    monkeypatch.setattr(store, "_newest_first", lambda _: iter(()))
    with pytest.raises(HistoryAltered, match="rows"):
        await run.verify()


async def test_renewals_are_no_drift(open_runtime: Open, clock: ManualClock) -> None:
    """Heartbeats move due times without an event, and a run under way verifies."""

    @ef.stage
    async def long(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(600)
        return 1

    runtime = await open_runtime(ef.define_workflow("long", input=int).pipe(long).build())
    await runtime.start()
    run = await runtime.create_run("long", 0)
    for _ in range(5):
        await clock.advance(50)
        assert (await run.verify()).events == 4
    await clock.run_until(run.result())


async def test_a_run_that_changes_meanwhile_is_read_again(
    run: ef.Run, store: ObservedStore
) -> None:
    """An append between the reading of the rows and of the events is no drift."""
    read = store.read
    author = Author.of(await read([run.id]))
    notes = [author.note()]

    async def append_first(*arguments: object) -> object:
        while notes:
            await store.append([notes.pop()])
        return await read(*arguments)  # type: ignore[arg-type]

    store.read = append_first  # type: ignore[method-assign, assignment]
    assert (await run.verify()).events == 7


async def test_an_unknown_run_is_not_verified(open_runtime: Open) -> None:
    """There is nothing to prove of a run that the store does not have."""
    runtime = await open_runtime(WORKFLOW)
    with pytest.raises(ef.RunNotFound):
        await runtime.run("ghost").verify()
