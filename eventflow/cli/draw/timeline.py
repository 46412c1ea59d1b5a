"""A timeline as bars: one line for each stage, suspended time hatched, what was cut dimmed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from attrs import frozen
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from eventflow.cli.output import one_line
from eventflow.cli.timeline import Doing, Outcome, Row, Span
from eventflow.cli.wording import duration

_WIDEST = 100
_WIDEST_NAME = 24
_NARROWEST_BAR = 8
_ROOM_FOR_NOTES = 12

_MARKS: Mapping[Doing, str] = MappingProxyType(
    {Doing.WAITING: "·", Doing.RUNNING: "█", Doing.SUSPENDED: "▒"}
)
_FAILED_MARK = "▓"
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "█": "at work (its sum on the right)",
        _FAILED_MARK: "failed or lost attempt",
        "▒": "suspended",
        "·": "waiting",
    }
)
_STYLES: Mapping[tuple[Doing, Outcome], str] = MappingProxyType(
    {
        (Doing.RUNNING, Outcome.OPEN): "bold blue",
        (Doing.RUNNING, Outcome.NEXT): "green",
        (Doing.RUNNING, Outcome.COMPLETED): "green",
        (Doing.RUNNING, Outcome.FAILED): "red",
        (Doing.RUNNING, Outcome.LOST): "yellow",
        (Doing.RUNNING, Outcome.CANCELLED): "yellow",
    }
)


@frozen
class Scale:
    """From times to columns."""

    begin: datetime
    end: datetime
    width: int

    @property
    def seconds(self) -> float:
        """How long the whole of it is."""
        return max((self.end - self.begin).total_seconds(), 1e-6)

    def column(self, time: datetime) -> int:
        """Give the column of a time."""
        part = (time - self.begin).total_seconds() / self.seconds
        return min(max(round(part * self.width), 0), self.width)


def timeline_lines(rows: Sequence[Row], now: datetime, width: int) -> list[Text]:
    """Draw the spans of a run, with a line that tells what the bars mean."""
    if not rows:
        return []
    names = [_name(row) for row in rows]
    notes = [_note(row, now) for row in rows]
    width = min(width, _WIDEST)
    name_width = min(max(map(cell_len, names)), _WIDEST_NAME, width // 3)
    room = width - name_width - 2 - min(max(map(cell_len, notes)), _ROOM_FOR_NOTES) - 1
    scale = Scale(*_ends(rows, now), max(room, _NARROWEST_BAR))
    lines = []
    for row, name, note in zip(rows, names, notes, strict=True):
        line = Text(set_cell_size(name, name_width), style="dim" if row.cut else "bold")
        line.append("  ")
        line.append_text(_bar(row, scale, now))
        line.append(f" {note}", style="dim")
        lines.append(line)
    return [*lines, *_legend(rows, scale, width)]


def _name(row: Row) -> str:
    return one_line(row.stage) + (f" ({row.generation})" if row.generation else "")


def _note(row: Row, now: datetime) -> str:
    """Tell how long the stage was at work, or how far it is."""
    if row.last is not None and row.last.outcome is Outcome.OPEN and row.progress is not None:
        return f"{row.progress:.0%}"
    worked = [span for span in row.spans if span.doing is Doing.RUNNING]
    seconds = sum(((span.end or now) - span.begin).total_seconds() for span in worked)
    return duration(max(seconds, 0.0)) if worked else ""


def _ends(rows: Sequence[Row], now: datetime) -> tuple[datetime, datetime]:
    spans = [span for row in rows for span in row.spans]
    return min(span.begin for span in spans), max(span.end or now for span in spans)


def _bar(row: Row, scale: Scale, now: datetime) -> Text:
    """Draw spans over one another; what is too short for a column still gets one."""
    marks: list[tuple[str, str]] = [(" ", "")] * scale.width
    for span in row.spans:
        begin = min(scale.column(span.begin), scale.width - 1)
        end = max(scale.column(span.end or now), begin + (span.doing is not Doing.WAITING))
        style = "dim" if row.cut else _STYLES.get((span.doing, span.outcome), _style(span))
        marks[begin:end] = [(_mark(span), style)] * (end - begin)
    return Text.assemble(*marks[: scale.width])


def _mark(span: Span) -> str:
    bad = span.outcome in {Outcome.FAILED, Outcome.LOST}
    return _FAILED_MARK if bad and span.doing is Doing.RUNNING else _MARKS[span.doing]


def _style(span: Span) -> str:
    return "magenta" if span.doing is Doing.SUSPENDED else "dim"


def _legend(rows: Sequence[Row], scale: Scale, width: int) -> list[Text]:
    """Tell what the marks mean that are to be seen, and how long the line is."""
    seen = {_mark(span) for row in rows for span in row.spans}
    parts = [f"{mark} {word}" for mark, word in _WORDS.items() if mark in seen]
    lines = [f"{duration(scale.seconds)} in all:"]
    for part in parts:
        if cell_len(f"{lines[-1]}  {part}") > width:
            lines.append(part)
        else:
            lines[-1] += f"  {part}"
    return [Text(line, style="dim") for line in lines]
