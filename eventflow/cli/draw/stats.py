"""What a store holds, as a table of workflows and statuses."""

from rich.text import Text

from eventflow.cli.counting import Counts
from eventflow.cli.draw.console import STYLES, cell, console, table
from eventflow.cli.wording import count, told_details, when
from eventflow.core.values import Status
from eventflow.store.inspection import Inspection

_JOBS = {
    "due": "due now",
    "claimed": "claimed by workers",
    "lost": "claimed by workers that were not heard of again",
    "waiting": "waiting for their time",
}
_NARROW = 90


def draw_stats(shown: str, counts: Counts, found: Inspection | None) -> None:
    """Draw what was counted."""
    screen = console()
    screen.print(Text(shown, style="bold"), overflow="fold")
    if found is not None:
        version = f"schema version {found.version}"
        screen.print(cell(f"{version}, {told_details(found)}", "dim"))
    screen.print(f"{count(counts.total, 'run')}, {count(counts.events, 'event')}")
    if counts.oldest is not None:
        screen.print(f"created from {when(counts.oldest)} to {when(counts.newest)} UTC")
    statuses = [
        status
        for status in Status
        if screen.width >= _NARROW or any(s is status for _, s in counts.runs)
    ]
    drawn = table("workflow", *statuses, right=tuple(statuses))
    for workflow, runs in counts.by_workflow().items():
        cells = [
            Text(f"{runs[status]:,}", STYLES[status] if runs[status] else "dim")
            for status in statuses
        ]
        drawn.add_row(cell(workflow), *cells)
    if counts.total:
        screen.print(drawn)
    for kind, words in _JOBS.items():
        if counts.jobs[kind]:
            screen.print(f"{count(counts.jobs[kind], 'job')} {words}")
