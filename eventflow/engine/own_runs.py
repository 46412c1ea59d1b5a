"""Which runs are eventflow's own, and what becomes of them where runs are listed or moved.

A subscription's runs hold positions of the log of their store. In a store in which events stand
elsewhere they would leave events out, so there they do not go.
"""

from collections.abc import Iterable

from eventflow.core.projection import Projection, RunRow
from eventflow.store.contract import RunQuery

INTERNAL = "eventflow."
"""How the ids of workflows begin whose runs belong to eventflow itself."""

SUBSCRIPTION = f"{INTERNAL}subscription"
"""The workflow of the runs of subscriptions; their ids begin with it as well."""


def is_internal(run: RunRow) -> bool:
    """Tell whether a run belongs to eventflow itself."""
    return run.workflow_id.startswith(INTERNAL)


def holds_positions(run_id: str) -> bool:
    """Tell whether the events of a run speak of positions, so that they are true in one log."""
    return run_id.startswith(SUBSCRIPTION)


def asked_for(query: RunQuery, rows: Iterable[Projection]) -> list[Projection]:
    """Leave out eventflow's own runs, unless they are asked for by their workflow or by name."""
    if query.workflow_id is not None or query.run_ids is not None:
        return list(rows)
    return [each for each in rows if not is_internal(each.run)]
