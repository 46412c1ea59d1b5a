"""One run on one page: facts, stages, timeline, and how it ended."""

from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from eventflow.cli.draw.console import cell, console, plain, status_text, table
from eventflow.cli.draw.notes import notes
from eventflow.cli.draw.timeline import timeline_lines
from eventflow.cli.looking import Shown
from eventflow.cli.output import one_line
from eventflow.cli.telling import told_error, told_suspension
from eventflow.cli.timeline import Row
from eventflow.cli.wording import between, count, paid, pairs, shortened, value, when
from eventflow.core.projection import project
from eventflow.core.stage import StageState
from eventflow.core.state import RunState
from eventflow.core.values import ErrorInfo

ROOM_FOR_TIMES = 90
WIDEST = 120
_MOST = 2_000
_MOST_CONFIG = 400
_MOST_TOLD = 160
_BAR = 12


def draw_run(shown: Shown, now: datetime, *, with_traceback: bool = False) -> None:
    """Draw a run."""
    screen = console()
    screen.print(page(shown, now, min(screen.width, WIDEST)))
    if with_traceback:
        for stage in shown.state.stages.values():
            _draw_traceback(screen, stage.id, stage.error)


def page(shown: Shown, now: datetime, width: int) -> RenderableType:
    """Put the page together."""
    parts: list[RenderableType] = [facts(shown.state, now), Text()]
    if shown.state.stages:
        parts += [stages_table(shown, now, width), Text()]
    lines = timeline_lines(shown.timeline, now, width)
    parts += [*lines, *([Text()] if lines else [])]
    noted = notes(shown, with_waits=width < ROOM_FOR_TIMES)
    parts += [noted, Text()] if noted is not None else []
    return Group(*parts, *ending(shown.state))


def facts(state: RunState, now: datetime) -> Table:
    """Draw what is said of the run as a whole."""
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    ended = state.ending.at if state.ending is not None else None
    version = f"{state.version}, generation {state.generation}, priority {state.priority}"
    drawn.add_row("run", Text(state.run_id, style="bold"))
    drawn.add_row("workflow", cell(state.workflow_id))
    drawn.add_row("status", status_text(state.status))
    drawn.add_row("version", version)
    drawn.add_row("created", f"{when(state.created_at)} UTC")
    if state.started_at is not None:
        took = between(state.started_at, ended or now)
        drawn.add_row("took" if ended else "for", took)
    if state.metadata:
        drawn.add_row("metadata", cell(pairs(state.metadata)))
    if state.forked_from is not None:
        origin = state.forked_from
        drawn.add_row("forked from", f"{origin.run_id} at version {origin.version}")
    ai = project(state).run.ai
    if ai is not None:
        spent = f"{count(ai.spent.calls, 'call')} of models, {paid(ai.spent)}"
        unpriced = f"; {ai.spent.unpriced:,} of unknown price left out" if ai.spent.unpriced else ""
        drawn.add_row("spent", f"{spent}, of which {paid(ai.effective)} still counts{unpriced}")
    drawn.add_row("input", cell(value(state.input, _MOST)))
    config = {stage: each for stage, each in state.config.items() if each}
    if config:
        drawn.add_row("config", cell(value(config, _MOST_CONFIG)))
    return drawn


def stages_table(shown: Shown, now: datetime, width: int) -> Table:
    """Draw a line for each stage, those that are still to come too."""
    names = ["group", "stage", "status", "attempt", "took"]
    names += ["started", "told"] if width >= ROOM_FOR_TIMES else []
    drawn = table(*names, right=("group", "attempt", "took"), folded="told")
    for number, group in enumerate(shown.state.plan.groups, start=1):
        for planned in group:
            stage = shown.state.stages.get(planned.id)
            row = shown.row(planned.id)
            cells = _planned(number, planned.id) if stage is None else _cells(stage, row, now)
            drawn.add_row(*cells[: len(names)])
    return drawn


def _planned(group: int, stage: str) -> list[Text]:
    return [Text(str(group)), cell(stage), Text("to come", "dim"), *[Text()] * 4]


def _cells(stage: StageState, row: Row | None, now: datetime) -> list[Text]:
    return [
        Text(str(stage.group)),
        cell(stage.id),
        status_text(stage.status),
        Text(str(stage.attempt) if stage.attempt else "carried"),
        Text(between(stage.started_at, stage.ended_at or now)),
        Text(when(stage.started_at)),
        cell(shortened(_told(stage, row), _MOST_TOLD)),
    ]


def _told(stage: StageState, row: Row | None) -> str:
    if row is not None and stage.claim is not None and row.progress is not None:
        return progress_bar(row)
    if stage.error is not None:
        return told_error(stage.error)
    if stage.suspension is not None:
        return told_suspension(stage.suspension)
    if stage.claim is not None:
        steps = f", {count(len(stage.steps), 'step')} done" if stage.steps else ""
        return f"at {one_line(stage.claim.worker)}{steps}"
    return pairs(stage.metrics)


def progress_bar(row: Row) -> str:
    """Draw how far a stage is, with what it says."""
    fraction = min(max(row.progress or 0.0, 0.0), 1.0)
    done = round(fraction * _BAR)
    return (
        f"{'█' * done}{'·' * (_BAR - done)} {fraction:.0%} {one_line(row.message or '')}".rstrip()
    )


def ending(state: RunState) -> list[RenderableType]:
    """Draw how the run ended, if it has."""
    end = state.ending
    if end is None:
        return []
    if end.error is not None:
        where = f"in stage {one_line(end.stage)}: " if end.stage else ""
        kind = end.error.type.removeprefix("builtins.")
        error = plain(f"{kind}: {end.error.message}")
        return [Text.assemble(("failed ", "bold red"), where, error)]
    if end.reason is not None or end.output is None:
        return [cell(f"cancelled: {end.reason}", "yellow")] if end.reason else []
    return [Text.assemble(("output ", "bold green"), value(end.output, _MOST))]


def _draw_traceback(screen: Console, stage: str, error: ErrorInfo | None) -> None:
    if error is not None and error.traceback:
        screen.print(Text(f"\n{one_line(stage)}", style="bold"))
        screen.print(plain(error.traceback.rstrip()), soft_wrap=True)
