"""Requests: merged, checked and digested before anything is appended."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import pytest
from attrs import field, frozen

import eventflow as ef
from eventflow.errors import InvalidInput
from eventflow.runtime.requests import HIGHEST_PRIORITY
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open


@frozen
class Limits:
    """A config with defaults."""

    smallest: int = 1
    labels: list[str] = field(factory=lambda: ["x"])


@ef.stage
async def count(ctx: ef.StageContext[int, Limits]) -> int:
    """Count from a bound."""
    return ctx.input + ctx.config.smallest


WORKFLOW = ef.define_workflow("w", input=int).pipe(count).build()


class Color(Enum):
    """Not JSON itself, but its value is."""

    RED = "red"


async def test_a_config_is_merged_over_the_defaults(open_runtime: Open) -> None:
    """A given field replaces its default wholly; what is not given stays."""
    runtime = await open_runtime(WORKFLOW)
    for given, expected in (
        (None, {"smallest": 1, "labels": ["x"]}),
        ({}, {"smallest": 1, "labels": ["x"]}),
        ({"count": {}}, {"smallest": 1, "labels": ["x"]}),
        ({"count": {"labels": []}}, {"smallest": 1, "labels": []}),
        ({"count": Limits(7)}, {"smallest": 7, "labels": ["x"]}),
    ):
        run = await runtime.create_run("w", 1, config=given)
        assert (await run.state()).config == {"count": expected}


@pytest.mark.parametrize(
    ("of_workflow", "given", "expected"),
    [
        (None, None, 5),
        (None, 0, 0),
        ({"w": 8}, None, 8),
        ({"w": 8}, -3, -3),
        ({"other": 8}, None, 5),
        (len, None, 1),
        (lambda _: None, None, 5),
        (None, HIGHEST_PRIORITY, HIGHEST_PRIORITY),
        (None, -HIGHEST_PRIORITY, -HIGHEST_PRIORITY),
    ],
)
async def test_the_priority_is_the_explicit_one_or_that_of_the_workflow(
    open_runtime: Open,
    of_workflow: Any,  # noqa: ANN401
    given: int | None,
    expected: int,
) -> None:
    """By mapping or function; five if nothing says otherwise."""
    runtime = await open_runtime(WORKFLOW, workflow_priority=of_workflow)
    run = await runtime.create_run("w", 1, priority=given)
    assert (await run.state()).priority == expected


@pytest.mark.parametrize("wrong", [HIGHEST_PRIORITY + 1, -(2**40), 1.5, "9", True])
@pytest.mark.parametrize("way", ["explicit", "of the workflow"])
async def test_a_priority_that_no_store_can_keep_is_refused(
    open_runtime: Open,
    store: ObservedStore,
    wrong: Any,  # noqa: ANN401
    way: str,
) -> None:
    """It is a whole number within bounds, wherever it comes from, and nothing is appended."""
    explicit = way == "explicit"
    runtime = await open_runtime(WORKFLOW, workflow_priority=None if explicit else {"w": wrong})
    with pytest.raises(InvalidInput, match="whole number"):
        await runtime.create_run("w", 1, priority=wrong if explicit else None)
    assert store.appends == []


async def test_metadata_is_kept_as_json(open_runtime: Open) -> None:
    """What has a meaning in JSON is kept as that; runs are found by it."""
    runtime = await open_runtime(WORKFLOW)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    run = await runtime.create_run("w", 1, metadata={"color": Color.RED, "at": at, "n": [1]})
    stored = (await run.state()).metadata
    assert (stored["color"], stored["n"]) == ("red", [1])
    assert isinstance(stored["at"], str)
    page = await runtime.runs(metadata={"color": "red", "n": [1]})
    assert [row.run_id for row in page.items] == [run.id]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ratio": float("nan")}, 'metadata "ratio"'),
        ({"thing": object()}, 'metadata "thing"'),
        ({1: "one"}, "A key of metadata is a text, not 1"),
    ],
)
async def test_metadata_that_is_not_json_is_refused(
    open_runtime: Open,
    store: ObservedStore,
    wrong: Any,  # noqa: ANN401
    message: str,
) -> None:
    """The error names the value, and nothing is appended."""
    runtime = await open_runtime(WORKFLOW)
    with pytest.raises(InvalidInput, match=message):
        await runtime.create_run("w", 1, metadata=wrong)
    assert store.appends == []


REQUEST: Mapping[str, Any] = {
    "input": 1,
    "config": {"count": {"smallest": 1}},
    "metadata": {"a": 1, "b": {"c": 2, "d": 3}},
    "priority": 5,
    "idempotency_key": "k",
}


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"config": None},
        {"priority": None},
        {"metadata": {"b": {"d": 3, "c": 2}, "a": 1}},
        {"actor": "somebody else"},
    ],
    ids=["the same", "the defaults", "no priority", "another order", "another actor"],
)
async def test_a_request_that_means_the_same_is_the_same(
    open_runtime: Open, same: dict[str, Any]
) -> None:
    """What was parsed is compared, not how it was written or who asked."""
    runtime = await open_runtime(WORKFLOW)
    run = await runtime.create_run("w", **REQUEST)
    again = await runtime.create_run("w", **{**REQUEST, **same})
    assert again == run
    assert len(await run.history()) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"input": 2},
        {"config": {"count": {"smallest": 2}}},
        {"priority": 6},
        {"metadata": {"a": 1}},
        {"metadata": {"a": 1.0, "b": {"c": 2, "d": 3}}},
    ],
    ids=["input", "config", "priority", "metadata", "a number of another kind"],
)
async def test_a_request_that_means_something_else_is_refused(
    open_runtime: Open, store: ObservedStore, other: dict[str, Any]
) -> None:
    """`IdempotencyMismatch` names the key and the run, and nothing is appended."""
    runtime = await open_runtime(WORKFLOW)
    run = await runtime.create_run("w", **REQUEST)
    with pytest.raises(ef.IdempotencyMismatch, match=f'"k" .* of run {run.id}'):
        await runtime.create_run("w", **{**REQUEST, **other})
    assert len(await store.read_all(0, 10)) == 2


@pytest.mark.parametrize("stage", ["first", "second"])
async def test_of_two_reruns_with_one_key_at_once_the_second_hears_of_the_first(
    store: ObservedStore, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Another process was faster by a moment: its answer counts, or a request that differs."""
    steps = [ef.stage(id=each)(_same) for each in ("first", "second")]
    workflow = ef.define_workflow("w", input=int).pipe(steps[0]).pipe(steps[1]).build()
    async with ef.Runtime(store, [workflow]) as fast, ef.Runtime(store, [workflow]) as slow:
        await fast.start()
        run = await fast.create_run("w", 1)
        await run.result()
        late = slow.run(run.id)
        await late.state()
        append = store.append

        async def be_late(operations: Any) -> Any:  # noqa: ANN401
            monkeypatch.undo()
            await run.rerun_from("second")
            await run.result()
            assert await run.rerun_from("second", idempotency_key="k") == 2
            return await append(operations)

        monkeypatch.setattr(store, "append", be_late)
        if stage == "second":
            assert await late.rerun_from(stage, idempotency_key="k") == 2
        else:
            with pytest.raises(ef.IdempotencyMismatch):
                await late.rerun_from(stage, idempotency_key="k")


