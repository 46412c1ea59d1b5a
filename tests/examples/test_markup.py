"""Markup is taken away, and what it said about structure is kept."""

from examples.markup import Heading, PlainDocument, without_markup


def test_rest_has_underlined_headings_and_indented_code() -> None:
    """Levels are numbered by their first use; code is counted, prose that is indented is kept."""
    text = (
        "Top\n***\n\nProse over\ntwo lines; see **PEP 8**:\n\n   x = 1\n\n   y = 2\n\n"
        "Sub\n===\n\nNote:\n\n   Kept, see https://example.org.\n"
    )
    assert without_markup(text, "rest") == PlainDocument(
        headings=[Heading(1, "Top"), Heading(2, "Sub")],
        paragraphs=[
            "Prose over two lines; see **PEP 8**:",
            "Note:",
            "Kept, see https://example.org.",
        ],
        links=["PEP 8", "https://example.org"],
        code_blocks=2,
    )


def test_markdown_has_signs_fences_and_links() -> None:
    """A number sign inside a fence is no heading, and a link leaves its text."""
    text = "# A `b`\n\n*See* [this](http://x).\n\n```sh\n# no heading\n```\n\nSub\n---\n\nEnd.\n"
    assert without_markup(text, "markdown") == PlainDocument(
        headings=[Heading(1, "A b"), Heading(2, "Sub")],
        paragraphs=["See this.", "End."],
        links=["http://x"],
        code_blocks=1,
    )


def test_html_has_tags_and_hides_some() -> None:
    """Inline tags do not divide a text, others do; scripts and styles are not read."""
    text = (
        "<title>t</title><style>s</style><h1>A <em>b</em></h1><p>See <a href='u'>this</a>."
        "<p>End.<pre>code\n\nx</pre><script>no()</script>"
    )
    assert without_markup(text, "html") == PlainDocument(
        headings=[Heading(1, "A b")],
        paragraphs=["See this.", "End."],
        links=["u"],
        code_blocks=1,
    )
