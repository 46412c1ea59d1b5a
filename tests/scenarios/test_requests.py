"""Creating runs: checked wholly, asked once, and ordered by what is important."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.store.contract import Store
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC, Limits, double, types


@frozen
class Question:
    text: str
    tags: list[str]


@ef.stage
async def one(ctx: ef.StageContext[Question, Limits]) -> int:
    """Use the config."""
    return ctx.config.smallest


@ef.stage
async def two(ctx: ef.StageContext[int, Limits]) -> int:
    """Use the config as well."""
    return ctx.config.largest


ASKING = ef.define_workflow("asking", input=Question).pipe(one).pipe(two).build()


async def nothing_was_appended(store: Store) -> bool:
    """Tell whether the log is still empty."""
    return await store.read_all(0, 10) == []


async def test_an_unknown_workflow_is_named_with_those_that_there_are(
    open_runtime: Open, store: Store
) -> None:
    """`WorkflowNotFound` tells what is registered."""
    runtime = await open_runtime(ASKING, ARITHMETIC)
    with pytest.raises(ef.WorkflowNotFound, match=r'"nope" not found.*"arithmetic", "asking"'):
        await runtime.create_run("nope", {})
    assert await nothing_was_appended(store)


async def test_every_wrong_field_of_an_input_is_listed(open_runtime: Open, store: Store) -> None:
    """`InvalidInput` gives the path of each, and nothing is appended."""
    runtime = await open_runtime(ASKING)
    with pytest.raises(ef.InvalidInput) as wrong:
        await runtime.create_run("asking", {"text": 5, "tags": ["a", 2]})
    paths = {problem.path for problem in wrong.value.problems}
    assert paths == {"text", "tags[1]"}
    assert await nothing_was_appended(store)


async def test_all_stages_with_a_wrong_config_are_listed(open_runtime: Open, store: Store) -> None:
    """Scenario 15: several stages and fields at once, and an unknown stage."""
    runtime = await open_runtime(ASKING)
    config = {"one": {"smallest": "x"}, "two": {"largest": [], "other": 1}, "three": {}}
    with pytest.raises(ef.InvalidConfig) as wrong:
        await runtime.create_run("asking", {"text": "?", "tags": []}, config=config)
    paths = {problem.path for problem in wrong.value.problems}
    assert {"one.smallest", "two.largest"} <= paths
    assert any(path.startswith("two") and "other" in str(path) for path in paths) or any(
        "other" in problem.reason for problem in wrong.value.problems
    )
    assert any("three" in str(problem) for problem in wrong.value.problems)
    assert await nothing_was_appended(store)


async def test_a_given_config_overrides_its_defaults_field_by_field(
    open_runtime: Open,
) -> None:
    """What was parsed is what is stored."""
    runtime = await open_runtime(ASKING)
    question = Question("?", [])
    run = await runtime.create_run("asking", question, config={"one": {"smallest": 3}})
    assert (await run.state()).config == {
        "one": {"smallest": 3, "largest": 10},
        "two": {"smallest": 1, "largest": 10},
    }


async def test_the_same_key_and_request_give_the_same_run(open_runtime: Open) -> None:
    """Scenario 16: events once, also when many ask at the same time."""
    runtime = await open_runtime(ARITHMETIC)
    asked: Any = {"workflow_id": "arithmetic", "input": 5, "idempotency_key": "k"}
    runs = await asyncio.gather(*(runtime.create_run(**asked) for _ in range(5)))
    assert len({run.id for run in runs}) == 1
    assert (await types(runs[0])).count("run.created") == 1
    with pytest.raises(ef.IdempotencyMismatch, match='"k"'):
        await runtime.create_run("arithmetic", 6, idempotency_key="k")
    other = await open_runtime(ARITHMETIC)
    assert (await other.create_run(**asked)).id == runs[0].id


async def test_the_same_key_gives_the_first_rerun_and_fork_again(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A repeated request changes nothing, whatever became of the run since."""
    runtime = await open_runtime(ARITHMETIC)
    await runtime.start()
    run = await runtime.create_run("arithmetic", 5)
    await clock.run_until(run.result())
    assert await run.rerun_from("triple", idempotency_key="again") == 1
    assert await run.rerun_from("triple", idempotency_key="again") == 1
    with pytest.raises(ef.IdempotencyMismatch):
        await run.rerun_from("double", idempotency_key="again")
    await clock.run_until(run.result())
    assert await run.rerun_from("triple", idempotency_key="again") == 1
    fork = await run.fork_from("triple", idempotency_key="fork")
    assert (await run.fork_from("triple", idempotency_key="fork")).id == fork.id
    with pytest.raises(ef.IdempotencyMismatch):
        await run.fork_from("double", idempotency_key="fork")
    assert await clock.run_until(fork.result()) == "Final: 60"
    state = await fork.state()
    assert state.forked_from is not None
    assert state.forked_from.run_id == run.id
    assert (await run.state()).generation == 1
    await run.rerun_from("format")
    assert (await run.fork_from("triple", idempotency_key="fork")).id == fork.id
    await clock.run_until(run.result())
    await run.verify()


