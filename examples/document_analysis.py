"""Analyse real documents: key terms, readability and structure side by side, then a report.

    python document_analysis.py                       the language reference inside this Python
    python document_analysis.py notes.md site/        files and folders of text, Markdown or HTML
    python document_analysis.py --store sqlite:///analysis.db --top 10

With a store that lasts, a second call analyses only what has changed: each document is created
under a key made of everything that the analysis depends on.
"""

import argparse
import asyncio
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from attrs import evolve, frozen
from documents import Source, UnusableDocuments, language_reference, read_documents
from markup import Heading, PlainDocument, without_markup
from plain_table import table
from quiet_logs import quiet_logs
from text_measures import (
    count_sentences,
    count_syllables,
    document_frequencies,
    reading_ease,
    school_grade,
    term_weights,
    terms,
    words,
)

import eventflow as ef


@frozen
class Corpus:
    """What one document has to know of all the others.

    Attributes:
        size: How many documents there are.
        shared: For each term of this document that others use too: how many documents use it.
    """

    size: int
    shared: dict[str, int]


@frozen
class Document:
    """The input of a run: everything that the analysis depends on, so that it can be repeated."""

    name: str
    markup: str
    text: str
    corpus: Corpus


@frozen
class Prepared:
    """A document that can be measured: without its markup, and still with its corpus."""

    name: str
    plain: PlainDocument
    corpus: Corpus


@frozen
class TermsConfig:
    """How many key terms to find, and how long they are at least."""

    count: int = 5
    shortest: int = 3


@frozen
class KeyTerms:
    """The terms that tell this document from the others, with their weights."""

    weights: dict[str, float]


@frozen
class ReadabilityConfig:
    """How fast readers are."""

    words_per_minute: int = 200


@frozen
class Readability:
    """How hard the prose is; without prose there is no ease and no grade."""

    words: int
    sentences: int
    minutes: float
    ease: float | None = None
    grade: float | None = None


@frozen
class StructureConfig:
    """How deep the outline goes."""

    deepest: int = 3


@frozen
class Structure:
    """How the document is put together."""

    title: str
    outline: list[Heading]
    sections: int
    links: int
    code_blocks: int


@frozen
class ReportConfig:
    """How the report is written."""

    style: Literal["line", "markdown"] = "line"


@frozen
class Report:
    """The output of a run: the figures of all stages, and a text for people."""

    name: str
    title: str
    words: int
    ease: float | None
    grade: float | None
    sections: int
    links: int
    key_terms: list[str]
    text: str


@ef.stage(timeout=30)
def normalise(ctx: ef.StageContext[Document]) -> Prepared:
    """Take the markup away. A plain function like this one runs in a thread."""
    plain = without_markup(ctx.input.text, ctx.input.markup)
    return Prepared(ctx.input.name, plain, ctx.input.corpus)


@ef.stage(timeout=30)
def key_terms(ctx: ef.StageContext[Prepared, TermsConfig]) -> KeyTerms:
    """Find the terms that are frequent here and rare elsewhere."""
    corpus = ctx.input.corpus
    weights = term_weights(ctx.input.plain.text, corpus.shared, corpus.size)
    long_enough = [item for item in weights if len(item[0]) >= ctx.config.shortest]
    return KeyTerms(dict(long_enough[: ctx.config.count]))


@ef.stage(timeout=30)
def readability(ctx: ef.StageContext[Prepared, ReadabilityConfig]) -> Readability:
    """Measure how hard the prose is to read."""
    paragraphs = ctx.input.plain.paragraphs
    found = [word for paragraph in paragraphs for word in words(paragraph)]
    minutes = len(found) / ctx.config.words_per_minute
    if not found:
        return Readability(words=0, sentences=0, minutes=minutes)
    sentences = sum(map(count_sentences, paragraphs))
    counts = len(found), sentences, sum(map(count_syllables, found))
    return Readability(
        len(found), sentences, minutes, ease=reading_ease(*counts), grade=school_grade(*counts)
    )


@ef.stage(timeout=30)
def structure(ctx: ef.StageContext[Prepared, StructureConfig]) -> Structure:
    """Draw the outline, and count sections, links and code blocks."""
    plain = ctx.input.plain
    return Structure(
        title=plain.headings[0].text if plain.headings else "",
        outline=[heading for heading in plain.headings if heading.level <= ctx.config.deepest],
        sections=len(plain.headings),
        links=len(plain.links),
        code_blocks=plain.code_blocks,
    )


