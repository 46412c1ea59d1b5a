"""What must be true of every whole history, written without the code that decides or folds it."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from attrs import define

from eventflow.core import events as e
from eventflow.core.ai import AITotals, AIUse
from eventflow.core.plan import Plan
from eventflow.core.values import JobKind

ENDINGS = e.RunCompleted | e.RunFailed | e.RunCancelled
NOTES = (
    e.StageLogged
    | e.StageProgressed
    | e.RunAnnotated
    | e.ArtifactSaved
    | e.ArtifactDeleted
    | e.ResultDiscarded
    | e.AICalled
)


@define
class Spent:
    """What one stage has used up in one generation.

    Attributes:
        limit: The attempts that the plan of this generation allows.
        attempts: Attempts that failed, or were lost, without ending the stage.
        checks: The same of the checks of the current suspension.
        executed: Claims that executed the stage.
        free: Executions that use up no attempt: after a claim was given back, or a suspension.
    """

    limit: int
    attempts: int = 0
    checks: int = 0
    executed: int = 0
    free: int = 0

    def spend(self, kind: JobKind) -> None:
        """Count an attempt or a check."""
        if kind is JobKind.EXECUTE:
            self.attempts += 1
        else:
            self.checks += 1

    def count(self, event: e.Event) -> None:
        """Count one event of the stage."""
        match event:
            case e.JobClaimed(kind=JobKind.EXECUTE):
                self.executed += 1
            case e.StageSuspended():
                self.checks = 0
            case e.StageResumed():
                self.free += 1
            case e.LeaseExpired(reason=e.LEASE_RELEASED):
                self.free += event.kind is JobKind.EXECUTE
            case e.LeaseExpired() | e.StageAttemptFailed():
                self.spend(event.kind)
            case _:
                pass


Told: TypeAlias = dict[str | None, tuple[int, int, int, Decimal]]
"""By stage, and for the whole run under None: calls, failures, unknown prices, and the cost."""


def totals(history: Sequence[e.Recorded]) -> Told:
    """Add up the calls of models in a history; stages without calls are left out."""
    found: Told = {None: (0, 0, 0, Decimal(0))}
    for call in (fact.event for fact in history):
        if isinstance(call, e.AICalled):
            unpriced = call.cost is None and (call.error is None or call.tokens is not None)
            for key in {None, call.stage}:
                calls, failed, unknown, cost = found.get(key, (0, 0, 0, Decimal(0)))
                failed += call.error is not None
                cost += call.cost or Decimal(0)
                found[key] = calls + 1, failed, unknown + unpriced, cost
    return found


def told(totals: AITotals) -> Told:
    """Give what a state tells, for comparison."""
    uses: list[tuple[str | None, AIUse]] = [(None, totals.total), *totals.stages.items()]
    return {key: (use.calls, use.failed, use.unpriced, use.cost) for key, use in uses}


def assert_completed_once(history: Sequence[e.Recorded]) -> None:
    """No stage completes twice in one generation, in the whole history."""
    completed = Counter(
        (fact.event.stage, fact.event.generation)
        for fact in history
        if isinstance(fact.event, e.StageCompleted)
    )
    assert all(times == 1 for times in completed.values())


def assert_steps_completed_once(history: Sequence[e.Recorded]) -> None:
    """No step completes twice in one generation of its stage, in the whole history."""
    completed = Counter(
        (fact.event.stage, fact.event.generation, fact.event.name)
        for fact in history
        if isinstance(fact.event, e.StepCompleted)
    )
    assert all(times == 1 for times in completed.values())


def assert_nothing_counts_twice(counted: Sequence[e.Recorded]) -> None:
    """In an effective history each stage is scheduled once, and ended once, at the most."""
    scheduled = Counter(
        fact.event.stage for fact in counted if isinstance(fact.event, e.StageScheduled)
    )
    ended = Counter(
        fact.event.stage
        for fact in counted
        if isinstance(fact.event, e.StageCompleted | e.StageFailed)
    )
    assert all(times == 1 for times in ended.values())
    assert all(times == 1 for times in scheduled.values())


def assert_left_only_by_rewind(history: Sequence[e.Recorded]) -> None:
    """Behind the end of a run there are notes, until a rewind."""
    ended = False
    for fact in history:
        if isinstance(fact.event, e.RunRewound):
            assert ended
            ended = False
        elif isinstance(fact.event, ENDINGS):
            assert not ended
            ended = True
        else:
            assert not ended or isinstance(fact.event, NOTES)


def assert_budgets_kept(history: Sequence[e.Recorded]) -> None:
    """A stage is tried, and a suspension checked, no more often than the plan allows.

    Whatever uses up the last attempt is followed at once by the failure of the stage, and there is
    no execution without a first attempt, a failed one, a claim given back, or a resumption before.
    """
    plan: Plan | None = None
    spent: dict[tuple[str, int], Spent] = {}
    exhausted: tuple[str, int] | None = None
    for event in (fact.event for fact in history):
        if isinstance(event, e.RunCreated | e.RunRewound):
            plan = event.plan
        stage, generation = getattr(event, "stage", None), getattr(event, "generation", None)
        if stage is None or generation is None or isinstance(event, e.RunRewound | NOTES):
            continue
        key = stage, generation
        if isinstance(event, e.StageScheduled):
            found = plan.find(stage) if plan is not None else None
            assert found is not None
            spent[key] = Spent(found[1].retry.max_attempts)
        assert exhausted is None or (key == exhausted and isinstance(event, e.StageFailed))
        used = spent[key]
        used.count(event)
        assert used.executed <= 1 + used.attempts + used.free
        lost = max(used.attempts, used.checks) >= used.limit
        exhausted = key if lost and not isinstance(event, e.StageFailed) else None
    assert exhausted is None
