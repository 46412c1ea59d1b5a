"""What holds of every run, however workers, time, signals, cancellations and rewinds mix."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeAlias

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from eventflow.core import events as e
from eventflow.core.decide import decide, draft
from eventflow.core.plan import Plan
from eventflow.core.projection import JobRow, changes, project
from eventflow.core.rewind import fork_command
from eventflow.core.state import effective, replay
from eventflow.core.values import JSON, JobKind, Status
from eventflow.errors import CannotRerun, StageNotFound
from tests.core import spec
from tests.core.histories import (
    assert_budgets_kept,
    assert_completed_once,
    assert_left_only_by_rewind,
    assert_nothing_counts_twice,
    assert_steps_completed_once,
    told,
    totals,
)
from tests.core.rows import Rows
from tests.core.spec import Ask, World, given
from tests.core.strategies import (
    SIGNALS,
    Result,
    calls,
    changed_plans,
    of_checks,
    of_executions,
    plans,
    seconds,
    steps,
)

Held: TypeAlias = tuple[str, str, int]
"""A claim as its worker remembers it: the run, the stage, and the token."""

Claimed: TypeAlias = Held | MultipleResults[Held]
"""A claim, or none when somebody else was faster."""


class Run:
    """A run with the rows that a store would hold of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rows = Rows()

    def do(self, step: Ask) -> tuple[e.Event, ...]:
        """Decide a step, append what it leads to, and write the rows."""
        before = self.world
        command = step(before)
        events = decide(before.state, command)
        assert decide(before.state, command) == events
        self.world = before.append(*events)
        if events:
            self.rows.write(changes(before.state, self.world.run))
            assert self.world.state == draft(before.state, command, before.run_id).state
        return events

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.world = given(spec.wait(seconds), world=self.world).world

    def wait_until_due(self, row: JobRow) -> None:
        """Let time go by until the time of a job has come."""
        self.wait(max(0.0, (row.due_at - self.world.now).total_seconds()))

    def claim(self, row: JobRow) -> tuple[e.Event, ...]:
        """Claim a job as its row was found."""
        return self.do(spec.claim(row.stage, token=row.token, leased=row.leased))


