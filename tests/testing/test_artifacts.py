"""Artifacts in tests: whoever replays or tests a stage finds what was saved, as a worker would."""

from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.errors import ArtifactNotFound, BlobNotFound, InvalidOutput
from eventflow.testing import History, load, replay, run_check, run_stage, runtime
from eventflow.testing.fixtures import Replay


@frozen
class Line:
    item: str
    pieces: int


@ef.stage(retry=ef.Retry(max_attempts=3, initial=10.0))
async def invoice(ctx: ef.StageContext[str]) -> int:
    """Write an invoice, at the second try."""
    if ctx.attempt == 1:
        await ctx.storage.save("draft", {"of": ctx.input, "generation": ctx.generation})
        raise ConnectionError("try again later")
    draft = await ctx.storage.load("draft")
    await ctx.storage.delete("draft")
    await ctx.storage.save("invoice.txt", f"one {draft['of']}".encode())
    await ctx.storage.save("lines", [Line(draft["of"], 1)])
    return int(draft["generation"])


@ef.stage
def confirm(ctx: ef.StageContext[int]) -> str:
    """Read it, in a thread."""
    storage: Any = ctx.storage
    text = storage.load("invoice.txt", stage=invoice).decode()
    (line,) = storage.load("lines", list[Line], stage="invoice")
    storage.save("seal", b"\x00")
    return f"{text}, {line.pieces} of {line.item}, {storage.list(stage=invoice)}"


orders = ef.define_workflow("orders", input=str).pipe(invoice).pipe(confirm).build()
CONFIRMED = "one teapot, 1 of teapot, ['invoice.txt', 'lines']"


@pytest.fixture
async def history(tmp_path: Path) -> History:
    """A run that saved, read and deleted, through a file."""
    async with runtime(orders) as started:
        run = await started.create_run("orders", "teapot")
        assert await started.finish(run) == CONFIRMED
        await run.export(tmp_path / "run.ndjson")
    return load(tmp_path / "run.ndjson")


@pytest.mark.parametrize("feed", [False, True])
async def test_stages_find_what_was_recorded(history: History, *, feed: bool) -> None:
    """Of earlier stages, and of earlier attempts; a replay of unchanged code is the same."""
    report = await replay(history, orders, feed=feed)
    report.assert_same()
    assert report.executed == 3
    assert report.outputs["confirm"] == CONFIRMED


def test_the_fixture_replays_a_file_with_artifacts(history: History, tmp_path: Path) -> None:
    """What a user writes in a test of a production run."""
    assert Replay(tmp_path)("run.ndjson", orders).same


async def test_a_divergence_names_stage_and_artifact(history: History) -> None:
    """What is saved otherwise, too much or not at all is told, with its content."""

    @ef.stage(id="invoice")
    async def invoice_now(ctx: ef.StageContext[str]) -> int:
        if ctx.attempt == 1:
            await ctx.storage.save("draft", {"of": "cup", "generation": ctx.generation})
            raise ConnectionError("try again later")
        await ctx.storage.save("invoice.txt", b"two teapots")
        await ctx.storage.save("lines", [{"pieces": 1, "item": "teapot"}])
        await ctx.storage.save("extra", 1)
        return 0

    report = await replay(history, orders, replace={"invoice": invoice_now})
    assert [(each.stage, each.attempt, each.path, each.new) for each in report.divergences] == [
        ("invoice", 1, "saved.draft.of", "cup"),
        ("invoice", 2, "saved['invoice.txt']", b"two teapots"),
        ("invoice", 2, "saved.draft", {"of": "teapot", "generation": 0}),
        ("invoice", 2, "saved.extra", 1),
    ]
    assert report.first is not None
    assert str(report.first).startswith('stage "invoice", saved.draft.of: "teapot" -> "cup"')
    assert "saved['invoice.txt']: b'one teapot' -> b'two teapots'" in str(report)
    ignored = ["saved.draft*", "saved.extra", "invoice.saved['invoice.txt']"]
    (await replay(history, orders, replace={"invoice": invoice_now}, ignore=ignored)).assert_same()


async def test_what_if_gives_on_what_is_saved_now(history: History) -> None:
    """With `feed`, later stages and later attempts find what is saved now."""

    async def cups(ctx: ef.StageContext[str]) -> int:
        if ctx.attempt == 1:
            await ctx.storage.save("draft", {"of": "cup", "generation": 0})
            raise ConnectionError("try again later")
        draft = await ctx.storage.load("draft")
        await ctx.storage.save("invoice.txt", f"ten {draft['of']}s".encode())
        await ctx.storage.save("lines", [Line("cup", 10)])
        return 0

    report = await replay(history, orders, replace={"invoice": cups}, feed=True)
    assert report.outputs["confirm"] == "ten cups, 10 of cup, ['draft', 'invoice.txt', 'lines']"
    given = await replay(history, orders, outputs={"invoice": 7}, feed=True)
    assert given.outputs["confirm"] == CONFIRMED


