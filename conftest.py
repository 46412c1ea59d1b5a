"""Runs each Python example of the pages and of the docstrings; it holds no test of its own.

The examples of one page share their names and run in order, in an empty directory of their own.
An HTML comment `skip: next` before a block leaves that block out.
"""

import gc
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import structlog
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser


def enter_empty_directory(namespace: dict[str, Any]) -> None:
    """Give a page a directory to write into, the name of a script, and a process to set up."""
    stack = ExitStack()
    stack.enter_context(mock.patch.dict(os.environ))
    stack.callback(take_back, list(sys.path), list(logging.root.handlers), gc.get_threshold())
    directory = stack.enter_context(tempfile.TemporaryDirectory())
    stack.callback(os.chdir, Path.cwd())
    os.chdir(directory)
    namespace["__name__"] = "__main__"
    namespace["_leave"] = stack.close


def take_back(
    path: list[str], handlers: Sequence[logging.Handler], thresholds: tuple[int, int, int]
) -> None:
    """Let the process be what it was before the page, for whatever is tested next."""
    structlog.reset_defaults()
    for handler in set(logging.root.handlers).difference(handlers):
        logging.root.removeHandler(handler)
    logging.root.setLevel(logging.WARNING)
    sys.path[:] = path
    gc.set_threshold(*thresholds)
    gc.unfreeze()


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
