"""What the type checkers refuse; each line that mypy is told to ignore is one that pyright names."""

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
    return len(ctx.input.lines)  # type: ignore[attr-defined]


@stage
async def show(ctx: StageContext[int]) -> str:
    wrong: int = ctx.require(extract)  # type: ignore[assignment]
    return str(ctx.config.colour + wrong)  # type: ignore[attr-defined]


begun = define_workflow("wrong", input=Document)
begun.pipe(count)  # type: ignore[arg-type]
begun.pipe(extract).pipe(show)  # type: ignore[arg-type]
begun.pipe(extract).parallel(count, show)  # type: ignore[arg-type]
begun.pipe(extract).pipe(count).pipe(count)  # type: ignore[arg-type]
begun.pipe(len)  # type: ignore[arg-type]
