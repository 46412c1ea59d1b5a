"""Says what keeps a run from its end, for whoever waits in a test; it only reads its state."""

from eventflow.core.stage import StageState, Suspension
from eventflow.core.state import RunState


def what_holds_up(run: RunState) -> str:
    """Say what a run is, and what each stage of it that is alive waits for."""
    stages = [f'stage "{each.id}" {_waits(each)}' for each in run.stages.values() if each.alive]
    return f"run {run.run_id} is {run.status}" + (f": {'; '.join(stages)}" if stages else "")


def _waits(stage: StageState) -> str:
    if stage.suspension is not None:
        return _is_suspended(stage.suspension)
    if stage.claim is not None:
        return f"is under way at {stage.claim.worker}, attempt {stage.attempt}"
    return f"may be claimed from {stage.due_at} on, attempt {stage.attempt}"


def _is_suspended(waiting: Suspension) -> str:
    signal = f' for the signal "{waiting.signal}"' if waiting.signal is not None else ""
    check = " and is checked on the way" if waiting.check_at is not None else ""
    return f"waits{signal} until {waiting.deadline}{check}"
