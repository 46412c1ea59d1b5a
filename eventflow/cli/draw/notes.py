"""What a run has beside its stages, a line each: waits, artifacts, annotations, signals."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.table import Table

from eventflow.cli.draw.console import cell
from eventflow.cli.looking import Shown
from eventflow.cli.telling import told_suspension
from eventflow.cli.wording import size, value
from eventflow.core.events import RunAnnotated
from eventflow.store.envelope import Envelope

_MOST = 5
_WIDEST = 200


def notes(shown: Shown, *, with_waits: bool) -> Table | None:
    """Draw the newest of each kind; None if there is nothing.

    Args:
        shown: The run.
        with_waits: Say what stages wait for, where the table of stages has no room for it.
    """
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, lines in groupby(_lines(shown, with_waits=with_waits), lambda each: each[0]):
        for number, (_, text) in enumerate(lines):
            drawn.add_row("" if number else name, cell(text))
    return drawn if drawn.row_count else None


def _lines(shown: Shown, *, with_waits: bool) -> Iterator[tuple[str, str]]:
    if with_waits:
        for stage in shown.state.stages.values():
            if stage.suspension is not None:
                yield "waits", f"{stage.id} {told_suspension(stage.suspension)}"
    saved = [f"{each.name} of {each.stage}, {size(each.size)}" for each in shown.artifacts]
    yield from _newest("artifacts", saved, "run artifacts")
    annotated = [_annotation(*each) for each in shown.annotations]
    yield from _newest("annotations", annotated, "--json")
    unused = [
        f"{each.name}, which no stage has used yet: {value(each.payload, _WIDEST)}"
        for each in shown.state.signals
        if not each.used
    ]
    yield from _newest("signals", unused, "run state")


def _newest(name: str, texts: Sequence[str], where: str) -> Iterator[tuple[str, str]]:
    earlier = len(texts) - _MOST
    if earlier > 0:
        yield name, f"{earlier:,} earlier: {where}"
    for text in texts[-_MOST:]:
        yield name, text


def _annotation(envelope: Envelope, event: RunAnnotated) -> str:
    about = f" of {event.stage}" if event.stage else ""
    by = event.actor or envelope.actor
    who = f" by {by}" if by else ""
    return f"{event.key}{about}: {value(event.value, _WIDEST)}{who}"
