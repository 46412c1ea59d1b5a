"""Replays a run as a whole: what a stage gives now is given to the stages behind it.

It follows the plan of today, as a rerun would. Stages that the run never came to are executed too,
as soon as all outputs before them are there.
"""

from collections.abc import Collection
from datetime import timedelta

from eventflow.core import events as e
from eventflow.core.artifacts import Artifact
from eventflow.core.change import changed
from eventflow.core.stage import Claim, Resumption, StageState, carried_over
from eventflow.core.state import RunState
from eventflow.core.values import JSON, JobKind, Status
from eventflow.definition.workflow import AnyStage
from eventflow.testing.differences import MISSING, differences
from eventflow.testing.divergence import Divergence
from eventflow.testing.keeping import Kept
from eventflow.testing.performing import Performed
from eventflow.testing.player import Player
from eventflow.testing.stage_history import Attempt

LEASE = timedelta(hours=1)


async def play_on(player: Player, chosen: Collection[str]) -> None:
    """Execute some stages and everything that follows from them, and compare how the run ends."""
    await _PlayingOn(player, chosen).play()


class _PlayingOn:
    """One replay that feeds its own outputs on.

    `statuses` has what became of the stages that were executed or taken as recorded, and `kept`
    what they keep by name.
    """

    def __init__(self, player: Player, chosen: Collection[str]) -> None:
        self._player = player
        self._chosen = chosen
        self._history = player.history
        self._now = player.history.state()
        self._workflow = player.otherwise.workflow
        self._statuses: dict[str, Status] = {}
        self._kept: dict[str, Kept] = {}

    async def play(self) -> None:
        for stage_id in self._now.plan.stage_ids():
            if self._workflow.find(stage_id) is None:
                self._player.missing(stage_id)
        for stage in self._workflow.stages:
            await self._stage(stage)
        await self._compare_endings()

    async def _stage(self, stage: AnyStage) -> None:
        if stage.id in self._player.otherwise.outputs:
            self._statuses[stage.id] = Status.COMPLETED
            self._keep_as_recorded(stage.id)
            return
        if stage.id not in self._chosen:
            self._take_as_recorded(stage.id)
            return
        waits_for = self._not_there_before(stage.id)
        if waits_for is not None:
            self._player.skip(stage.id, f'there is no output of stage "{waits_for}" before it')
            return
        claims = self._player.claims_of(stage.id)
        if claims:
            await self._again(stage.id, claims)
        elif stage.id in self._now.stages:
            self._take_as_recorded(stage.id)
        else:
            await self._for_the_first_time(stage.id)

    def _take_as_recorded(self, stage_id: str) -> None:
        """Let a stage have what it has in the history."""
        state = self._now.stages.get(stage_id)
        if state is not None:
            self._statuses[stage_id] = state.status
            self._keep_as_recorded(stage_id)
        if state is not None and state.status is Status.COMPLETED:
            self._player.outputs[stage_id] = state.output

    def _keep_as_recorded(self, stage_id: str) -> None:
        """Let the stages behind find what a stage had saved."""
        if stage_id in self._now.stages:
            self._kept[stage_id] = self._history.stage(stage_id).kept

    def _not_there_before(self, stage_id: str) -> str | None:
        group = self._workflow.group_of(stage_id)
        earlier = (stage.id for each in self._workflow.groups[: group - 1] for stage in each)
        return next((each for each in earlier if each not in self._player.outputs), None)

    async def _again(self, stage_id: str, claims: list[Attempt]) -> None:
        """Execute recorded attempts until one ends the stage; a recorded check ends it as well."""
        state: JSON = None
        suspended = False
        for claim in claims:
            run, found = self._as_found(claim.run, claim.state)
            if suspended and found.resumption is not None:
                found = changed(found, resumption=Resumption(state, found.resumption.signal))
            performed = await self._player.play(claim, run, found, self._readable(found))
            await self._note(stage_id, performed)
            if isinstance(performed.event, e.StageSuspended):
                state, suspended = performed.event.state, True
            elif isinstance(performed.event, e.StageCompleted | e.StageFailed):
                self._compare_outputs(claim, performed.event)
                return
        last = [each for each in self._history.attempts if each.stage == stage_id][-1]
        answered = last.kind is JobKind.CHECK and not self._player.checks
        if answered and self._statuses[stage_id] is Status.SUSPENDED:
            self._take_as_recorded(stage_id)

    def _compare_outputs(self, claim: Attempt, event: e.StageCompleted | e.StageFailed) -> None:
        """Compare an output that came earlier than recorded with the one that came in the end."""
        recorded = self._now.stages[claim.stage]
        in_time = claim.outcome is not None and isinstance(claim.outcome.event, e.StageCompleted)
        if in_time or recorded.status is not Status.COMPLETED:
            return
        if not isinstance(event, e.StageCompleted):
            return
        output = self._history.load(recorded.output)
        for each in differences({"output": output}, {"output": event.output}):
            found = Divergence(claim.stage, each.path, each.old, each.new, claim.number)
            self._player.divergences.append(found)

    async def _for_the_first_time(self, stage_id: str) -> None:
        """Execute a stage that was never executed, as its first attempt."""
        config = {**self._workflow.default_config(), **self._now.config}
        now = changed(self._now, config=config)
        run, found = self._as_found(now, self._first_claim(stage_id))
        performed = await self._player.perform(run, found, self._readable(found))
        await self._note(stage_id, performed)
        new = self._statuses[stage_id]
        self._player.divergences.append(Divergence(stage_id, "status", MISSING, new))

    async def _note(self, stage_id: str, performed: Performed) -> None:
        self._statuses[stage_id] = performed.run.stages[stage_id].status
        self._kept[stage_id] = performed.kept
        if isinstance(performed.event, e.StageCompleted):
            await self._player.gave(stage_id, performed.event.output)

    def _as_found(self, run: RunState, state: StageState) -> tuple[RunState, StageState]:
        """Give the run as a stage finds it behind what the stages before it gave now."""
        group = self._workflow.group_of(state.id)
        state = changed(state, group=group)
        stages = {
            stage.id: carried_over(
                stage.id, number, self._player.outputs[stage.id], self._history[0]
            )
            for number, each in enumerate(self._workflow.groups[: group - 1], start=1)
            for stage in each
        }
        found = changed(
            self._player.otherwise.apply(run),
            plan=self._workflow.plan,
            stages={**stages, state.id: state},
            status=Status.RUNNING,
            ending=None,
        )
        return found, state

    def _readable(self, mine: StageState) -> list[Artifact]:
        """Give what a stage can read by name: what it and those before it keep now."""
        earlier = [each for group in self._workflow.groups[: mine.group - 1] for each in group]
        return [
            changed(artifact, generation=mine.generation if stage_id == mine.id else 0)
            for stage_id in (*(each.id for each in earlier), mine.id)
            for artifact in self._kept.get(stage_id, {}).values()
        ]

    def _first_claim(self, stage_id: str) -> StageState:
        now = self._now
        return StageState(
            id=stage_id,
            group=self._workflow.group_of(stage_id),
            generation=now.generation,
            scheduled=now.version,
            status=Status.RUNNING,
            attempt=1,
            due_at=now.recorded_at,
            claim=Claim(now.version + 1, "replay", JobKind.EXECUTE, now.recorded_at + LEASE),
        )

    async def _compare_endings(self) -> None:
        old: dict[str, JSON] = {"status": self._now.status}
        if self._now.status is Status.COMPLETED:
            old["output"] = self._history.load(self._now.output)
        for each in differences(old, await self._ending()):
            found = Divergence(None, each.path, each.old, each.new, version=self._now.version)
            self._player.divergences.append(found)

    async def _ending(self) -> dict[str, JSON]:
        """Say how the run ends now: with an output, or as its first stage without one."""
        outputs = self._player.outputs
        for stage in self._workflow.stages:
            if stage.id not in outputs:
                return {"status": self._statuses.get(stage.id, Status.PENDING)}
        last = [stage.id for stage in self._workflow.groups[-1]]
        output = outputs[last[0]] if len(last) == 1 else {each: outputs[each] for each in last}
        return {"status": Status.COMPLETED, "output": await self._player.load(output)}