@ef.stage
async def report(ctx: ef.StageContext[None, ReportConfig]) -> Report:
    """Put together what the stages before have found; it asks for their outputs by name."""
    prepared = ctx.require(normalise)
    found, prose, form = ctx.require(key_terms), ctx.require(readability), ctx.require(structure)
    figures = Report(
        name=prepared.name,
        title=form.title or prepared.name,
        words=prose.words,
        ease=prose.ease,
        grade=prose.grade,
        sections=form.sections,
        links=form.links,
        key_terms=list(found.weights),
        text="",
    )
    write = as_line if ctx.config.style == "line" else as_markdown
    return evolve(figures, text=write(figures, form.outline))


analysis = (
    ef.define_workflow("document-analysis", name="Document analysis", input=Document)
    .pipe(normalise)
    .parallel(key_terms, readability, structure)
    .pipe(report)
    .build()
)


def as_line(found: Report, _: Sequence[Heading]) -> str:
    """Say it in one line."""
    return f"{found.title}: {found.words} words, about {', '.join(found.key_terms)}"


def as_markdown(found: Report, outline: Sequence[Heading]) -> str:
    """Write a page with the outline of the document."""
    ease = "no prose" if found.ease is None else f"reading ease {found.ease:.0f}"
    lines = [
        f"# {found.title}",
        "",
        f"{found.words} words, {ease}. Key terms: {', '.join(found.key_terms)}.",
        "",
        *(f"{'  ' * (heading.level - 1)}- {heading.text}" for heading in outline),
    ]
    return "\n".join(lines).rstrip()


def corpus_of(sources: Sequence[Source]) -> list[Document]:
    """Make the inputs of the runs: each document, with what it has to know of all others."""
    texts = [without_markup(source.text, source.markup).text for source in sources]
    frequencies = document_frequencies(texts)
    shared = [
        {term: frequencies[term] for term in sorted(set(terms(text))) if frequencies[term] > 1}
        for text in texts
    ]
    return [
        Document(source.name, source.markup, source.text, Corpus(len(sources), mine))
        for source, mine in zip(sources, shared, strict=True)
    ]


def priority_of(document: Document) -> int:
    """Let short documents go first; twice the length is one step less."""
    return 20 - len(document.text).bit_length()


def key_of(document: Document, top: int) -> str:
    """Name the request by its content: the same document, corpus and config are the same run."""
    return hashlib.sha256(f"{document!r} {top}".encode()).hexdigest()


async def request_analysis(runtime: ef.Runtime, document: Document, top: int) -> ef.Run:
    """Create the run of one document, or find the one that this very request created before."""
    return await runtime.create_run(
        analysis.id,
        document,
        config={key_terms.id: {"count": top}},
        priority=priority_of(document),
        metadata={"document": document.name},
        idempotency_key=key_of(document, top),
    )


async def analyse(documents: Sequence[Document], store: str, top: int) -> list[Report]:
    """Analyse all documents in this process, several at once."""
    async with ef.Runtime(store, [analysis]) as runtime:
        runs = [await request_analysis(runtime, document, top) for document in documents]
        before = [run for run in runs if (await run.state()).status.ended]
        print(f"{len(runs)} documents, {len(before)} of them analysed before\n")
        await runtime.start()
        return [await run.result() for run in runs]


def results_table(reports: Sequence[Report]) -> str:
    """Draw one row for each document."""
    headers = ["document", "words", "ease", "grade", "sections", "links", "key terms"]
    return table(
        headers,
        [
            (r.name, r.words, r.ease, r.grade, r.sections, r.links, ", ".join(r.key_terms))
            for r in reports
        ],
    )


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Analyse documents with eventflow.")
    parser.add_argument("paths", nargs="*", type=Path, help="files and folders")
    parser.add_argument("--store", default="memory://", help="URL of a store (memory://)")
    parser.add_argument("--top", type=int, default=5, help="key terms for each document (5)")
    given = parser.parse_args()
    if given.top < 1:
        parser.error("--top must be at least 1")
    return given


def main() -> int:
    """Analyse what the command line names, and print a table."""
    given = arguments()
    quiet_logs()
    try:
        sources = read_documents(given.paths) if given.paths else language_reference()
        reports = asyncio.run(analyse(corpus_of(sources), given.store, given.top))
    except KeyboardInterrupt:
        return 130
    except UnusableDocuments as error:
        print(error, file=sys.stderr)
        return 2
    except ef.EventflowError as error:
        print(error, file=sys.stderr)
        return 1
    print(results_table(reports))
    return 0


if __name__ == "__main__":
    sys.exit(main())
