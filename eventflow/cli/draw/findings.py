"""What was looked at, one line each, with what to do."""

from collections.abc import Mapping
from types import MappingProxyType

from rich.text import Text

from eventflow.cli.checking import Finding, Verdict
from eventflow.cli.draw.console import cell, console

_MARKS: Mapping[Verdict, tuple[str, str]] = MappingProxyType(
    {Verdict.OK: ("✓", "green"), Verdict.WARNING: ("!", "yellow"), Verdict.PROBLEM: ("✗", "red")}
)
_WIDEST = 14


def draw_finding(finding: Finding) -> None:
    """Draw one finding, folded where the window is narrow."""
    mark, style = _MARKS[finding.verdict]
    line = Text.assemble((f"{mark} ", style), (f"{finding.what:<{_WIDEST}} ", "bold"))
    line.append_text(cell(finding.told))
    screen = console()
    screen.print(line)
    if finding.advice is not None:
        screen.print(Text(f"  {'':<{_WIDEST}} {finding.advice}", style))
