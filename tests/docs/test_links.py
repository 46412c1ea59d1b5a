"""Every relative link of the Markdown pages leads to a file, and to a heading if it names one."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.architecture.sources import ROOT, repository_files

FENCE = re.compile(r"^(?P<fence>```+|~~~+).*?^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"(?<!\\)\]\((?P<target>[^()\s]+)(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6}\s+(?P<text>.+?)\s*#*$", re.MULTILINE)
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)

PAGES = [path for path in repository_files() if path.suffix == ".md"]


def prose(text: str) -> str:
    """Leave out the code blocks and the comments of a page."""
    return COMMENT.sub("", FENCE.sub("", text))


def links(text: str) -> Iterator[str]:
    """Yield the targets of the links of a page that stay within the repository."""
    for match in LINK.finditer(INLINE_CODE.sub("", prose(text))):
        if not ELSEWHERE.match(match["target"]):
            yield match["target"]


def anchors(text: str) -> set[str]:
    """Name the headings of a page as links name them."""
    found: set[str] = set()
    for match in HEADING.finditer(prose(text)):
        plain = re.sub(r"[^\w\- ]", "", match["text"].lower())
        anchor, number = plain.strip().replace(" ", "-"), 0
        while (name := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(name)
    return found


def broken(page: Path, target: str) -> str | None:
    """Say what is wrong with a link, or None if it leads somewhere."""
    path, _, anchor = target.partition("#")
    file = (page.parent / unquote(path)).resolve() if path else page
    if not file.is_relative_to(ROOT) or not file.exists():
        return f"{target}: there is no such file"
    if anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
        return f"{target}: the page has no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a page leads to an existing file, and to a heading if it names one."""
    targets = links(page.read_text(encoding="utf-8"))
    assert [wrong for target in targets if (wrong := broken(page, target))] == []


def test_there_are_pages_with_links() -> None:
    """The pages are found, and the index of the documentation links to many others."""
    assert ROOT / "README.md" in PAGES
    assert len(list(links((ROOT / "docs/README.md").read_text(encoding="utf-8")))) > 20


def test_every_page_of_the_documentation_is_linked_from_an_index() -> None:
    """Whoever begins at an index of the documentation can reach each page of it."""
    linked = {
        (index.parent / target.partition("#")[0]).resolve()
        for index in (ROOT / "docs/README.md", ROOT / "docs/decisions/README.md")
        for target in links(index.read_text(encoding="utf-8"))
    }
    pages = {page for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert {str(page.relative_to(ROOT)) for page in pages - linked} == {"docs/README.md"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see [a](b.md) and [c](d.md#e)", ["b.md", "d.md#e"]),
        ("[out](https://example.org/x.md) and [mail](mailto:a@example.org)", []),
        ("```text\n[a](b.md)\n```\nand `[c](d.md)`", []),
        ('[a](b.md "title"), ![picture](c.svg)', ["b.md", "c.svg"]),
    ],
)
def test_links_are_found_in_prose_alone(text: str, found: list[str]) -> None:
    """Links are found in prose, not in code, and addresses of other sites are left alone."""
    assert list(links(text)) == found


def test_anchors_are_made_as_sites_make_them() -> None:
    """A heading becomes an anchor in lower case, with hyphens, and numbered when it repeats."""
    text = "# How-to guides\n## `ctx.log`, and so on\n## Errors\n## Errors\n"
    assert anchors(text) == {"how-to-guides", "ctxlog-and-so-on", "errors", "errors-1"}
