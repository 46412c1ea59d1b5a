"""Pages of runs with all their rows, without the runs that are eventflow's own."""

from attrs import evolve

from eventflow.core.projection import Projection
from eventflow.engine.own_runs import is_internal
from eventflow.store.contract import RunPage, RunQuery, Store


async def page_of(store: Store, query: RunQuery) -> RunPage:
    """Fill one page, with runs of applications unless a workflow or runs are asked for.

    Raises:
        ValueError: There is no such page.
    """
    items: list[Projection] = []
    while True:
        page = await store.runs(evolve(query, limit=query.limit - len(items)))
        named = query.workflow_id is not None or query.run_ids is not None
        items += [item for item in page.items if named or not is_internal(item.run)]
        if page.next is None or len(items) == query.limit:
            return RunPage(tuple(items), page.next)
        query = evolve(query, after=page.next)
