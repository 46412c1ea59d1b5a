"""Markup: reduces reStructuredText, Markdown and HTML to what there is to read; reads no files."""

import re
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser

from attrs import Factory, define, frozen

UNDERLINE = re.compile(r"([=\-*~^\"'`#+.:_])\1{2,}\s*")
ADMONITION = re.compile(r"(Note|Warning|See also|Tip|Important|Changed|Added|New|Deprecated)\b.*:")
CODE_LINE = re.compile(r"\s*(>>>|\.\.\. |\$ )|.*::=")
REFERENCE = re.compile(r"https?://[^\s<>\"')\]]*[^\s<>\"')\].,;:]|\b(?:PEP|RFC) \d+")
MARKDOWN_LINK = re.compile(r"!?\[([^\]]*)\]\(\s*<?([^)\s>]+)[^)]*\)")
MARKDOWN_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*")
INLINE = frozenset(
    {"a", "abbr", "b", "code", "em", "i", "kbd", "mark", "q", "s", "small", "span", "strong"}
    | {"sub", "sup", "tt", "u", "var"}
)
HIDDEN = frozenset({"script", "style", "template", "title", "pre"})
LEVELS = {f"h{level}": level for level in range(1, 7)}


@frozen
class Heading:
    """A heading; level 1 is the highest."""

    level: int
    text: str


@define
class PlainDocument:
    """A document without its markup: what there is to read, and how it is put together."""

    headings: list[Heading] = Factory(list)
    paragraphs: list[str] = Factory(list)
    links: list[str] = Factory(list)
    code_blocks: int = 0

    @property
    def text(self) -> str:
        """Headings and paragraphs, as one text."""
        return "\n\n".join([*(heading.text for heading in self.headings), *self.paragraphs])


def without_markup(text: str, markup: str) -> PlainDocument:
    """Reduce a document to headings, paragraphs, links and a number of code blocks.

    Args:
        text: The document.
        markup: "html", "markdown" or "rest"; plain text is read as the latter.
    """
    match markup:
        case "html":
            return _html(text)
        case "markdown":
            return _markdown(text)
        case _:
            return _rest(text)


def _rest(text: str) -> PlainDocument:
    """Read reStructuredText, or text that looks like it: underlined headings, indented code."""
    found = PlainDocument(links=REFERENCE.findall(text))
    underlines: list[str] = []
    lead = ""
    for block in _blocks(text):
        first, *rest = block
        if rest and UNDERLINE.fullmatch(rest[0]) and not first.startswith(" "):
            if rest[0][0] not in underlines:
                underlines.append(rest[0][0])
            found.headings.append(Heading(1 + underlines.index(rest[0][0]), first.strip()))
        elif _is_code(block, lead):
            found.code_blocks += 1
            continue  # blank lines divide code, but what led to it still leads to its next part
        else:
            found.paragraphs.append(" ".join(line.strip() for line in block))
        lead = block[-1]
    return found


def _is_code(block: Sequence[str], lead: str) -> bool:
    """Tell code from indented prose: it looks like code, or a colon led to it."""
    if any(CODE_LINE.match(line) for line in block):
        return True
    led = lead.rstrip().endswith(":") and not ADMONITION.match(lead.strip())
    return led and _indent(block[0]) > _indent(lead) and not re.match(r"\s*[*\-\d]", block[0])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _blocks(text: str) -> Iterator[list[str]]:
    """Split a text at blank lines; lines above an underline are a block with it alone."""
    block: list[str] = []
    for line in [*text.expandtabs().splitlines(), ""]:
        if UNDERLINE.fullmatch(line) and len(block) > 1:
            yield block[:-1]
            block = block[-1:]
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def _markdown(text: str) -> PlainDocument:
    """Read Markdown: headings with number signs or underlined, fenced or indented code, links."""
    found = PlainDocument()
    prose = _without_fences(text.expandtabs().splitlines(), found)
    for block in _blocks("\n".join(prose)):
        if all(line.startswith("    ") for line in block):
            found.code_blocks += 1
            continue
        found.links += [target for line in block for _, target in MARKDOWN_LINK.findall(line)]
        lines = [re.sub(r"[*`]", "", MARKDOWN_LINK.sub(r"\1", line)).strip() for line in block]
        if len(lines) > 1 and re.fullmatch(r"=+|-+", lines[1]):
            found.headings.append(Heading(1 if lines[1][0] == "=" else 2, lines[0]))
        else:
            _markdown_lines(lines, found)
    return found


def _without_fences(lines: Iterable[str], found: PlainDocument) -> Iterator[str]:
    fence = ""
    for line in lines:
        mark = line.strip()[:3]
        if fence:
            fence = "" if mark == fence else fence
        elif mark in {"```", "~~~"}:
            fence = mark
            found.code_blocks += 1
            yield ""
        else:
            yield line


def _markdown_lines(lines: Iterable[str], found: PlainDocument) -> None:
    paragraph: list[str] = []
    for line in lines:
        if heading := MARKDOWN_HEADING.fullmatch(line):
            found.headings.append(Heading(len(heading[1]), heading[2]))
        else:
            paragraph.append(line)
    if paragraph:
        found.paragraphs.append(" ".join(paragraph))


def _html(text: str) -> PlainDocument:
    reader = _HtmlReader()
    reader.feed(text)
    reader.close()
    reader.end_block()
    return reader.found


class _HtmlReader(HTMLParser):
    """Collects headings, paragraphs and links; what a browser does not show is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.found = PlainDocument()
        self._text: list[str] = []
        self._hidden = 0
        self._level = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "a" and target:
            self.found.links.append(target)
        if tag not in INLINE:
            self.end_block()
        self._hidden += tag in HIDDEN
        self._level = LEVELS.get(tag, self._level)

    def handle_endtag(self, tag: str) -> None:
        if tag not in INLINE:
            self.end_block()
        self.found.code_blocks += tag == "pre"
        if tag in HIDDEN and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._text.append(data)

    def end_block(self) -> None:
        """Take the text since the last block as a heading or a paragraph."""
        text = " ".join("".join(self._text).split())
        self._text.clear()
        level, self._level = self._level, 0
        if text and level:
            self.found.headings.append(Heading(level, text))
        elif text:
            self.found.paragraphs.append(text)
