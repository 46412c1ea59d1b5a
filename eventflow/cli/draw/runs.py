"""A table of runs, with as many columns as the window has room for."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from rich.text import Text

from eventflow.cli.draw.console import cell, console, status_text, table
from eventflow.cli.wording import between, pairs, when
from eventflow.core.projection import Projection
from eventflow.core.values import Status

SHORTEST_ID = 13
_ROOM = {"run": 0, "status": 0, "workflow": 0, "stages": 56, "created": 76, "took": 100}
_ROOM_FOR_IDS = 120
_ROOM_FOR_METADATA = 140


def draw_runs(items: Sequence[Projection], now: datetime) -> None:
    """Draw one line for each run."""
    screen = console()
    names = [name for name, room in _ROOM.items() if screen.width >= room]
    with_metadata = screen.width >= _ROOM_FOR_METADATA and any(i.run.metadata for i in items)
    drawn = table(*names, *(["metadata"] if with_metadata else []), right=("took",))
    drawn.columns[0].no_wrap = True
    length = 36 if screen.width >= _ROOM_FOR_IDS else id_length([i.run.run_id for i in items])
    for item in items:
        cells = _cells(item, length, now)
        metadata = [cell(pairs(item.run.metadata))] if with_metadata else []
        drawn.add_row(*(cells[name] for name in names), *metadata)
    screen.print(drawn)


def id_length(ids: Sequence[str]) -> int:
    """Tell how many characters of each id tell it from the others."""
    ordered = sorted(set(ids))
    common = [_common(a, b) + 1 for a, b in pairwise(ordered)]
    return max([SHORTEST_ID, *common])


def _common(one: str, other: str) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def _cells(item: Projection, length: int, now: datetime) -> dict[str, Text]:
    run = item.run
    return {
        "run": Text(run.run_id[:length]),
        "status": status_text(run.status),
        "workflow": cell(run.workflow_id),
        "stages": _stages(item),
        "created": Text(when(run.created_at)),
        "took": Text(between(run.started_at, run.ended_at or now)),
    }


def _stages(item: Projection) -> Text:
    """Name the stages that say most: those that failed, or are alive; else how many completed."""
    for status in (Status.FAILED, Status.RUNNING, Status.SUSPENDED, Status.PENDING):
        named = [stage.stage for stage in item.stages if stage.status is status]
        if named:
            return cell(f"{', '.join(named)} {status}")
    if not item.stages:
        return Text()
    completed = sum(stage.status is Status.COMPLETED for stage in item.stages)
    return Text(f"{completed} completed")
