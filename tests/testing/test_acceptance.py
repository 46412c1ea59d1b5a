"""Checking: what the code of today does not accept of a recorded run is listed, all of it."""

from typing import Any

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.core.commands import CreateRun
from eventflow.testing import CheckReport, History, Mismatch, Part, check, runtime
from eventflow.testing.builders import Author, at
from tests.testing.workflows import stumbling, submit, waiting


@frozen
class Words:
    words: list[str]


@frozen
class WordsNow:
    words: list[str]
    language: str


@frozen
class Counting:
    shortest: int = 1


@frozen
class CountingNow:
    shortest: float
    longest: int


@ef.stage
async def split(ctx: ef.StageContext[str]) -> Words:
    """Split a text."""
    return Words(ctx.input.split())


@ef.stage
async def count(ctx: ef.StageContext[Words, Counting]) -> int:
    """Count words."""
    return len([word for word in ctx.input.words if len(word) >= ctx.config.shortest])


@ef.stage
async def tell(ctx: ef.StageContext[int]) -> str:
    """Say how many there are."""
    return f"{ctx.input} words"


counting = ef.define_workflow("counting", input=str).pipe(split).pipe(count).pipe(tell).build()


@pytest.fixture
async def history() -> History:
    """A completed run of the workflow above."""
    async with runtime(counting) as started:
        return await started.play(counting, "to be or not to be", config={"count": {"shortest": 3}})


def build(*groups: Any, input: Any = str) -> ef.Workflow[Any, Any]:  # noqa: ANN401 - stages, and a schema
    """Build the workflow of today out of its execution groups."""
    builder: Any = ef.define_workflow("counting", input=input)
    for group in groups:
        builder = builder.parallel(*group) if isinstance(group, tuple) else builder.pipe(group)
    built: ef.Workflow[Any, Any] = builder.build()
    return built


def lines(report: CheckReport) -> list[str]:
    """The mismatches, as people read them."""
    return [str(each) for each in report.mismatches]


def test_a_run_is_accepted_by_the_code_that_made_it(history: History) -> None:
    """Nothing is listed, and the verdict says so."""
    report = check(history, counting)
    report.assert_ok()
    assert report.ok
    assert str(report) == f'workflow "counting" accepts run {history.run_id}'


def test_stages_that_went_missing_or_are_new_are_listed(history: History) -> None:
    """Both are named, with what there is and where."""

    @ef.stage
    async def translate(ctx: ef.StageContext[str]) -> str:
        return ctx.input

    @ef.stage(id="count")
    async def count_now(ctx: ef.StageContext[Words, Counting]) -> str:
        return ""

    report = check(history, build(split, count_now, translate))
    assert lines(report) == [
        'stage "tell": the workflow has no such stage any more; it has split, count, translate',
        'stage "translate": it is new in execution group 3',
        'output of stage "count": expected text, got the number 1 (version 8)',
    ]
    with pytest.raises(AssertionError, match='stage "tell": the workflow has no such stage'):
        report.assert_ok()


def test_every_value_that_does_not_fit_is_listed_with_its_path(history: History) -> None:
    """Input, config and outputs are parsed as they were recorded; each problem has a version."""

    @ef.stage(id="split")
    async def split_now(ctx: ef.StageContext[str]) -> WordsNow:
        return WordsNow([], "")

    @ef.stage(id="count")
    async def count_now(ctx: ef.StageContext[WordsNow, CountingNow]) -> int:
        return 0

    report = check(history, build(split_now, count_now, tell))
    found = [(each.part, each.stage, each.path, each.version) for each in report.mismatches]
    assert found == [
        (Part.OUTPUT, "split", "language", 5),
        (Part.INPUT, "count", "language", 6),
        (Part.CONFIG, "count", "longest", 6),
    ]


def test_the_input_of_the_run_is_parsed_too(history: History) -> None:
    """A workflow that is given something else today does not accept the run."""

    @ef.stage(id="split")
    async def split_now(ctx: ef.StageContext[int]) -> Words:
        return Words([])

    report = check(history, build(split_now, count, tell, input=int))
    assert [(each.part, each.stage) for each in report.mismatches] == [
        (Part.INPUT, None),
        (Part.INPUT, "split"),
    ]


