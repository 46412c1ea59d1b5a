"""Builds operations as the engine would: decided, folded, projected and chained for real."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from attrs import Factory, define, evolve

from eventflow.core import commands as c
from eventflow.core.ai import AICallKind, Tokens
from eventflow.core.decide import draft
from eventflow.core.draft import Draft
from eventflow.core.events import AICalled, Note, RunAnnotated
from eventflow.core.plan import Plan, StagePlan
from eventflow.core.projection import Projection, changes, project
from eventflow.core.state import RunState, replay
from eventflow.core.values import JSON, ErrorInfo
from eventflow.runtime.identifiers import new_id
from eventflow.store.chain import GENESIS, seal
from eventflow.store.contract import Operation, StoredEvent
from eventflow.store.envelope import open_envelope

START = datetime(2026, 1, 1, tzinfo=UTC)
"""The time at which whatever is built happens, unless another is given."""

LEASE = 60.0
"""Seconds for which a claim holds."""


def at(seconds: float) -> datetime:
    """Give the time so many seconds after `START`."""
    return START + timedelta(seconds=seconds)


def plan(workflow_id: str = "analysis", groups: Sequence[Sequence[str]] = (("a",),)) -> Plan:
    """Build the plan of a workflow from the stage ids of its execution groups."""
    return Plan(
        workflow_id,
        workflow_id.capitalize(),
        tuple(tuple(StagePlan(stage, stage) for stage in group) for group in groups),
        "f" * 16,
    )


def operation(
    state: RunState | None,
    work: Draft,
    *,
    head: bytes = GENESIS,
    op_id: str | None = None,
    key: str | None = None,
    actor: str | None = "tester",
) -> Operation:
    """Build the operation that appends what was decided behind a state.

    `head` is the hash of the last event of that state.
    """
    expected = state.version if state is not None else 0
    op_id = op_id or new_id()
    return Operation(
        op_id=op_id,
        run_id=work.run.run_id,
        expected=expected,
        events=seal(
            run_id=work.run.run_id,
            events=work.events,
            after=expected,
            previous=head,
            recorded_at=work.now,
            actor=actor,
            op_id=op_id,
        ),
        changes=changes(state, work.run),
        idempotency_key=key,
    )


@define
class Author:
    """Writes the life of one run, one operation behind the other, trusting that each is appended.

    `copy` before writing gives a rival who knows the same and writes something else.

    Attributes:
        run_id: The run.
        state: The run behind what was written; None before it is created.
        head: The hash of the last event.
    """

    run_id: str = Factory(new_id)
    state: RunState | None = None
    head: bytes = GENESIS

    @classmethod
    def of(cls, history: Sequence[StoredEvent]) -> "Author":
        """Go on from the whole history of a run."""
        state = replay(open_envelope(stored) for stored in history)
        return cls(state.run_id, state, history[-1].hash)

    @property
    def run(self) -> RunState:
        """The run, which exists."""
        if self.state is None:
            raise ValueError(f"run {self.run_id} was not created yet")
        return self.state

    @property
    def version(self) -> int:
        """The version of the last event; 0 before the run is created."""
        return self.state.version if self.state is not None else 0

    def copy(self) -> "Author":
        """Give somebody who knows the same."""
        return evolve(self)

    def projection(self) -> Projection:
        """Give the rows that a store lists: stages by group and id, jobs by schedule and stage."""
        rows = project(self.run)
        return Projection(
            run=rows.run,
            stages=tuple(sorted(rows.stages, key=lambda row: (row.group, row.stage))),
            jobs=tuple(sorted(rows.jobs, key=lambda row: (row.scheduled, row.stage))),
        )

    def token(self, stage: str) -> int:
        """Give the current token of a stage, or 0."""
        claim = self.run.stages[stage].claim
        return claim.token if claim is not None else 0

    def write(
        self,
        work: Draft,
        *,
        op_id: str | None = None,
        key: str | None = None,
        actor: str | None = "tester",
    ) -> Operation:
        """Write what was decided."""
        written = operation(self.state, work, head=self.head, op_id=op_id, key=key, actor=actor)
        self.state, self.head = work.run, written.events[-1].hash
        return written

    def do(self, command: c.Command, *, key: str | None = None) -> Operation:
        """Write what a command leads to."""
        return self.write(draft(self.state, command, self.run_id), key=key)

    def create(
        self,
        workflow_id: str = "analysis",
        groups: Sequence[Sequence[str]] = (("a",),),
        *,
        now: datetime = START,
        priority: int = 5,
        metadata: Mapping[str, JSON] | None = None,
        value: JSON = None,
        key: str | None = None,
    ) -> Operation:
        """Create the run, with the stages of its first execution group scheduled."""
        command = c.CreateRun(
            now=now,
            plan=plan(workflow_id, groups),
            input=value,
            config={},
            priority=priority,
            metadata=metadata or {},
            idempotency_key=key,
        )
        return self.do(command, key=key)

    def note(
        self,
        value: JSON = None,
        *,
        count: int = 1,
        now: datetime = START,
        op_id: str | None = None,
        key: str | None = None,
        actor: str | None = "tester",
    ) -> Operation:
        """Append notes, which change nothing."""
        notes: list[Note] = [RunAnnotated("note", value)] * count
        work = Draft(self.state, now)
        for each in notes:
            work.add(each)
        return self.write(work, op_id=op_id, key=key, actor=actor)

    def call_model(
        self, cost: Decimal | None = None, *, stage: str = "a", now: datetime = START
    ) -> Operation:
        """Note that a stage called a model, for so many dollars if that is known."""
        state = self.run
        called = AICalled(
            topic=f"workflow.{state.run_id}.stage.{stage}",
            kind=AICallKind.TEXT,
            requested_model="example:model",
            request_hash="0" * 64,
            duration=0.5,
            stage=stage,
            generation=state.generation,
            attempt=1,
            tokens=Tokens(input=10, output=5),
            cost=cost,
        )
        work = Draft(state, now)
        work.add(called)
        return self.write(work)

    def claim(self, stage: str = "a", *, now: datetime = START, lease: float = LEASE) -> Operation:
        """Claim the job of a stage, taking over a claim that has expired."""
        token = self.token(stage)
        return self.do(
            c.ClaimJob(
                now=now,
                stage=stage,
                worker="worker",
                lease=lease,
                seen_token=token,
                seen_leased=token > 0,
            )
        )

    def complete(self, stage: str = "a", *, now: datetime = START, output: JSON = 1) -> Operation:
        """Complete a claimed stage, and whatever follows from that."""
        return self.do(
            c.CompleteStage(now=now, stage=stage, token=self.token(stage), output=output)
        )

    def fail(self, stage: str = "a", *, now: datetime = START) -> Operation:
        """Fail an attempt at a claimed stage, which is due again two seconds later."""
        error = ErrorInfo("builtins.ValueError", "broken")
        return self.do(
            c.FailAttempt(now=now, stage=stage, token=self.token(stage), error=error, random=0.5)
        )

    def suspend(
        self, stage: str = "a", *, now: datetime = START, check_after: float = 30.0
    ) -> Operation:
        """Suspend a claimed stage."""
        return self.do(
            c.SuspendStage(
                now=now,
                stage=stage,
                token=self.token(stage),
                state={"batch": 1},
                check_after=check_after,
            )
        )

    def cancel(self, *, now: datetime = START) -> Operation:
        """Cancel the run."""
        return self.do(c.CancelRun(now=now, reason="enough"))

    def rewind(self, stage: str = "a", *, now: datetime = START) -> Operation:
        """Rewind the run, which has ended, to the execution group of a stage."""
        run = self.run
        return self.do(
            c.RewindRun(now=now, stage=stage, plan=run.plan, config=run.config, input=run.input)
        )
