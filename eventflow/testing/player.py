"""Executes recorded attempts with the code of today, and takes down what comes out otherwise."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from eventflow.core import events as e
from eventflow.core.artifacts import Artifact
from eventflow.core.change import changed
from eventflow.core.stage import StageState
from eventflow.core.state import RunState
from eventflow.core.values import JSON, JobKind
from eventflow.testing.differences import MISSING, Difference, differences
from eventflow.testing.divergence import Divergence, ReplayReport, Skipped
from eventflow.testing.history import History
from eventflow.testing.ignoring import ignoring
from eventflow.testing.keeping import Kept
from eventflow.testing.performing import Performed, Performer
from eventflow.testing.stage_history import Attempt
from eventflow.testing.telling import compared, told
from eventflow.testing.what_if import Changes

ANY_RANDOM = 0.5


class Player:
    """One replay under way.

    Attributes:
        history: The run.
        otherwise: What is not to be as recorded.
        checks: Whether checks are executed.
        outputs: The outputs of the stages, as far as they are known by now.
        divergences: What came out otherwise.
        skipped: What was not executed.
    """

    def __init__(
        self, history: History, otherwise: Changes, calls: Performer, *, checks: bool
    ) -> None:
        self.history = history
        self.otherwise = otherwise
        self.checks = checks
        self.outputs: dict[str, JSON] = dict(otherwise.outputs)
        self.divergences: list[Divergence] = []
        self.skipped: list[Skipped] = []
        self._calls = calls
        self._executed = 0

    def claims_of(self, stage_id: str) -> list[Attempt]:
        """Give the claims of a stage that can be executed and compared; note the others."""
        claims = [each for each in self.history.attempts if each.stage == stage_id]
        fit: list[Attempt] = []
        for claim, following in zip_longest(claims, claims[1:]):
            reason = self._why_not(claim, following)
            if reason is None:
                fit.append(claim)
            else:
                self.skip(stage_id, reason, claim.token)
        return fit

    def _why_not(self, claim: Attempt, following: Attempt | None) -> str | None:
        """Say why a claim has nothing to be compared with.

        A check that another check follows was not ready yet, which leaves no event.
        """
        if claim.kind is JobKind.CHECK and not self.checks:
            return "a check; its recorded answer counts"
        pending = {claim.kind, following and following.kind} == {JobKind.CHECK}
        if claim.outcome is None and not pending:
            return "it led to nothing: it was cut short, or was still under way"
        if claim.outcome is not None and isinstance(claim.outcome.event, e.LeaseExpired):
            return "its worker was lost, or gave it back"
        return None

    def skip(self, stage_id: str, reason: str, version: int = 0) -> None:
        """Note what is not executed."""
        self.skipped.append(Skipped(stage_id, reason, version))

    def missing(self, stage_id: str) -> None:
        """Note that the workflow of today does not have a stage that the run has."""
        self.divergences.append(Divergence(stage_id, "stage", stage_id, MISSING))

    async def play(
        self, claim: Attempt, run: RunState, state: StageState, artifacts: Sequence[Artifact]
    ) -> Performed:
        """Execute what a claim was for, on a run, and compare what comes of it."""
        answers = {**state.steps, **claim.steps, **self.otherwise.steps.get(state.id, {})}
        steps = _Served(answers)
        claimed = changed(state, steps=steps)
        performed = await self.perform(run, claimed, artifacts, _random_of(claim))
        version = claim.token if claim.outcome is None else claim.outcome.version
        recorded = {name: self.history.load(output) for name, output in claim.steps.items()}
        found = [
            *self._in_outcome(claim, performed),
            *_in_steps(recorded, performed.steps, steps),
            *await self._in_storage(claim.left, performed.kept),
        ]
        for number, each in enumerate(found):
            self.divergences.append(
                Divergence(
                    stage=state.id,
                    path=each.path,
                    old=each.old,
                    new=each.new,
                    attempt=claim.number,
                    version=version,
                    traceback=None if number else _traceback(performed.event),
                )
            )
        return performed

    async def perform(
        self,
        run: RunState,
        state: StageState,
        artifacts: Sequence[Artifact],
        random: float = ANY_RANDOM,
    ) -> Performed:
        """Execute a claimed stage on a run, and compare it with nothing."""
        self._executed += 1
        workflow = self.otherwise.workflow
        stage = workflow.stage(state.id)
        return await self._calls.perform(run, state, stage, workflow, random, artifacts=artifacts)

    def _in_outcome(self, claim: Attempt, performed: Performed) -> Iterator[Difference]:
        outcome = claim.outcome
        old = told(None, claim.claimed_at)
        if outcome is not None:
            old = told(self.history.opened(outcome.event), outcome.recorded_at)
        return compared(old, told(performed.event, performed.recorded_at))

    async def _in_storage(self, old: Kept, new: Kept) -> Iterator[Difference]:
        """Compare what the stage kept behind an attempt; what has the same bytes is not read."""
        names = [
            each for each in {**old, **new} if _content(old.get(each)) != _content(new.get(each))
        ]
        before, after = [
            await self._calls.contents({each: kept[each] for each in names if each in kept})
            for kept in (old, new)
        ]
        return differences({"saved": before}, {"saved": after})

    async def gave(self, stage_id: str, output: JSON) -> None:
        """Take an output of a stage as it would be stored."""
        self.outputs[stage_id] = await self._calls.store(output)

    async def load(self, value: JSON) -> JSON:
        """Give a value with everything large in its place."""
        return await self._calls.load(value)

    async def report(self, ignore: Collection[str]) -> ReplayReport:
        """Give what came of it."""
        ignored = ignoring(ignore)
        return ReplayReport(
            run_id=self.history.run_id,
            workflow_id=self.otherwise.workflow.id,
            divergences=tuple(
                each for each in self.divergences if not ignored(each.stage, each.path)
            ),
            executed=self._executed,
            skipped=tuple(self.skipped),
            outputs={name: await self.load(output) for name, output in self.outputs.items()},
        )


class _Served(Mapping[str, JSON]):
    """The recorded outputs of durable steps; it notes which were asked for."""

    def __init__(self, answers: Mapping[str, JSON]) -> None:
        self._answers = answers
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> JSON:
        answer = self._answers[name]
        self.asked.add(name)
        return answer

    def __iter__(self) -> Iterator[str]:
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)


def _random_of(claim: Attempt) -> float:
    outcome: Any = None if claim.outcome is None else claim.outcome.event
    return outcome.random if isinstance(outcome, e.StageAttemptFailed) else ANY_RANDOM


def _in_steps(
    recorded: Mapping[str, JSON], called: Mapping[str, JSON], steps: _Served
) -> Iterator[Difference]:
    """Find steps that were not recorded, and those that were and are not asked for any more."""
    forgotten = {name: output for name, output in recorded.items() if name not in steps.asked}
    return differences({"steps": forgotten}, {"steps": dict(called)})


def _content(artifact: Artifact | None) -> object:
    return artifact and (artifact.blob, artifact.kind)


def _traceback(event: e.Event | None) -> str | None:
    match event:
        case e.StageAttemptFailed() | e.StageFailed():
            return event.error.traceback
        case _:
            return None