def test_another_order_is_one_mismatch() -> None:
    """The order is shown as it was and as it is, once, however many stages have moved."""

    def stage(name: str) -> Any:  # noqa: ANN401 - a stage
        async def work(ctx: ef.StageContext[None]) -> None:
            return None

        return ef.stage(id=name)(work)

    a, b, c = stage("a"), stage("b"), stage("c")
    recorded, today = build(a, b, c, input=None), build((c, b), a, input=None)
    found = check(recorded_by(recorded), today).mismatches
    order = "the order was a > b > c, and is now b, c > a"
    assert found == (Mismatch(Part.PLAN, None, "", order),)
    assert str(found[0]) == f"plan: {order}"
    assert check(recorded_by(recorded), build(a, b, c, input=None)).ok


def recorded_by(workflow: ef.Workflow[Any, Any]) -> History:
    """A run that was only created."""
    author = Author()
    command = CreateRun(now=at(0), plan=workflow.plan, input=None, config={})
    return History.of(author.do(command).events)


def test_a_dependency_that_the_run_never_had_is_listed(history: History) -> None:
    """A stage that asks for the output of a new stage could not run on this history."""

    @ef.stage
    async def weigh(ctx: ef.StageContext[str]) -> Words:
        return Words([])

    @ef.stage(id="count", dependencies=["weigh"])
    async def count_now(ctx: ef.StageContext[Any, Counting]) -> int:
        return 0

    report = check(history, build((split, weigh), count_now, tell))
    assert lines(report) == [
        'stage "weigh": it is new in execution group 1',
        'plan of stage "count": it depends on "weigh", which the run does not execute before it',
    ]


def test_a_run_of_another_workflow_is_told(history: History) -> None:
    """The first mismatch names both workflows."""
    first = check(history, stumbling).mismatches[0]
    assert str(first) == 'workflow: the run is one of workflow "counting", not of "stumbling"'


async def suspended(question: str) -> History:
    """A run that waits for its check."""
    async with runtime(waiting) as started:
        run = await started.create_run("waiting", question)
        await started.clock.advance(1)
        await run.signal("answer", "Because.")
        await started.clock.advance(1)
        return await History.of_run(run)


async def test_a_suspended_state_that_no_longer_parses_is_listed() -> None:
    """The state of a stage that waits, or has waited, has to fit the schema of today."""
    history = await suspended("Why?")
    assert check(history, waiting).ok

    @ef.stage
    async def ask(ctx: ef.StageContext[str]) -> str | ef.Suspended[list[str]]:
        return ef.Suspended([], signal="answer")

    @ef.stage(signal="done")
    async def submit(ctx: ef.StageContext[str]) -> str | ef.Suspended[str]:
        return ef.Suspended("")

    today = ef.define_workflow("waiting", input=str).pipe(ask).pipe(submit).build()
    assert lines(check(history, today)) == [
        'stage "submit": it waits for a check, and the stage has none any more',
        'state of stage "ask": expected an array, got an object (version 5)',
    ]


async def test_the_payload_of_a_signal_has_to_fit_as_well() -> None:
    """A signal that was used is parsed with the schema that it has today."""
    history = await suspended("Why?")

    @ef.stage(id="ask", signal="answer", payload=int)
    async def ask_now(ctx: ef.StageContext[str]) -> str | ef.Suspended[dict[str, str]]:
        return ""

    today = ef.define_workflow("waiting", input=str).pipe(ask_now).pipe(submit).build()
    assert lines(check(history, today)) == [
        "signal, answer: expected an integer, got the text 'Because.' (version 6)"
    ]


async def test_what_a_rewind_has_cut_does_not_count() -> None:
    """A run that was repaired by a rerun is judged by what counts now."""

    @ef.stage(id="count")
    async def count_badly(ctx: ef.StageContext[Words, Counting]) -> str:
        return "many"

    @ef.stage(id="tell")
    async def tell_any(ctx: ef.StageContext[Any]) -> str:
        return str(ctx.input)

    badly = build(split, count_badly, tell_any)
    async with runtime(badly) as started:
        before = await started.play("counting", "to be")
        store = started.store
        async with runtime(counting, store=store, clock=started.clock) as today:
            run = today.run(before.run_id)
            await run.rerun_from("count")
            await today.finish(run)
            after = await History.of_run(run)
    assert not check(before, counting).ok
    assert check(after, counting).ok