async def test_a_stage_that_is_new_finds_artifacts() -> None:
    """One that the run never came to is executed on what those before it have saved."""
    first = ef.define_workflow("orders", input=str).pipe(invoice).build()
    async with runtime(first) as started:
        short = await started.play(first, "teapot")
    report = await replay(short, orders, feed=True)
    assert report.outputs["confirm"] == CONFIRMED
    assert [(each.stage, each.path) for each in report.divergences] == [
        ("confirm", "status"),
        (None, "output"),
    ]


async def test_generations_are_kept_apart() -> None:
    """After a rerun a stage finds nothing of its own, and what was kept before it as it was."""

    @ef.stage
    async def note(ctx: ef.StageContext[str]) -> list[str]:
        found = list(await ctx.storage.list())
        if ctx.generation:
            found += await ctx.storage.list(stage=invoice)
        await ctx.storage.save(f"note-{ctx.generation}", 1)
        return found

    noting = ef.define_workflow("noting", input=str).pipe(invoice).pipe(confirm).pipe(note).build()
    async with runtime(noting) as started:
        run = await started.create_run("noting", "teapot")
        assert await started.finish(run) == []
        await run.rerun_from("note")
        assert await started.finish(run) == ["invoice.txt", "lines"]
        again = await History.of_run(run)
        fork = await run.fork_from("note")
        await started.finish(fork)
        forked = await History.of_run(fork)
    for each in (again, forked):
        for feed in (False, True):
            (await replay(each, noting, feed=feed)).assert_same()
    assert again.stage("note").saved == {"note-1": 1}
    assert [each.name for each in again.artifacts(effective=False)] == [
        *("draft", "invoice.txt", "lines", "seal", "note-0", "note-1")
    ]


async def test_a_history_has_its_artifacts(history: History) -> None:
    """As content by name, and listed as the run lists them; `ef.Completed` has others."""
    assert history.stage("invoice").saved == {
        "invoice.txt": b"one teapot",
        "lines": [{"item": "teapot", "pieces": 1}],
    }
    assert history.stage("invoice").artifacts == {}
    assert [(each.stage, each.name) for each in history.artifacts()] == [
        ("invoice", "invoice.txt"),
        ("invoice", "lines"),
        ("confirm", "seal"),
    ]
    seal = history.artifacts()[-1]
    assert history.load(seal) == b"\x00"
    with pytest.raises(BlobNotFound, match=history.run_id):
        History.of(history).load(seal)


async def test_a_stage_alone_is_given_artifacts() -> None:
    """By stage or by id, with or without an output, as they were saved."""
    for key in (invoice, "invoice"):
        saved = {"invoice.txt": b"one teapot", "lines": [Line("teapot", 1)]}
        done = await run_stage(confirm, 0, artifacts={key: saved})
        assert done.output == CONFIRMED
        assert done.saved == {"seal": b"\x00"}
    within = await run_stage(confirm, 0, artifacts={invoice: saved}, workflow=orders)
    assert within.output == CONFIRMED
    both = await run_stage(confirm, 0, artifacts={"invoice": saved}, outputs={invoice: 0})
    assert both.output == CONFIRMED


async def test_a_stage_alone_goes_on_with_what_an_attempt_before_it_saved() -> None:
    """Its own artifacts are those of its generation."""
    found = await run_stage(
        invoice,
        "teapot",
        attempt=2,
        generation=3,
        artifacts={invoice: {"draft": {"of": "cup", "generation": 3}}},
    )
    assert found.output == 3
    assert found.saved == {"invoice.txt": b"one cup", "lines": [{"item": "cup", "pieces": 1}]}


async def test_artifacts_make_up_no_output() -> None:
    """A stage of which only artifacts are given has given nothing."""

    @ef.stage
    async def look(ctx: ef.StageContext[None]) -> list[str]:
        assert ctx.optional(invoice) is None
        return [*ctx.outputs, *await ctx.storage.list(stage=invoice)]

    done = await run_stage(look, artifacts={invoice: {"a": 1}})
    assert done.output == ["a"]


async def test_artifacts_are_checked() -> None:
    """What could not have been saved is refused, and what is not there is not found."""
    with pytest.raises(InvalidOutput, match="cannot be the name of an artifact"):
        await run_stage(confirm, 0, artifacts={invoice: {"": 1}})
    failed = await run_stage(confirm, 0, artifacts={invoice: {"other": 1}})
    assert failed.error is not None
    assert failed.error.type.endswith(ArtifactNotFound.__name__)
    assert 'there are: "other"' in failed.error.message


async def test_a_check_is_given_artifacts() -> None:
    """Those of its own stage, which it shares, and those of earlier ones."""

    @ef.stage
    async def submit(ctx: ef.StageContext[str]) -> str | ef.Suspended[int]:
        return ef.Suspended(1)

    @submit.check
    async def submitted(state: int, ctx: ef.StageContext[str]) -> ef.Ready[str]:
        text = await ctx.storage.load("invoice.txt", stage=invoice)
        return ef.Ready(f"{text.decode()} {await ctx.storage.load('job')}")

    saved: Any = {submit: {"job": 7}, invoice: {"invoice.txt": b"one teapot"}}
    assert (await run_check(submit, 1, artifacts=saved)).output == "one teapot 7"
