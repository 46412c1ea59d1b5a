"""Replays each stage alone, on what was recorded before it; a change shows in its own stage."""

from collections.abc import Collection

from eventflow.core import events as e
from eventflow.core.change import changed
from eventflow.core.state import RunState
from eventflow.core.values import Status
from eventflow.testing.player import Player


async def play_alone(player: Player, chosen: Collection[str]) -> None:
    """Execute the recorded attempts of some stages, stage by stage in the order of the plan."""
    now = player.history.state()
    for stage_id in now.plan.stage_ids():
        state = now.stages.get(stage_id)
        if state is not None and state.status is Status.COMPLETED:
            player.outputs.setdefault(stage_id, state.output)
        if stage_id in chosen and stage_id not in player.otherwise.outputs:
            await _play_stage(player, stage_id)


async def _play_stage(player: Player, stage_id: str) -> None:
    if player.otherwise.workflow.find(stage_id) is None:
        player.missing(stage_id)
        return
    for claim in player.claims_of(stage_id):
        run = _as_found(player, claim.run)
        performed = await player.play(claim, run, claim.state, claim.found)
        if isinstance(performed.event, e.StageCompleted):
            await player.gave(stage_id, performed.event.output)


def _as_found(player: Player, run: RunState) -> RunState:
    """Give a run as a stage finds it, with what is to be otherwise."""
    given = player.otherwise.outputs
    stages = {
        each.id: changed(each, output=given[each.id]) if each.id in given else each
        for each in run.stages.values()
    }
    return changed(player.otherwise.apply(run), stages=stages)
