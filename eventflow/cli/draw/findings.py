"""What was looked at, one line each, with what to do."""

from collections.abc import Mapping
from types import MappingProxyType

from rich.table import Table
from rich.text import Text

from eventflow.cli.checking import Finding, Verdict
from eventflow.cli.draw.console import cell, console

_MARKS: Mapping[Verdict, tuple[str, str]] = MappingProxyType(
    {
        Verdict.OK: ("✓", "green"),
        Verdict.ABSENT: ("·", "dim"),
        Verdict.WARNING: ("!", "yellow"),
        Verdict.PROBLEM: ("✗", "red"),
    }
)
_WIDEST = 14


def draw_finding(finding: Finding) -> None:
    """Draw one finding, folded where the window is narrow."""
    mark, style = _MARKS[finding.verdict]
    drawn = Table.grid(padding=(0, 1, 0, 0))
    drawn.add_column()
    drawn.add_column(min_width=_WIDEST, no_wrap=True)
    drawn.add_column(overflow="fold")
    drawn.add_row(Text(mark, style), cell(finding.what, "bold"), cell(finding.told))
    if finding.advice is not None:
        drawn.add_row("", "", Text(finding.advice, style))
    console().print(drawn)
