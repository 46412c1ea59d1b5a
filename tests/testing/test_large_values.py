"""Large values: whoever looks at a history, checks it or replays it finds them in their place."""

from pathlib import Path
from typing import Any

import pytest

import eventflow as ef
from eventflow.core.references import references
from eventflow.testing import History, check, load, replay, run_stage, runtime

LARGE = "x" * 100_000
LOOKS_LIKE_ONE = {"$blob": "sha256:" + "0" * 64, "size": 1}


@ef.stage
async def grow(ctx: ef.StageContext[str]) -> str:
    """Give something larger."""

    async def more() -> str:
        return "y" * 70_000

    return ctx.input + await ctx.step("more", more)


@ef.stage
async def wait(ctx: ef.StageContext[str]) -> dict[str, Any] | ef.Suspended[str]:
    """Wait with a large state for a large answer."""
    if ctx.resume_state is None:
        return ef.Suspended(ctx.input, signal="go")
    return {"state": ctx.resume_state, "answer": ctx.signal, "odd": LOOKS_LIKE_ONE}


@ef.stage
async def end(ctx: ef.StageContext[dict[str, Any]]) -> list[Any]:
    """Say what there was."""
    return [len(ctx.input["state"]), len(ctx.require(grow)), ctx.input["odd"]]


growing = ef.define_workflow("growing", input=str).pipe(grow).pipe(wait).pipe(end).build()


@pytest.fixture
async def history(tmp_path: Path) -> History:
    """A run through a file, in which everything is large."""
    async with runtime(growing) as started:
        run = await started.create_run("growing", LARGE)
        await started.clock.advance(1)
        await run.signal("go", LARGE)
        await started.finish(run)
        await run.export(tmp_path / "run.ndjson")
        there = await History.of_run(run)
    loaded = load(tmp_path / "run.ndjson")
    assert loaded.blobs == there.blobs
    assert len({found.key for event in loaded for found in references(event.event)}) == 5
    return loaded


def test_a_stage_has_its_large_values(history: History) -> None:
    """Input, outputs, steps and output are what the stage found and gave."""
    grown = history.stage("grow")
    assert (grown.input, len(str(grown.output))) == (LARGE, 170_000)
    assert grown.steps == {"more": "y" * 70_000}
    waited = history.stage("wait")
    assert waited.outputs == {"grow": grown.output}
    assert history.load(history.state().stages["wait"].output) == waited.output
    assert history.effective().at(6).load(history.state().input) == LARGE


def test_without_its_blobs_a_history_keeps_the_references(history: History) -> None:
    """What is not there is not made up."""
    bare = History.of(history)
    assert bare.stage("grow").input == bare.state().input != LARGE


def test_large_values_are_checked(history: History) -> None:
    """They are parsed like any other, and what does not fit is found."""
    check(history, growing).assert_ok()

    @ef.stage(id="grow")
    async def grow_now(ctx: ef.StageContext[int]) -> int:
        return 1

    today = ef.define_workflow("growing", input=int).pipe(grow_now).build()
    wrong = [each for each in check(history, today).mismatches if each.part != "stage"]
    assert [(each.part, each.stage) for each in wrong] == [
        ("input", None),
        ("input", "grow"),
        ("output", "grow"),
    ]
    assert "got the text 'xxx" in wrong[0].reason


async def test_large_values_are_replayed(history: History) -> None:
    """Stages find them in their place, and what they give is compared in full."""
    for feed in (False, True):
        report = await replay(history, growing, feed=feed)
        report.assert_same()
        assert report.outputs["grow"] == history.stage("grow").output
        assert report.outputs["end"] == [170_000, 170_000, LOOKS_LIKE_ONE]

    async def grow_more(ctx: ef.StageContext[str]) -> str:
        return ctx.input + "z" * 100_000

    report = await replay(history, growing, replace={"grow": grow_more}, feed=True)
    found = [(each.stage, each.path) for each in report.divergences]
    assert found == [
        ("grow", "output"),
        ("grow", "steps.more"),
        ("wait", "state"),
        ("wait", "output.state"),
        ("end", "output[0]"),
        ("end", "output[1]"),
        (None, "output[0]"),
        (None, "output[1]"),
    ]
    assert max(len(str(each)) for each in report.divergences) < 300


async def test_a_stage_alone_may_give_something_large() -> None:
    """Its output is the value, and no reference to it."""
    done = await run_stage(grow, LARGE)
    assert done.output == LARGE + "y" * 70_000
    assert done.steps == {"more": "y" * 70_000}
