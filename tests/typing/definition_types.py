"""What the type checkers know about stages and workflows; they read this, and nobody runs it."""

# ruff: noqa: D103

from collections.abc import Mapping
from typing import Any, TypedDict, assert_type

from attrs import frozen

from eventflow.definition.builder import WorkflowBuilder, define_workflow
from eventflow.definition.context import StageContext
from eventflow.definition.outcomes import Completed, Failed, Pending, Ready, Reenter, Suspended
from eventflow.definition.schema import Schema
from eventflow.definition.stage import Stage, stage
from eventflow.definition.sync_context import SyncStageContext
from eventflow.definition.workflow import Workflow


@frozen
class Document:
    text: str


@frozen
class Words:
    words: list[str]


@frozen
class Config:
    minimum: int = 1


@frozen
class Batch:
    id: str


class Both(TypedDict):
    extract: Words
    size: int


@stage
async def extract(ctx: StageContext[Document]) -> Words:
    assert_type(ctx.input, Document)
    assert_type(ctx.config, None)
    assert_type(ctx.run_id, str)
    await ctx.log("extracted", words=3)
    await ctx.progress(0.5)
    return Words(ctx.input.text.split())


@stage(timeout=3)
async def size(ctx: StageContext[Words, Config]) -> int:
    assert_type(ctx.config, Config)
    assert_type(ctx.require(extract), Words)
    assert_type(ctx.optional(extract), Words | None)
    assert_type(ctx.require("extract"), Any)
    assert_type(ctx.outputs, Mapping[str, object])
    return len(ctx.input.words)


@stage
def threaded(ctx: StageContext[Words]) -> int:
    return len(ctx.input.words)


@stage(id="threaded")
def threaded_too(ctx: StageContext[Words]) -> int | Failed:
    return len(ctx.input.words)


@stage
def in_a_thread(ctx: SyncStageContext[Words, Config]) -> int | Suspended[Batch]:
    assert_type(ctx.input, Words)
    assert_type(ctx.config, Config)
    assert_type(ctx.require(extract), Words)
    assert_type(ctx.step("fetch", fetch, "b", twice=True), Batch)
    assert_type(ctx.step("size", len, ctx.input.words), int)
    assert_type(ctx.map(ctx.input.words, fetch), list[Batch])
    assert_type(ctx.map(ctx.input.words, len, name="sizes"), list[int])
    assert_type(ctx.storage.save("words", ctx.input), str)
    assert_type(ctx.storage.load("words", Words, stage=extract), Words)
    assert_type(ctx.storage.exists("words"), bool)
    assert_type(ctx.storage.list(), list[str])
    ctx.log("read")
    ctx.progress(0.5)
    ctx.annotate("language", "en")
    return ctx.step("size again", len, ctx.input.words) + 1


@stage(timeout=3)
def in_a_thread_too(ctx: SyncStageContext[Words]) -> Completed[int]:
    return Completed(len(ctx.input.words))


@stage
async def with_metrics(ctx: StageContext[Words]) -> Completed[int]:
    return Completed(len(ctx.input.words), metrics={"words": 1})


@stage
async def waiting(ctx: StageContext[Words]) -> int | Suspended[Batch]:
    return Suspended(Batch("b"))


@stage
async def waiting_or_done(ctx: StageContext[Words]) -> Completed[int] | Suspended[Batch]:
    return Suspended(Batch("b"), check_after=3)


@waiting.check
async def ready(state: Batch, ctx: StageContext[Words]) -> Pending | Ready[int]:
    return Ready(3)


@waiting_or_done.check
def ready_too(state: Batch, ctx: StageContext[Words]) -> Pending | Ready[int] | Reenter | Failed:
    return Pending()


@stage(signal="approval", payload=Batch)
async def with_steps(ctx: StageContext[Words]) -> int | Suspended[None]:
    if not ctx.resumed:
        return Suspended.for_signal("approval")
    assert_type(await ctx.step("fetch", fetch, "b", twice=True), Batch)
    assert_type(await ctx.step("size", len, ctx.input.words), int)
    assert_type(await ctx.map(ctx.input.words, fetch), list[Batch])
    assert_type(await ctx.map(ctx.input.words, len), list[int])
    return 1


async def fetch(name: str, *, twice: bool = False) -> Batch:
    return Batch(name)


@stage
async def from_earlier(ctx: StageContext[None, Config]) -> str:
    return str(ctx.require(size) + 1)


@stage
async def summary(ctx: StageContext[dict[str, object]]) -> str:
    return "done"


@stage
async def typed_summary(ctx: StageContext[Both]) -> str:
    return "done"


assert_type(extract, Stage[Document, Words])
assert_type(size, Stage[Words, int])
assert_type(threaded, Stage[Words, int])
assert_type(threaded_too, Stage[Words, int])
assert_type(in_a_thread, Stage[Words, int])
assert_type(in_a_thread_too, Stage[Words, int])
assert_type(with_metrics, Stage[Words, int])
assert_type(waiting, Stage[Words, int])
assert_type(waiting_or_done, Stage[Words, int])
assert_type(from_earlier, Stage[None, str])
assert_type(with_steps, Stage[Words, int])
assert_type(extract.output_schema, Schema[Words])
assert_type(extract.output_schema.parse({}), Words)
assert_type(Ready(3), Ready[int])
assert_type(Suspended(Batch("b")), Suspended[Batch])
assert_type(Suspended.for_duration(5, Batch("b")), Suspended[Batch])

builder = define_workflow("analysis", input=Document)
assert_type(builder, WorkflowBuilder[Document, Document])
assert_type(builder.pipe(extract), WorkflowBuilder[Document, Words])
assert_type(builder.pipe(extract).pipe(size), WorkflowBuilder[Document, int])
assert_type(builder.pipe(extract).pipe(waiting), WorkflowBuilder[Document, int])
assert_type(builder.pipe(extract).pipe(from_earlier), WorkflowBuilder[Document, str])
assert_type(
    builder.pipe(extract).parallel(size, threaded, from_earlier), WorkflowBuilder[Document, Any]
)
assert_type(
    builder.pipe(extract).parallel(size, threaded).pipe(summary), WorkflowBuilder[Document, str]
)
assert_type(
    builder.pipe(extract).parallel(size, threaded).pipe(typed_summary).build(),
    Workflow[Document, str],
)
assert_type(define_workflow("from-nothing", input=None), WorkflowBuilder[None, None])
assert_type(define_workflow("lists", input=list[int]), WorkflowBuilder[list[int], list[int]])
