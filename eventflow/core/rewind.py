"""From where a run can go on again: the rules that a rerun and a fork share."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from eventflow.core.artifacts import Artifact
from eventflow.core.commands import CreateRun
from eventflow.core.events import CarriedArtifact, ForkedFrom
from eventflow.core.naming import meant
from eventflow.core.plan import Plan
from eventflow.core.state import Ending, RunState
from eventflow.core.values import JSON, Status
from eventflow.errors import CannotRerun, StageNotFound


def refuse_unless_ended(state: RunState, stage_id: str) -> Ending:
    """Give the ending of a run.

    Raises:
        CannotRerun: The run is alive.
    """
    if state.ending is None:
        raise CannotRerun(
            f'Cannot rerun from stage "{stage_id}": run {state.run_id} is still {state.status}; '
            "cancel it first, or wait until it has ended"
        )
    return state.ending


def earlier_outputs(state: RunState, plan: Plan, stage_id: str) -> tuple[int, dict[str, JSON]]:
    """Give the group of a stage in a plan, and the outputs of all groups before it.

    Raises:
        StageNotFound: The plan has no such stage.
        CannotRerun: An earlier group of the plan has no outputs in the effective history.
    """
    found = plan.find(stage_id)
    if found is None:
        known = ", ".join(f'"{each}"' for each in plan.stage_ids())
        raise StageNotFound(
            f'Stage "{stage_id}" not found in workflow "{plan.workflow_id}"; it has {known}'
            + meant(stage_id, plan.stage_ids())
        )
    group = found[0]
    for number in range(1, group):
        _refuse_unless_completed(state, plan, stage_id, number, group)
    return group, state.outputs_before(group)


def _refuse_unless_completed(
    state: RunState, plan: Plan, stage_id: str, number: int, group: int
) -> None:
    planned = {stage.id for stage in plan.group(number)}
    ran = {stage.id: stage.status for stage in state.stages.values() if stage.group == number}
    if ran and ran.keys() != planned:
        raise CannotRerun(
            f'Cannot rerun from stage "{stage_id}": execution group {number} ran as '
            f"{', '.join(sorted(ran))}, but is now {', '.join(sorted(planned))}; "
            f"rerun from one of these or from an earlier stage"
        )
    if {*ran.values()} != {Status.COMPLETED}:
        raise CannotRerun(
            f'Cannot rerun from stage "{stage_id}": no completed stages found before execution '
            f"group {group}: {_without_output(ran, planned)}; "
            "rerun from there or from an earlier stage"
        )


def _without_output(ran: Mapping[str, Status], planned: Iterable[str]) -> str:
    """Name the stages of a group that have no output."""
    missing = sorted(each for each in planned if ran.get(each) is not Status.COMPLETED)
    named = ", ".join(f'"{each}"' for each in missing)
    return f"{named} {'has' if len(missing) == 1 else 'have'} no output"


def fork_command(
    state: RunState,
    stage_id: str,
    *,
    now: datetime,
    head_hash: str,
    plan: Plan,
    config: Mapping[str, JSON],
    input: JSON,
    metadata: Mapping[str, JSON],
    idempotency_key: str | None,
    request_hash: str | None,
    artifacts: Iterable[Artifact] = (),
) -> CreateRun:
    """Ask for a new run that goes on from a stage of this one, with the outputs that it needs.

    Of the artifacts of this run, it takes along those that count of the stages before.

    Raises:
        StageNotFound: The plan has no such stage.
        CannotRerun: The run is alive, or an earlier group has no outputs.
    """
    refuse_unless_ended(state, stage_id)
    group, outputs = earlier_outputs(state, plan, stage_id)
    return CreateRun(
        now=now,
        plan=plan,
        input=input,
        config=config,
        priority=state.priority,
        metadata=metadata,
        idempotency_key=idempotency_key,
        request_hash=request_hash,
        group=group,
        forked_from=ForkedFrom(state.run_id, state.version, head_hash),
        carried=outputs,
        artifacts=tuple(
            CarriedArtifact(each.stage, each.name, each.blob, each.size, each.kind)
            for each in artifacts
            if each.effective and each.stage in outputs
        ),
    )
