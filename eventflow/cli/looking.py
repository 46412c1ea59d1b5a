"""Reads all that is shown of one run; it draws nothing."""

from collections.abc import Sequence

from attrs import frozen

from eventflow.cli.finding import find_run
from eventflow.cli.output import as_data
from eventflow.cli.session import Place
from eventflow.cli.timeline import Row, timeline
from eventflow.core.events import RunAnnotated
from eventflow.core.projection import Projection
from eventflow.core.state import RunState, replay
from eventflow.store.envelope import Envelope


@frozen
class Shown:
    """All that is shown of a run."""

    rows: Projection
    state: RunState
    history: Sequence[Envelope]
    timeline: Sequence[Row]


async def look(place: Place, given: str) -> Shown:
    """Read all that is shown of a run."""
    rows = await find_run(place.store, given)
    history = await place.runtime.run(rows.run.run_id).history()
    return Shown(rows, replay(history), history, timeline(history))


def as_json(shown: Shown) -> dict[str, object]:
    """Give what is shown as data for programs."""
    state = shown.state
    annotations = [
        {"version": each.version, "actor": each.actor, **_fields(each.event)}
        for each in shown.history
        if isinstance(each.event, RunAnnotated)
    ]
    return {
        "run": shown.rows.run,
        "input": state.input,
        "output": state.output,
        "ending": state.ending,
        "forked_from": state.forked_from,
        "stages": list(state.stages.values()),
        "annotations": annotations,
        "timeline": shown.timeline,
    }


def _fields(event: RunAnnotated) -> dict[str, object]:
    data = as_data(event)
    return dict(data) if isinstance(data, dict) else {}
