"""Documents: finds and reads them; either every one that was asked for, or none."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from pydoc_data.topics import topics

from attrs import frozen

MARKUP = {".txt": "rest", ".rst": "rest", ".md": "markdown", ".html": "html", ".htm": "html"}
KNOWN = ", ".join(MARKUP)


class UnusableDocuments(Exception):
    """Some documents cannot be analysed; the message has a line for each."""


@frozen
class Source:
    """A document as it was found: its name, how it is marked up, and its text."""

    name: str
    markup: str
    text: str


def language_reference() -> list[Source]:
    """Give the topics of the language reference that ships inside every CPython."""
    return [Source(name, "rest", text) for name, text in sorted(topics.items())]


def read_documents(paths: Sequence[Path]) -> list[Source]:
    """Read files, and all files of a known kind below folders.

    Raises:
        UnusableDocuments: Naming every path that is wrong.
    """
    found: list[Source] = []
    problems: list[str] = []
    for path in dict.fromkeys(file for given in paths for file in _files(given, problems)):
        try:
            found.append(_read(path))
        except UnicodeDecodeError as error:
            problems.append(f"{path}: not UTF-8 text (byte {error.start}: {error.reason})")
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
        except UnusableDocuments as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise UnusableDocuments("\n".join(problems))
    return found


def _files(given: Path, problems: list[str]) -> Iterator[Path]:
    if given.is_dir():
        files = sorted(file for file in given.rglob("*") if file.suffix.lower() in MARKUP)
        if not files:
            problems.append(f"{given}: no documents in this folder; known are {KNOWN}")
        yield from files
    elif not given.exists():
        problems.append(f"{given}: no such file or folder")
    elif given.suffix.lower() not in MARKUP:
        problems.append(f"{given}: not a kind of document that is known here: {KNOWN}")
    else:
        yield given


def _read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8-sig")
    if not text.strip():
        raise UnusableDocuments("the file is empty")
    return Source(str(path), MARKUP[path.suffix.lower()], text)
