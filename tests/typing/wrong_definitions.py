"""What both type checkers refuse: they complain if a line that is marked here were accepted."""

# ruff: noqa: D103
# pyright: reportUnnecessaryTypeIgnoreComment=true

from attrs import frozen

from eventflow.definition.builder import define_workflow
from eventflow.definition.context import StageContext
from eventflow.definition.stage import stage


@frozen
class Document:
    text: str


@frozen
class Words:
    words: list[str]


@stage
async def extract(ctx: StageContext[Document]) -> Words:
    return Words(ctx.input.text.split())


@stage
async def count(ctx: StageContext[Words]) -> int:
    return len(ctx.input.lines)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


@stage
async def show(ctx: StageContext[int]) -> str:
    wrong: int = ctx.require(extract)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    return str(ctx.config.colour + wrong)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


begun = define_workflow("wrong", input=Document)
begun.pipe(count)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
begun.pipe(extract).pipe(show)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
begun.pipe(extract).parallel(count, show)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
begun.pipe(extract).pipe(count).pipe(count)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
begun.pipe(len)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
