"""Executes the stages of today on a recorded run, and says where they go another way.

Nothing is appended to any store. What the code does outside of its context, it does for real.
"""

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from eventflow.definition.stage import Stage
from eventflow.definition.workflow import AnyStage, Workflow
from eventflow.errors import StageNotFound
from eventflow.runtime.ai import AISource
from eventflow.runtime.requests import UNCHANGED
from eventflow.testing.clock import ManualClock
from eventflow.testing.divergence import ReplayReport
from eventflow.testing.history import History
from eventflow.testing.performing import blobs_of, performer
from eventflow.testing.player import Player
from eventflow.testing.playing_alone import play_alone
from eventflow.testing.playing_on import play_on
from eventflow.testing.what_if import Code, changes

AnyStageOrId: TypeAlias = AnyStage | str


async def replay(
    history: History,
    workflow: Workflow[Any, Any],
    *,
    from_stage: AnyStageOrId | None = None,
    stages: Collection[AnyStageOrId] | AnyStageOrId | None = None,
    replace: Mapping[str, Code] | None = None,
    config: Mapping[str, object] | None = None,
    input: object = UNCHANGED,
    outputs: Mapping[str, object] | None = None,
    steps: Mapping[str, Mapping[str, object]] | None = None,
    feed: bool = False,
    checks: bool = False,
    clock: ManualClock | None = None,
    ai: AISource | None = None,
    ignore: Collection[str] = (),
) -> ReplayReport:
    """Execute the stages of today on what a run recorded, and compare what comes of it.

    Each attempt that counts is executed with the recorded input, config, earlier outputs, signal
    and suspended state, as the attempt, in the generation and at the time that it was. Durable
    steps that were recorded give their recorded outputs, and are not called. `ctx.storage` gives
    what was recorded up to then, and what is saved now is compared. By default each stage is
    judged alone, on what was recorded before it, so that a change shows in its own stage only.

    Args:
        history: The run.
        workflow: The workflow of today.
        from_stage: Execute this stage, its group and all later groups only.
        stages: Execute these stages only.
        replace: By stage id, a stage or a function to execute instead.
        config: By stage id, fields that replace those of the recorded config.
        input: Replaces the input of the run.
        outputs: By stage id, outputs that replace the recorded ones; these stages are not executed.
        steps: By stage id, the outputs of durable steps that replace the recorded ones, by name.
        feed: Give what a stage gives now to the stages behind it, as far as the plan of today goes,
            and compare how the run ends.
        checks: Execute the checks of suspended stages too, which ask the outside; by default their
            recorded answers count.
        clock: The time that the stages wait with, which then moves as far as it must. By default
            the time stands still at that of each claim, and whoever waits, waits for real.
        ai: How models are called; by default each attempt gets its recorded answers again, and a
            call that it did not make then raises `CallNotRecorded`.
        ignore: Paths not to compare, such as `output.created` or `count.metrics.*`.

    Raises:
        InvalidConfig, InvalidInput, InvalidOutput: What replaces something does not fit.
        StageNotFound: The workflow, or the run, has no such stage.
        ValueError: The run is one of another workflow.
    """
    if history.workflow_id != workflow.id:
        raise ValueError(
            f'run {history.run_id} is one of workflow "{history.workflow_id}", '
            f'not of "{workflow.id}"'
        )
    otherwise = changes(
        workflow,
        replace=replace or {},
        config=config or {},
        input=input,
        outputs=outputs or {},
        steps=steps or {},
    )
    chosen = _chosen(history, workflow, from_stage, stages)
    with performer(clock, ai, history, await blobs_of(history.blobs.values())) as calls:
        player = Player(history, otherwise, calls, checks=checks)
        await (play_on if feed else play_alone)(player, chosen)
        return await player.report(ignore)


def _chosen(
    history: History,
    workflow: Workflow[Any, Any],
    from_stage: AnyStageOrId | None,
    stages: Collection[AnyStageOrId] | AnyStageOrId | None,
) -> frozenset[str]:
    """Give the ids of the stages to execute."""
    there = {*history.state().plan.stage_ids(), *(stage.id for stage in workflow.stages)}
    one = [stages] if isinstance(stages, str | Stage) else stages
    wanted = there if one is None else {_id(each) for each in one}
    for each in (*wanted, *([] if from_stage is None else [_id(from_stage)])):
        if each not in there:
            raise StageNotFound(
                f'There is no stage "{each}" to replay; there is {", ".join(sorted(there))}'
            )
    if from_stage is not None:
        first = _group(history, workflow, _id(from_stage))
        wanted = {each for each in wanted if _group(history, workflow, each) >= first}
    return frozenset(wanted)


def _id(stage: AnyStageOrId) -> str:
    return stage.id if isinstance(stage, Stage) else stage


def _group(history: History, workflow: Workflow[Any, Any], stage_id: str) -> int:
    found = history.state().plan.find(stage_id)
    return workflow.group_of(stage_id) if found is None else found[0]
