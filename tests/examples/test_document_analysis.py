"""The document analysis takes any files and folders, or says which of them it cannot take."""

from pathlib import Path

import pytest

from tests.examples.run_example import run_example

PAGES = {
    "tea.md": "# Tea\n\nTea is made of leaves. See [the shop](https://example.org).\n\n## Green\n",
    "coffee.html": "<h1>Coffee</h1><p>Coffee is made of roasted beans.</p><script>x()</script>",
    "water.txt": "Water\n=====\n\nWater is made of nothing else.\n",
}


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Give a folder with a document of each kind."""
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, text in PAGES.items():
        (folder / name).write_text(text)
    return folder


def test_each_kind_of_document_is_measured(pages: Path) -> None:
    """Markdown, HTML and text give a row each: words, sections, links and key terms."""
    ended = run_example("document_analysis.py", "pages", folder=pages.parent)
    cells = [line.split() for line in ended.stdout.splitlines()]
    rows = {row[0]: row for row in cells if row}
    assert rows["pages/tea.md"][1:6] == ["8", "118.2", "-2.2", "2", "1"]
    assert rows["pages/coffee.html"][6] == "coffee,"
    assert rows["pages/water.txt"][6] == "water,"


def test_the_number_of_key_terms_is_config(pages: Path) -> None:
    """`--top 1` leaves one key term for each document."""
    ended = run_example("document_analysis.py", "pages", "--top", "1", folder=pages.parent)
    assert ended.stdout.splitlines()[-1].split()[-1] == "water"


def test_with_a_store_that_lasts_nothing_is_analysed_twice(pages: Path) -> None:
    """The second call finds the runs of the first by their keys, and prints the same."""
    call = ["document_analysis.py", "pages", "--store", "sqlite:///runs.db"]
    first, second = (run_example(*call, folder=pages.parent) for _ in range(2))
    assert first.returncode == 0
    assert first.stdout.startswith("3 documents, 0 of them analysed before\n")
    assert second.stdout.startswith("3 documents, 3 of them analysed before\n")
    assert first.stdout.splitlines()[1:] == second.stdout.splitlines()[1:]


def test_a_long_path_keeps_the_table_narrow(pages: Path) -> None:
    """The end of a path is shown, and no line is wider than 100 columns."""
    folder = pages / ("very-" * 20 + "deep")
    folder.mkdir()
    (folder / "milk.md").write_text("# Milk\n\nMilk is white.\n")
    ended = run_example("document_analysis.py", str(folder), folder=pages.parent)
    assert "deep/milk.md" in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 100


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.md", None, "no such file or folder"),
        ("picture.png", b"\x89PNG", "not a kind of document"),
        ("empty.md", b" \n", "the file is empty"),
        ("latin.txt", b"caf\xe9", "not UTF-8 text (byte 3"),
    ],
)
def test_a_document_that_cannot_be_read_ends_it_before_it_begins(
    pages: Path, name: str, content: bytes | None, reason: str
) -> None:
    """The path and the reason are named, the exit code is 2, and there is no store."""
    path = pages.parent / name
    if content is not None:
        path.write_bytes(content)
    ended = run_example(
        "document_analysis.py", "pages", name, "--store", "sqlite:///runs.db", folder=pages.parent
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"{name}: {reason}")
    assert not (pages.parent / "runs.db").exists()


def test_a_folder_without_documents_is_named(tmp_path: Path) -> None:
    """An empty folder is an error, not an empty table."""
    (tmp_path / "nothing").mkdir()
    ended = run_example("document_analysis.py", "nothing", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("nothing: no documents in this folder")


def test_an_unknown_store_is_named(tmp_path: Path) -> None:
    """A URL that no store answers to is said to be one."""
    ended = run_example("document_analysis.py", "--store", "oracle://x", folder=tmp_path)
    assert ended.returncode == 1
    assert "oracle" in ended.stderr
    assert "Traceback" not in ended.stderr
