"""The house limits on size, which keep every function and file readable in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import ROOT, python_files

LINES_OF_A_FILE = 500
LINES_OF_A_FUNCTION = 50

Function = ast.FunctionDef | ast.AsyncFunctionDef


def length(function: Function) -> int:
    """Count the lines of a function without those of its docstring."""
    assert function.end_lineno is not None
    docstring = ast.get_docstring(function, clean=False)
    lines_of_docstring = docstring.count("\n") + 1 if docstring is not None else 0
    return function.end_lineno - function.lineno + 1 - lines_of_docstring


def long_functions(source: str) -> Iterator[str]:
    """Name the functions of a source that pass the limit, each with its length."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function) and length(node) > LINES_OF_A_FUNCTION:
            yield f"{node.name}, line {node.lineno}: {length(node)} lines"


def relative(path: Path) -> str:
    """Name a file as seen from the root of the repository."""
    return str(path.relative_to(ROOT))


def test_files_are_short() -> None:
    """No file of the package or of a store passes the limit of lines."""
    lengths = {
        relative(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files("eventflow", "eventflow_pytest", "stores")
    }
    assert lengths
    assert {path: n for path, n in lengths.items() if n > LINES_OF_A_FILE} == {}


def test_functions_are_short() -> None:
    """No function of the package or of a store passes the limit of lines, docstring aside."""
    found = [
        f"{relative(path)}: {function}"
        for path in python_files("eventflow", "eventflow_pytest", "stores")
        for function in long_functions(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_a_long_function_is_found_and_its_docstring_is_free() -> None:
    """The limit counts the lines of the body, and not those of the docstring."""
    body = "    x = 1\n" * LINES_OF_A_FUNCTION
    docstring = '    """One.\n' + "    Two.\n" * LINES_OF_A_FUNCTION + '    """\n'
    assert list(long_functions(f"def f():\n{body}")) == ["f, line 1: 51 lines"]
    assert list(long_functions(f"def f():\n{docstring}    x = 1\n")) == []