async def _same(ctx: ef.StageContext[int]) -> int:
    return ctx.input


@pytest.mark.parametrize("key", ["", "x" * 501, "\ud800", 5])
async def test_a_key_that_not_every_store_takes_is_refused(
    open_runtime: Open,
    store: ObservedStore,
    key: Any,  # noqa: ANN401
) -> None:
    """Nothing is appended, by whatever request."""
    runtime = await open_runtime(WORKFLOW)
    run = await runtime.create_run("w", 1)
    await run.cancel()
    before = len(store.appends)
    with pytest.raises(InvalidInput, match="at most 500 characters"):
        await runtime.create_run("w", 1, idempotency_key=key)
    with pytest.raises(InvalidInput, match="at most 500 characters"):
        await run.rerun_from("count", idempotency_key=key)
    with pytest.raises(InvalidInput, match="at most 500 characters"):
        await run.fork_from("count", idempotency_key=key)
    assert len(store.appends) == before


async def test_a_rerun_may_replace_config_and_input(open_runtime: Open, clock: ManualClock) -> None:
    """From then on they count, for later reruns as well; what is wrong is refused beforehand."""
    runtime = await open_runtime(WORKFLOW)
    await runtime.start()
    run = await runtime.create_run("w", 1)
    assert await clock.run_until(run.result()) == 2
    await run.rerun_from("count", config={"count": {"smallest": 10}}, input=5)
    assert await clock.run_until(run.result()) == 15
    await run.rerun_from("count")
    assert await clock.run_until(run.result()) == 15
    before = len(await run.history())
    with pytest.raises(ef.InvalidConfig, match="smallest"):
        await run.rerun_from("count", config={"count": {"smallest": "x"}})
    with pytest.raises(ef.InvalidInput):
        await run.rerun_from("count", input="x")
    assert len(await run.history()) == before


async def test_a_rerun_where_the_workflow_is_not_known_keeps_the_plan(
    open_runtime: Open, clock: ManualClock
) -> None:
    """It can be asked for anywhere, but nothing new can be checked there, and so is refused."""
    owner, stranger = await open_runtime(WORKFLOW), await open_runtime()
    run = await owner.create_run("w", 1)
    await run.cancel()
    with pytest.raises(ef.WorkflowNotFound):
        await stranger.run(run.id).rerun_from("count", input=2)
    assert await stranger.run(run.id).rerun_from("count") == 1
    await owner.start()
    assert await clock.run_until(run.result()) == 2
