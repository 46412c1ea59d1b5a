"""What of a run is compared with another one, or with itself at another version."""

from attrs import frozen

from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.finding import find_run
from eventflow.cli.output import as_data
from eventflow.cli.session import Place
from eventflow.core.stage import StageState
from eventflow.core.state import RunState


@frozen
class Side:
    """A run as of a version."""

    run_id: str
    version: int
    state: RunState


async def side(place: Place, given: str) -> Side:
    """Read what `RUN` or `RUN@VERSION` names.

    Raises:
        CommandError: There is no such run or version.
    """
    name, at, number = given.partition("@")
    if at and not number.isdecimal():
        raise CommandError(f'A run as of a version is written RUN@VERSION, not "{given}"')
    found = (await find_run(place.store, name)).run
    version = int(number) if at else found.version
    if not 1 <= version <= found.version:
        raise CommandError(
            f"Run {found.run_id} has the versions 1 to {found.version}, not {version}",
            Exit.NOT_FOUND,
        )
    state = await place.runtime.run(found.run_id).state(version)
    return Side(found.run_id, version, state)


def compared(state: RunState, *, with_times: bool) -> dict[str, object]:
    """Give what is compared: of two runs without what differs between any two, such as times."""
    ending = state.ending
    found: dict[str, object] = {
        "workflow_id": state.workflow_id,
        "fingerprint": state.plan.fingerprint,
        "status": state.status,
        "generation": state.generation,
        "priority": state.priority,
        "metadata": state.metadata,
        "input": state.input,
        "config": state.config,
        "stages": {each.id: _stage(each, with_times=with_times) for each in state.stages.values()},
        "signals": {each.name: each.payload for each in state.signals},
    }
    if ending is not None:
        error = ending.error
        found["ending"] = {
            "output": ending.output,
            "stage": ending.stage,
            "reason": ending.reason,
            "error": None if error is None else [error.type, error.message],
        }
    data = as_data(found)
    return data if isinstance(data, dict) else {}


def _stage(stage: StageState, *, with_times: bool) -> dict[str, object]:
    suspension, error = stage.suspension, stage.error
    found: dict[str, object] = {
        "status": stage.status,
        "generation": stage.generation,
        "attempt": stage.attempt,
        "output": stage.output,
        "metrics": stage.metrics,
        "artifacts": stage.artifacts,
        "error": None if error is None else [error.type, error.message],
        "suspended_with": None if suspension is None else suspension.state,
        "signal": None if suspension is None else suspension.signal,
    }
    if with_times:
        found["worker"] = None if stage.claim is None else stage.claim.worker
        found["due_at"] = None if stage.due_at is None else stage.due_at.isoformat()
    return {name: value for name, value in found.items() if value not in (None, {})}
