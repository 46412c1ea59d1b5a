"""A table of runs, with as many columns as the window has room for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType

from rich.text import Text

from eventflow.cli.draw.console import cell, console, status_text, table
from eventflow.cli.output import say
from eventflow.cli.wording import between, pairs, when
from eventflow.core.projection import Projection
from eventflow.core.values import Status

SHORTEST_ID = 13
_ROOM_FOR_IDS = 120
_ALWAYS = ("run", "status", "workflow")
_ENOUGH: Mapping[str, int] = MappingProxyType({"workflow": 24, "stages": 20, "metadata": 16})
"""How much of a column is enough, where the window has no room for all of it."""
_GAP = 2


def draw_runs(items: Sequence[Projection], now: datetime) -> None:
    """Draw one line for each run, and say which columns there was no room for."""
    screen = console()
    length = 36 if screen.width >= _ROOM_FOR_IDS else id_length([i.run.run_id for i in items])
    rows = [_cells(item, length, now) for item in items]
    widths = {name: max(len(name), *(row[name].cell_len for row in rows)) for name in rows[0]}
    if not any(row["metadata"] for row in rows):
        del widths["metadata"]
    given = fitted(widths, screen.width)
    drawn = table(*given, right=("took",))
    for column, width in zip(drawn.columns, given.values(), strict=True):
        column.max_width = width
    for row in rows:
        drawn.add_row(*(row[name] for name in given))
    screen.print(drawn)
    if left_out := [name for name in widths if name not in given]:
        say(f"No room for: {', '.join(left_out)}; they are there in a wider window, and in a pipe.")


def fitted(widths: Mapping[str, int], room: int) -> dict[str, int]:
    """Choose the columns that there is room for, in order, and how wide each may be."""
    given: dict[str, int] = {}
    for name, width in widths.items():
        least = min(width, _ENOUGH.get(name, width))
        used = sum(given.values()) + _GAP * len(given)
        if name in _ALWAYS or used + least <= room:
            given[name] = least
    spare = room - sum(given.values()) - _GAP * (len(given) - 1)
    for name, least in given.items():
        more = max(min(widths[name] - least, spare), 0)
        given[name] = least + more
        spare -= more
    return given


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
        "metadata": cell(pairs(run.metadata)),
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
