"""Writes the help texts of the command line into their page, as they are.

Run it to write them, or with `--check` to fail when the page is not current.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App

from eventflow.cli.exits import MEANS
from eventflow.cli.tree import build, explain

PAGE = Path(__file__).parent / "reference" / "command-line.md"


def main(arguments: list[str]) -> int:
    """Write the page, or only compare it; 1 if it is not current."""
    text = PAGE.read_text(encoding="utf-8")
    written = write_into(text)
    if "--check" in arguments:
        if written != text:
            print(f"{PAGE.name} is not current: run `make docs`", file=sys.stderr)
        return int(written != text)
    PAGE.write_text(written, encoding="utf-8")
    return 0


def write_into(text: str) -> str:
    """Replace what is between the markers of the page."""
    for name, part in {"commands": commands(), "exit codes": exit_codes()}.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        pattern = re.compile(f"(?<={re.escape(begin)}\n).*?(?={re.escape(end)})", re.DOTALL)
        found = len(pattern.findall(text))
        if found != 1:
            raise ValueError(f'{PAGE.name} has {found} places for the "{name}", not one')
        text = pattern.sub(part.replace("\\", r"\\"), text)
    return text


def commands() -> str:
    """Write the help of every command."""
    app = build()
    for each in every_command(app):
        explain(each)
    whole: str = app.generate_docs(heading_level=2)
    _, _, rest = whole.partition("## Table of Contents\n")
    contents, _, sections = rest.partition("\n**Commands**:")
    _, _, options = sections.partition("\n**Options of every command**:\n")
    shared, _, sections = options.partition("\n### ")
    sections = f"### {sections}".replace(f"**Options of every command**:\n{shared}\n", "")
    return f"{contents.strip()}\n\n**Options of every command**:\n{shared}\n{sections.strip()}\n"


def every_command(app: App) -> Iterator[App]:
    """Load all commands."""
    for name in app:
        if not name.startswith("-"):
            child = app[name]
            yield child
            yield from every_command(child)


def exit_codes() -> str:
    """Write the exit codes as a table."""
    rows = "".join(f"| {code.value} | {words} |\n" for code, words in MEANS.items())
    return f"| code | meaning |\n|---|---|\n{rows}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
