"""What calls of models came to, group by group; it reads histories or rows, and never writes."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from attrs import evolve, frozen

from eventflow.cli.session import Place
from eventflow.core.ai import NO_USE, AISummary
from eventflow.core.projection import RunRow
from eventflow.runtime.listing import page_of
from eventflow.store.contract import RunQuery

_PAGE = 500


class By(StrEnum):
    """What the calls are grouped by."""

    MODEL = "model"
    TOPIC = "topic"
    WORKFLOW = "workflow"
    RUN = "run"


OF_ROWS: Mapping[By, Callable[[RunRow], str]] = {
    By.WORKFLOW: lambda run: run.workflow_id,
    By.RUN: lambda run: run.run_id,
}
"""What is grouped by the rows of runs, without reading a history."""


@frozen
class Costs:
    """Calls of models: all of them, and those of each group, the dearest first."""

    total: AISummary
    groups: Mapping[str, AISummary]


@frozen
class Asked:
    """Which calls are counted; what is None is not asked for."""

    run: str | None = None
    topic: str | None = None
    stage: str | None = None
    workflow: str | None = None
    since: datetime | None = None


async def costs_of_calls(place: Place, asked: Asked, by: By) -> Costs:
    """Count the calls in histories, by model or by topic."""
    stats = await place.runtime.ai_stats(topic=asked.topic, run=asked.run, stage=asked.stage)
    groups = stats.models if by is By.MODEL else stats.topics
    return Costs(AISummary(stats.spent, stats.effective), _dearest_first(groups))


async def costs_of_runs(place: Place, asked: Asked, by: By, tell: Callable[[int], object]) -> Costs:
    """Add up what the rows of runs say, by workflow or by run, calls outside of stages included."""
    query = RunQuery(
        run_ids=None if asked.run is None else [asked.run],
        workflow_id=asked.workflow,
        created_from=asked.since,
        called_models=True,
        limit=_PAGE,
    )
    nothing = AISummary(NO_USE, NO_USE)
    total, groups, seen = nothing, dict[str, AISummary](), 0
    while True:
        page = await page_of(place.store, query)
        for run in (item.run for item in page.items):
            used = run.ai or nothing
            key = OF_ROWS[by](run)
            groups[key] = _plus(groups.get(key, nothing), used)
            total = _plus(total, used)
        seen += len(page.items)
        tell(seen)
        if page.next is None:
            return Costs(total, _dearest_first(groups))
        query = evolve(query, after=page.next)


def _plus(one: AISummary, other: AISummary) -> AISummary:
    return AISummary(one.spent + other.spent, one.effective + other.effective)


def _dearest_first(groups: Mapping[str, AISummary]) -> dict[str, AISummary]:
    return dict(sorted(groups.items(), key=lambda item: (-item[1].spent.cost, item[0])))
