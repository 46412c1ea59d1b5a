"""A history as lines: one for each event, dimmed where a rewind has cut it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import msgspec
from rich.console import Console
from rich.text import Text

from eventflow.cli.draw.console import cell, console, plain
from eventflow.cli.output import one_line
from eventflow.cli.telling import told
from eventflow.cli.wording import to_the_millisecond
from eventflow.core import events as e
from eventflow.store.envelope import Envelope

_STYLES: Mapping[str, str] = MappingProxyType(
    {
        "run.completed": "bold green",
        "run.failed": "bold red",
        "run.cancelled": "bold yellow",
        "run.rewound": "bold magenta",
        "stage.completed": "green",
        "stage.failed": "red",
        "stage.attempt_failed": "red",
        "lease.expired": "yellow",
        "result.discarded": "yellow",
        "stage.suspended": "magenta",
        "stage.resumed": "magenta",
        "signal.received": "magenta",
        "stage.logged": "dim",
        "stage.progressed": "dim",
    }
)
ASKED_FOR = (e.RunCreated, e.RunRewound, e.RunCancelled, e.SignalReceived, e.RunAnnotated)
"""What somebody asked for, whose name matters; all else is done by the worker that has the job."""

_WIDEST_TYPE = 20
_NARROW = 70


def draw_history(
    history: Sequence[Envelope], kept: Collection[int], *, with_data: bool = False
) -> None:
    """Draw events, under a line for each day on which something happened."""
    screen = console()
    day = None
    for envelope in history:
        if (today := _day(envelope.recorded_at)) != day:
            day = today
            screen.print(Text(f"{today} (UTC)", style="bold"))
        cut = envelope.version not in kept
        draw_event(screen, envelope, cut=cut)
        if with_data:
            laid_out = msgspec.json.format(envelope.data, indent=2).decode()
            screen.print(plain(laid_out, style="dim"), soft_wrap=True)


def draw_event(
    screen: Console, envelope: Envelope, *, cut: bool = False, run_id: str | None = None
) -> None:
    """Draw one event on one line, as far as the window has room."""
    line = event_line(envelope, narrow=screen.width < _NARROW, cut=cut, run_id=run_id)
    screen.print(line, no_wrap=True, overflow="ellipsis", crop=True)


def event_line(
    envelope: Envelope, *, narrow: bool, cut: bool = False, run_id: str | None = None
) -> Text:
    """Write one event: version, time, type, stage, and what it tells."""
    style = "dim strike" if cut else ""
    line = Text()
    if run_id is not None:
        line.append(f"{run_id} ", style="dim")
    line.append(f"{envelope.version:>4} ", style="dim")
    if not narrow:
        line.append(f"{to_the_millisecond(envelope.recorded_at)} ", style="dim")
    width = 0 if narrow else _WIDEST_TYPE
    line.append(f"{one_line(envelope.type):<{width}} ", style=style or _STYLES.get(envelope.type))
    if stage := _of_stage(envelope):
        line.append_text(cell(stage, style="bold"))
        line.append(": ")
    line.append_text(cell(told(envelope.event)))
    if envelope.actor and isinstance(envelope.event, ASKED_FOR):
        line.append("  ")
        line.append_text(cell(f"by {envelope.actor}", style="dim"))
    if cut:
        line.stylize("dim")
        line.append(" (cut)", style="dim")
    return line


def _of_stage(envelope: Envelope) -> str:
    event = envelope.event
    stage = getattr(event, "stage", None)
    if stage is None or envelope.type.startswith("run."):
        return ""
    generation, attempt = getattr(event, "generation", 0), getattr(event, "attempt", None)
    tried = f" #{attempt}" if attempt is not None and attempt > 1 else ""
    again = f" gen {generation}" if generation else ""
    return f"{stage}{tried}{again}"


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d}"
