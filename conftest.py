"""Runs each Python example of the pages and of the docstrings; it holds no test of its own.

The examples of one page share their names and run in order, in an empty directory of their own.
An HTML comment `skip: next` before a block leaves that block out.
"""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser


def enter_empty_directory(namespace: dict[str, Any]) -> None:
    """Give a page a directory to write into, and the name of a script."""
    stack = ExitStack()
    directory = stack.enter_context(tempfile.TemporaryDirectory())
    stack.callback(os.chdir, Path.cwd())
    os.chdir(directory)
    namespace["__name__"] = "__main__"
    namespace["_leave"] = stack.close


def leave_directory(namespace: dict[str, Any]) -> None:
    """Go back to where the tests run, and remove what the page wrote."""
    namespace["_leave"]()


pages = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/*.md", "docs/**/*.md"],
    setup=enter_empty_directory,
    teardown=leave_directory,
)
docstrings = Sybil(
    parsers=[PythonCodeBlockParser(), DocTestParser(), SkipParser()],
    patterns=["eventflow/*.py", "eventflow/**/*.py", "stores/**/*.py"],
    setup=enter_empty_directory,
    teardown=leave_directory,
)
pytest_collect_file = (pages + docstrings).pytest()
