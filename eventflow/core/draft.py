"""Events as they are being decided, each folded at once, so that what follows from it is seen."""

from datetime import datetime

from eventflow.core import events as e
from eventflow.core.plan import Plan
from eventflow.core.retry import Retry
from eventflow.core.stage import Claim, StageState
from eventflow.core.state import RunState, evolve
from eventflow.core.values import ErrorInfo, Status

NO_ERROR = ErrorInfo("eventflow.Unknown", "the stage failed without saying why")


class Draft:
    """The events of one decision, and the state of the run behind the last of them.

    Attributes:
        events: What was decided so far, in order.
        now: When it is recorded: the time of the command, but never before the previous event.
        state: The run behind the last event; None before the first event of a new run.
    """

    __slots__ = ("_run_id", "events", "now", "state")

    def __init__(self, state: RunState | None, now: datetime, run_id: str = "") -> None:
        self.state = state
        self.now = now if state is None else max(now, state.recorded_at)
        self.events: list[e.Event] = []
        self._run_id = run_id if state is None else state.run_id

    @property
    def run(self) -> RunState:
        """The run behind the last event."""
        if self.state is None:
            raise ValueError("nothing has been decided yet")
        return self.state

    @property
    def plan(self) -> Plan:
        """The plan that counts behind the last event."""
        return self.run.plan

    def add(self, event: e.Event) -> None:
        """Decide one more event."""
        version = 1 if self.state is None else self.state.version + 1
        self.state = evolve(self.state, e.Recorded(self._run_id, version, self.now, event))
        self.events.append(event)

    def policy(self, stage_id: str) -> Retry:
        """Give the retry policy of a stage, as the plan of the run has it."""
        found = self.plan.find(stage_id)
        return found[1].retry if found is not None else Retry()

    def schedule(self, group: int) -> None:
        """Schedule every stage of an execution group, due at once."""
        for stage in self.plan.group(group):
            self.add(
                e.StageScheduled(
                    stage=stage.id,
                    group=group,
                    generation=self.run.generation,
                    attempt=1,
                    due_at=self.now,
                )
            )

    def end_claim(self, stage: StageState, claim: Claim, reason: str) -> None:
        """End a claim that brought no result, so that the job is due again."""
        self.add(
            e.LeaseExpired(
                stage=stage.id,
                generation=stage.generation,
                attempt=stage.attempt,
                token=claim.token,
                worker=claim.worker,
                reason=reason,
                kind=claim.kind,
            )
        )

    def fail_stage(self, stage: StageState, token: int, error: ErrorInfo) -> None:
        """Fail a claimed stage for good, and the run with it once no sibling is alive."""
        self.add(
            e.StageFailed(
                stage=stage.id,
                generation=stage.generation,
                attempt=stage.attempt,
                token=token,
                error=error,
            )
        )
        self.advance(stage.group)

    def resume_by_signal(self, stage: StageState) -> None:
        """Wake a suspended stage with the oldest unused signal that it waits for, if any."""
        awaited = stage.suspension.signal if stage.suspension is not None else None
        for signal in self.run.signals:
            if signal.name == awaited and not signal.used:
                self.resume(stage, "signal", signal.version)
                return

    def resume(self, stage: StageState, reason: str, signal: int | None = None) -> None:
        """Let a suspended stage be executed again."""
        self.add(e.StageResumed(stage.id, stage.generation, stage.attempt, reason, signal))

    def advance(self, group: int, rejection: ErrorInfo | None = None) -> None:
        """Decide what follows once no stage of a group is alive: the next group, or the end."""
        stages = [stage for stage in self.run.stages.values() if stage.group == group]
        if any(stage.alive for stage in stages):
            return
        failed = [stage for stage in stages if stage.status is Status.FAILED]
        if failed:
            first = min(failed, key=lambda stage: stage.ended)
            self.add(e.RunFailed(first.error or NO_ERROR, first.id))
        elif not self.plan.is_last(group):
            self.schedule(group + 1)
        elif rejection is not None:
            self.add(e.RunFailed(rejection))
        else:
            self.add(e.RunCompleted(self.run.output_of(group)))
