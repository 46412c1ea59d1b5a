"""Finds the files of the repository for the tests that read them; it imports none of them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE_BY_TOOLS = {"__pycache__", "build", "dist"}
HIDDEN_BUT_OURS = {".ci", ".editorconfig", ".gitignore"}


def repository_files() -> Iterator[Path]:
    """Yield every file that people wrote, below the root of the repository."""
    yield from _files_below(ROOT)


def python_files(*folders: str) -> Iterator[Path]:
    """Yield the Python files of some top-level folders."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _files_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if _is_made_by_tools(path):
            continue
        if path.is_dir():
            yield from _files_below(path)
        else:
            yield path


def _is_made_by_tools(path: Path) -> bool:
    hidden = path.name.startswith(".") and path.name not in HIDDEN_BUT_OURS
    database = path.suffix in {".db", ".db-shm", ".db-wal"}
    return hidden or database or path.name in MADE_BY_TOOLS or path.suffix == ".egg-info"