async def test_the_longest_ids_and_keys_fit(open_runtime: Open, clock: ManualClock) -> None:
    """Also when no character repeats, and each takes four bytes."""
    text = "".join(chr(0x20000 + 7 * number) for number in range(500))
    long = ef.stage(id=text[:255])(double.function)
    workflow = ef.define_workflow(text[100:355], input=int).pipe(long).pipe(double).build()
    runtime = await open_runtime(workflow)
    await runtime.start()
    run = await runtime.create_run(workflow.id, 1, idempotency_key=text)
    assert await clock.run_until(run.result()) == 4
    assert (await runtime.create_run(workflow.id, 1, idempotency_key=text)).id == run.id
    fork = await run.fork_from(long.id, idempotency_key=text)
    assert (await run.fork_from(long.id, idempotency_key=text)).id == fork.id
    assert await run.rerun_from("double", idempotency_key=text) == 1
    assert [row.run_id for row in (await runtime.runs(workflow=workflow.id)).items] == [
        fork.id,
        run.id,
    ]
    assert await clock.run_until(run.result()) == 4


async def test_jobs_are_claimed_by_priority_and_then_by_age(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 14: 10, 5, 1; first in, first out among equals, with equal timestamps too."""
    order: list[int] = []

    @ef.stage
    async def note(ctx: ef.StageContext[int]) -> int:
        order.append(ctx.input)
        return ctx.input

    @ef.stage
    async def pause(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(1)
        return ctx.input

    workflow = ef.define_workflow("w", input=int).pipe(note).pipe(pause).build()
    runtime = await open_runtime(workflow, concurrency=1)
    for priority in (1, 10, 5):
        await runtime.create_run("w", priority, priority=priority)
    for number in (101, 102, 103):
        last = await runtime.create_run("w", number, priority=0)
    await runtime.start()
    await clock.run_until(last.result())
    assert order == [10, 5, 1, 101, 102, 103]


async def test_the_priority_of_a_workflow_counts_when_none_is_given(open_runtime: Open) -> None:
    """The explicit priority, else that of the workflow, else 5."""
    runtime = await open_runtime(ARITHMETIC, workflow_priority={"arithmetic": 8})
    plain = await open_runtime(ARITHMETIC)
    assert (await (await runtime.create_run("arithmetic", 1)).state()).priority == 8
    assert (await (await runtime.create_run("arithmetic", 1, priority=0)).state()).priority == 0
    assert (await (await plain.create_run("arithmetic", 1)).state()).priority == 5


async def test_runs_are_listed_by_status_workflow_and_metadata(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Newest first, page by page."""
    other = ef.define_workflow("other", input=int).pipe(double).build()
    runtime = await open_runtime(ARITHMETIC, other)
    ids = [
        (await runtime.create_run("arithmetic", n, metadata={"n": n, "even": n % 2 == 0})).id
        for n in range(5)
    ]
    await runtime.create_run("other", 1)
    page = await runtime.runs(workflow="arithmetic", limit=2)
    rest = await runtime.runs(workflow="arithmetic", limit=10, after=page.next)
    assert [row.run_id for row in (*page.items, *rest.items)] == ids[::-1]
    assert rest.next is None
    even = await runtime.runs(metadata={"even": True})
    assert [row.run_id for row in even.items] == [ids[4], ids[2], ids[0]]
    await runtime.run(ids[0]).cancel()
    assert [row.run_id for row in (await runtime.runs(status="cancelled")).items] == [ids[0]]


@frozen
class Customer:
    """Who asked."""

    name: str
    since: date


METADATA: dict[str, object] = {
    "object": Customer("Ada", date(1815, 12, 10)),
    "time": datetime(2026, 1, 1, tzinfo=UTC),
    "status": ef.Status.FAILED,
    "price": Decimal("1.50"),
    "pair": (1, 2),
    "set": {"b", "a"},
    "number": 1,
    "float": 1.0,
    "true": True,
    "nested": {"b": [1, None, {"c": 2**70}], "a": "'\"ü"},
}


async def test_metadata_is_looked_for_in_the_form_in_which_it_is_stored(
    open_runtime: Open,
) -> None:
    """What a run was created with finds it, whatever class it is of, and only it."""
    runtime = await open_runtime(ARITHMETIC)
    ids = {
        name: (await runtime.create_run("arithmetic", 1, metadata={"key": value})).id
        for name, value in METADATA.items()
    }
    for name, value in METADATA.items():
        found = await runtime.runs(metadata={"key": value})
        assert [row.run_id for row in found.items] == [ids[name]]
        plain = await runtime.runs(metadata=found.items[0].metadata)
        assert [row.run_id for row in plain.items] == [ids[name]]


@pytest.mark.parametrize("name", [5, None, "\ud800", b"run"], ids=repr)
async def test_what_cannot_name_a_run_is_refused(open_runtime: Open, name: Any) -> None:  # noqa: ANN401
    """Before any store is asked, so all stores answer alike."""
    runtime = await open_runtime(ARITHMETIC)
    with pytest.raises(ef.InvalidInput, match="The id of a run is a text"):
        runtime.run(name)
    with pytest.raises(ef.InvalidInput, match="The id of a run is a text"):
        await runtime.transition_run(name)


@pytest.mark.parametrize("timeout", ["5", float("nan"), [1]], ids=repr)
async def test_a_timeout_is_a_number_of_seconds(open_runtime: Open, timeout: Any) -> None:  # noqa: ANN401
    """Anything else is refused, and no run is created for it."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 1)
    with pytest.raises(ef.InvalidInput, match="A timeout is a number of seconds, or None, not"):
        await run.result(timeout=timeout)
    with pytest.raises(ef.InvalidInput, match="A timeout is a number"):
        await runtime.run_and_wait("arithmetic", 1, timeout=timeout)
    assert len((await runtime.runs()).items) == 1


async def test_unknown_runs_and_versions_are_refused(open_runtime: Open) -> None:
    """Whatever is asked of a run that does not exist says so."""
    runtime = await open_runtime(ARITHMETIC)
    ghost = runtime.run("ghost")
    for ask in (ghost.state, ghost.history, ghost.cancel, ghost.verify, ghost.result):
        with pytest.raises(ef.RunNotFound, match="ghost"):
            await ask()
    run = await runtime.create_run("arithmetic", 1)
    with pytest.raises(ValueError, match="versions 1 to 2"):
        await run.state(at=3)


async def test_a_run_can_be_seen_as_of_each_version(open_runtime: Open, clock: ManualClock) -> None:
    """The state at a version is the fold of the events up to it."""
    runtime = await open_runtime(ARITHMETIC)
    await runtime.start()
    run = await runtime.create_run("arithmetic", 5)
    await clock.run_until(run.result())
    history = await run.history()
    states = [await run.state(at=n) for n in range(1, len(history) + 1)]
    assert [state.version for state in states] == list(range(1, len(history) + 1))
    assert states[0].status is ef.Status.PENDING
    assert states[-1] == await run.state()
    assert states[0].created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (await run.verify()).events == len(history)


class Name(str):
    """A text of the application's own class, as frameworks for the web have some."""

    __slots__ = ()


async def test_an_actor_may_be_of_a_class_of_the_applications_own(open_runtime: Open) -> None:
    """Who asks, and the run asked for, may be named by texts that count as what they say."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run(ARITHMETIC.id, 1, actor=Name("ada"))
    await runtime.run(Name(run.id)).annotate("seen", 1, actor=Name("bob"))
    actors = [each.actor for each in await run.history()]
    assert (actors[0], actors[-1]) == ("ada", "bob")