class RunMachine(RuleBasedStateMachine):
    """Workers with old tokens and old rows, and people who cancel, signal, rewind and fork."""

    rows: Bundle[tuple[str, JobRow]] = Bundle("rows")
    tokens: Bundle[Held] = Bundle("tokens")

    @initialize(plan=plans())
    def create(self, plan: Plan) -> None:
        """Create a run."""
        self.run = Run(World())
        self.run.do(spec.create(plan))

    @property
    def alive(self) -> bool:
        """Whether the run has not ended."""
        return not self.run.world.run.status.ended

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), target=rows)
    def find(self, data: st.DataObject) -> tuple[str, JobRow]:
        """Find a row, to be claimed some time."""
        stage = data.draw(st.sampled_from(sorted(self.run.rows.jobs)))
        return self.run.world.run_id, self.run.rows.job(stage)

    @rule(found=consumes(rows), target=tokens)
    def claim_late(self, found: tuple[str, JobRow]) -> Claimed:
        """Claim a row that was found some time ago."""
        run_id, row = found
        if row.due_at > self.run.world.now or run_id != self.run.world.run_id:
            return multiple()
        return self._claimed(self.run.claim(row), row)

    @precondition(lambda self: self.alive)
    @rule(target=tokens)
    def begin(self) -> Claimed:
        """Claim the job that is due first, and let time go by before anything is heard of it."""
        return self.claim_next()

    def claim_next(self) -> Claimed:
        """Wait for the job that is due first, and claim it."""
        row = self.run.rows.first_due()
        self.run.wait_until_due(row)
        return self._claimed(self.run.claim(row), row)

    def _claimed(self, events: Sequence[e.Event], row: JobRow) -> Claimed:
        if any(isinstance(event, e.JobClaimed) for event in events):
            world = self.run.world
            return world.run_id, row.stage, world.token(row.stage)
        return multiple()

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), jobs=st.integers(1, 12))
    def work(self, data: st.DataObject, jobs: int) -> None:
        """Claim what is due first, and report what it comes to, a few times over."""
        for _ in range(jobs):
            if not self.alive:
                return
            kind = self.run.rows.first_due().kind
            claimed = self.claim_next()
            if isinstance(claimed, tuple):
                for step in data.draw(st.lists(steps, max_size=2)):
                    self._report(claimed, step)
                results = of_checks if kind is JobKind.CHECK else of_executions
                self._report(claimed, data.draw(results))

    @precondition(lambda self: self.alive)
    @rule(result=of_executions | of_checks)
    def come_back(self, result: Result) -> None:
        """Hear of a worker after its lease has ended and another has taken the job over."""
        late = self.claim_next()
        if isinstance(late, tuple) and self.alive:
            self.run.wait_until_due(self.run.rows.job(late[1]))
            self.run.claim(self.run.rows.job(late[1]))
            self._report(late, result)

    @rule(held=tokens, result=steps)
    def record_step(self, held: Held, result: Result) -> None:
        """Record a step of what may have been claimed long ago; once is enough."""
        self._report(held, result)

    @rule(held=tokens, result=of_executions | of_checks)
    def report_late(self, held: Held, result: Result) -> None:
        """Report what may have been claimed long ago, whether it fits the job or not."""
        self._report(held, result)

    def _report(self, held: Held, result: Result) -> None:
        """Report; a token that is not the current one changes nothing."""
        run_id, stage, token = held
        if run_id != self.run.world.run_id:
            return
        before = self.run.world.run
        stale = self.run.world.token(stage) != token
        self.run.do(result(stage, token=token))
        after = self.run.world.run
        if stale:
            unchanged = attrs.evolve(before, version=after.version, recorded_at=after.recorded_at)
            assert after == unchanged

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), delay=seconds, postpone=st.booleans())
    def renew(self, data: st.DataObject, delay: float, *, postpone: bool) -> None:
        """Renew a lease, or give a check back until later."""
        row = self.run.rows.job(data.draw(st.sampled_from(sorted(self.run.rows.jobs))))
        leased = not (postpone and row.kind is JobKind.CHECK)
        self.run.rows.renew(row, self.run.world.now + timedelta(seconds=delay), leased=leased)

    @rule(delay=seconds)
    def wait(self, delay: float) -> None:
        """Let time go by."""
        self.run.wait(delay)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """Send a signal, mostly one that is waited for."""
        waits = [stage.suspension for stage in self.run.world.run.stages.values()]
        awaited = [wait.signal for wait in waits if wait is not None and wait.signal is not None]
        self.run.do(spec.signal(data.draw(st.sampled_from([*awaited * 3, *SIGNALS]))))

    @rule(sure=st.sampled_from([False, False, True]))
    def cancel(self, *, sure: bool) -> None:
        """Cancel the run, now and then."""
        if sure:
            self.run.do(spec.cancel("enough"))

    @rule()
    def log(self) -> None:
        """Append a note, whatever has become of the run."""
        note = e.StageLogged("a", 0, 1, "info", "hello")
        before = self.run.world.run
        self.run.world = self.run.world.append(note)
        self.run.rows.write(changes(before, self.run.world.run))

    @rule(call=calls())
    def call_a_model(self, call: e.AICalled) -> None:
        """Note a call of a model, whatever has become of the run; only the totals follow it."""
        before = self.run.world.run
        self.run.world = self.run.world.append(call)
        after = self.run.world.run
        self.run.rows.write(changes(before, after))
        moved = attrs.evolve(before, version=after.version, recorded_at=after.recorded_at)
        assert after == attrs.evolve(moved, ai=after.ai)

    @precondition(lambda self: self.alive)
    @rule()
    def rewind_too_early(self) -> None:
        """A run that is alive is not rewound."""
        with pytest.raises(CannotRerun):
            self.run.do(spec.rewind("a"))

    @precondition(lambda self: not self.alive)
    @rule(data=st.data(), input=st.sampled_from([5, {"x": 1}]), value=st.integers(0, 1))
    def rewind(self, data: st.DataObject, input: JSON, value: int) -> None:
        """Run again from some stage; a refusal appends nothing."""
        before = self.run.world.run
        plan = data.draw(changed_plans(before.plan))
        stage = data.draw(st.sampled_from([*plan.stage_ids(), "unknown"]))
        config: dict[str, JSON] = {"a": value}
        try:
            self.run.do(spec.rewind(stage, plan=plan, config=config, input=input))
        except (CannotRerun, StageNotFound):
            assert self.run.world.run is before
            return
        after = self.run.world.run
        found = plan.find(stage)
        assert found is not None
        assert (after.plan, after.config, after.input) == (plan, config, input)
        assert after.generation == before.generation + 1
        assert after.outputs_before(found[0]) == before.outputs_before(found[0])
        assert {s.id for s in after.stages.values() if s.generation == after.generation} == {
            s.id for s in plan.group(found[0])
        }

    @precondition(lambda self: not self.alive)
    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        """Go on in a fork, and leave the run behind; tokens of the run mean nothing in it."""
        source = self.run.world
        stage = data.draw(st.sampled_from(source.run.plan.stage_ids()))
        try:
            command = fork_command(
                source.run,
                stage,
                now=source.now,
                head_hash="head",
                plan=source.run.plan,
                config=source.run.config,
                input=source.run.input,
                metadata={},
                idempotency_key=None,
                request_hash=None,
            )
        except CannotRerun:
            return
        self.run = Run(World(now=source.now, run_id=source.run_id + "-fork"))
        self.run.do(lambda _: command)
        assert self.run.world.run.outputs_before(command.group) == command.carried

    @invariant()
    def it_is_its_history(self) -> None:
        """Folding step by step, folding all, and folding what counts give one state."""
        world = self.run.world
        assert [fact.version for fact in world.history] == [*range(1, world.run.version + 1)]
        for history in (world.history, effective(world.history)):
            folded = replay(history)
            assert folded == world.run
            assert list(folded.stages) == list(world.run.stages)

    @invariant()
    def nothing_spent_is_lost(self) -> None:
        """All calls count as spent, and those of the effective history as effective."""
        world = self.run.world
        assert totals(world.history) == told(world.run.ai.spent)
        assert totals(effective(world.history)) == told(world.run.ai.effective)

    @invariant()
    def rows_follow(self) -> None:
        """The rows that were written step by step are the projection of the state."""
        assert self.run.rows.hold(project(self.run.world.run))

    @invariant()
    def status_follows(self) -> None:
        """A run has ended if and only if none of its stages is alive; each alive one has a job."""
        run = self.run.world.run
        alive = {stage.id for stage in run.stages.values() if stage.alive}
        assert bool(alive) is not run.status.ended
        assert alive == {*self.run.rows.jobs}
        waiting = all(stage.suspension is not None for stage in run.stages.values() if stage.alive)
        assert (run.status is Status.SUSPENDED) is (self.alive and waiting)

    def teardown(self) -> None:
        """At the end, look at the whole history, and let the run finish."""
        if hasattr(self, "run"):
            assert_completed_once(self.run.world.history)
            assert_steps_completed_once(self.run.world.history)
            assert_nothing_counts_twice(effective(self.run.world.history))
            assert_left_only_by_rewind(self.run.world.history)
            assert_budgets_kept(self.run.world.history)
            for step in (spec.complete, spec.fail, None):
                assert_finishes(self.run, step)


def assert_finishes(run: Run, report: Callable[[str], Ask] | None) -> None:
    """Drive a run to its end in a bounded number of steps, by its rows alone.

    Every job is claimed when it is due, and then comes to the same: `report`, or nothing more is
    heard of its worker.
    """
    left = Run(run.world)
    left.rows = attrs.evolve(
        run.rows, stages=dict(run.rows.stages), jobs=dict(run.rows.jobs), renewed={}
    )
    bound = sum(2 * stage.retry.max_attempts + 3 for stage in left.world.run.plan.stages())
    for _ in range(bound):
        if left.world.run.status.ended:
            break
        row = left.rows.first_due()
        left.wait_until_due(row)
        events = left.claim(row)
        if report is not None and any(isinstance(event, e.JobClaimed) for event in events):
            left.do(report(row.stage))
    assert left.world.run.status.ended


TestRuns = pytest.mark.timeout(1_800)(RunMachine.TestCase)
TestRuns.settings = settings(max_examples=2 * settings().max_examples)
TestRuns.__doc__ = "Every law holds of every run, in whatever order things happen to it."
