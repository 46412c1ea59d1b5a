"""Reads a test as given(steps).when(step).then(events): decides for real, on a clock of its own.

A step is a command still without its time and token: `claim("a")` takes what is due of stage `a`,
and a result speaks with the token that is current, unless `token` names another.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import attrs
import pytest
from attrs import frozen

from eventflow.core import commands as c
from eventflow.core import events as e
from eventflow.core.decide import decide
from eventflow.core.plan import Plan, StagePlan
from eventflow.core.retry import Retry
from eventflow.core.stage import StageState
from eventflow.core.state import RunState, evolve
from eventflow.core.values import JSON, ErrorInfo, WaitEnd
from eventflow.errors import EventflowError

START = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "run-1"
LEASE = 60.0
BROKEN = ErrorInfo("builtins.ValueError", "broken")


@frozen
class World:
    """One run at one moment: its whole history, what it folds to, and the time."""

    history: tuple[e.Recorded, ...] = ()
    state: RunState | None = None
    now: datetime = START
    run_id: str = RUN

    @property
    def run(self) -> RunState:
        """The run, which exists."""
        assert self.state is not None
        return self.state

    def stage(self, stage_id: str) -> StageState:
        """Give one stage as it is now."""
        return self.run.stages[stage_id]

    def token(self, stage_id: str) -> int:
        """Give the current token of a stage, or 0."""
        stage = self.state.stages.get(stage_id) if self.state is not None else None
        return stage.claim.token if stage is not None and stage.claim is not None else 0

    def append(self, *events: e.Event) -> "World":
        """Record events right behind what there is."""
        world = self
        for event in events:
            now = world.now if world.state is None else max(world.now, world.state.recorded_at)
            fact = e.Recorded(self.run_id, len(world.history) + 1, now, event)
            state = evolve(world.state, fact)
            world = attrs.evolve(world, history=(*world.history, fact), state=state)
        return world


Ask: TypeAlias = Callable[[World], c.Command]
"""Something to ask of a run."""

Step: TypeAlias = Callable[[World], c.Command | e.Event | timedelta]
"""Something to ask of a run, or something that just happens: an event, or time going by."""


@frozen
class Like:
    """An event of one class of which only some fields are told."""

    kind: type[object]
    fields: Mapping[str, object]

    def __eq__(self, other: object) -> bool:
        """Tell whether an event is of the class and has these values."""
        return type(other) is self.kind and all(
            getattr(other, name) == value for name, value in self.fields.items()
        )

    def __hash__(self) -> int:
        """Hash by class alone."""
        return hash(self.kind)


def like(kind: type[object], /, **fields: object) -> Like:
    """Expect an event of a class with at least these values."""
    return Like(kind, fields)


@frozen
class Given:
    """What has happened so far."""

    world: World

    def when(self, step: Ask) -> "When":
        """Ask for one more thing."""
        return When(self.world, step)

    def then(self, **fields: object) -> None:
        """Expect the run to have these values."""
        assert {name: getattr(self.world.run, name) for name in fields} == fields

    def then_stage(self, stage_id: str, **fields: object) -> None:
        """Expect a stage to have these values."""
        stage = self.world.stage(stage_id)
        assert {name: getattr(stage, name) for name in fields} == fields


@frozen
class When:
    """What is asked of a run."""

    world: World
    step: Ask

    def then(self, *expected: e.Event | Like) -> Given:
        """Expect exactly these events, and go on behind them."""
        events = decide(self.world.state, self.step(self.world))
        assert list(events) == list(expected)
        return Given(self.world.append(*events))

    def then_nothing(self) -> Given:
        """Expect no event."""
        return self.then()

    def then_refused(self, error: type[EventflowError | ValueError], text: str) -> None:
        """Expect an error that says exactly this."""
        command = self.step(self.world)
        with pytest.raises(error) as refused:
            decide(self.world.state, command)
        assert str(refused.value) == text


def given(*steps: Step, world: World | None = None) -> Given:
    """Begin with what some steps lead to."""
    world = world or World()
    for step in steps:
        asked = step(world)
        if isinstance(asked, timedelta):
            world = attrs.evolve(world, now=world.now + asked)
        elif isinstance(asked, e.Event):
            world = world.append(asked)
        else:
            world = world.append(*decide(world.state, asked))
    return Given(world)


def at(seconds: float) -> datetime:
    """Give the time some seconds after the start."""
    return START + timedelta(seconds=seconds)


def plan(*groups: str, retry: Retry | None = None, fingerprint: str = "one") -> Plan:
    """Write a plan as its groups: `plan("a", "b c", "d")` has b and c side by side."""
    policy = retry or Retry()
    return Plan(
        "my-workflow",
        "My workflow",
        tuple(tuple(StagePlan(each, each, policy) for each in group.split()) for group in groups),
        fingerprint,
    )


def wait(seconds: float) -> Step:
    """Let time go by."""
    return lambda _: timedelta(seconds=seconds)


def happens(event: e.Event) -> Step:
    """Record an event that nobody asked for."""
    return lambda _: event


def create(
    plan: Plan,
    *,
    input: JSON = 5,
    config: Mapping[str, JSON] | None = None,
    group: int = 1,
    forked_from: e.ForkedFrom | None = None,
    carried: Mapping[str, JSON] | None = None,
) -> Ask:
    """Create the run."""
    return lambda world: c.CreateRun(
        now=world.now,
        plan=plan,
        input=input,
        config=config or {},
        group=group,
        forked_from=forked_from,
        carried=carried or {},
    )


def claim(
    stage: str, worker: str = "w1", *, token: int | None = None, leased: bool | None = None
) -> Ask:
    """Claim what there is to do for a stage, as its row tells now, or told at a token."""

    def step(world: World) -> c.ClaimJob:
        seen = world.token(stage) if token is None else token
        return c.ClaimJob(
            now=world.now,
            stage=stage,
            worker=worker,
            lease=LEASE,
            seen_token=seen,
            seen_leased=seen > 0 if leased is None else leased,
        )

    return step


def complete(
    stage: str,
    output: JSON = None,
    *,
    token: int | None = None,
    rejection: ErrorInfo | None = None,
) -> Ask:
    """Report an output."""
    return lambda world: c.CompleteStage(
        now=world.now,
        stage=stage,
        token=world.token(stage) if token is None else token,
        output=output,
        rejection=rejection,
    )


def step(stage: str, name: str, output: JSON = None, *, token: int | None = None) -> Ask:
    """Report the output of a step."""
    return steps(stage, {name: output}, token=token)


def steps(stage: str, outputs: Mapping[str, JSON], *, token: int | None = None) -> Ask:
    """Report the outputs of several steps at once."""
    return lambda world: c.CompleteSteps(
        now=world.now,
        stage=stage,
        token=world.token(stage) if token is None else token,
        steps=tuple(outputs.items()),
    )


def fail(
    stage: str,
    error: ErrorInfo = BROKEN,
    *,
    token: int | None = None,
    random: float = 0.5,
    names: tuple[str, ...] | None = ("builtins.ValueError", "builtins.Exception"),
    final: bool = False,
) -> Ask:
    """Report a failed attempt."""
    return lambda world: c.FailAttempt(
        now=world.now,
        stage=stage,
        token=world.token(stage) if token is None else token,
        error=error,
        random=random,
        names=names,
        final=final,
    )


def suspend(
    stage: str,
    state: JSON = "batch-7",
    *,
    token: int | None = None,
    check_after: float | None = 30.0,
    max_wait: float = 86_400.0,
    signal: str | None = None,
    deadline: datetime | None = None,
    then: WaitEnd = WaitEnd.FAIL,
    output: JSON = None,
) -> Ask:
    """Let a stage wait."""
    return lambda world: c.SuspendStage(
        now=world.now,
        stage=stage,
        token=world.token(stage) if token is None else token,
        state=state,
        check_after=check_after,
        max_wait=max_wait,
        signal=signal,
        deadline=deadline,
        then=then,
        output=output,
    )


def fail_check(stage: str, *, token: int | None = None, random: float = 0.5) -> Ask:
    """Report that a check could not tell."""
    return lambda world: c.FailCheck(
        now=world.now,
        stage=stage,
        token=world.token(stage) if token is None else token,
        error=BROKEN,
        random=random,
    )


def reenter(stage: str, *, token: int | None = None) -> Ask:
    """Report that a check asks for another execution."""
    return lambda world: c.ReenterStage(
        now=world.now, stage=stage, token=world.token(stage) if token is None else token
    )


def expire_wait(stage: str, *, token: int | None = None) -> Ask:
    """Report that a check is still pending after the deadline."""
    return lambda world: c.ExpireWait(
        now=world.now, stage=stage, token=world.token(stage) if token is None else token
    )


def release(stage: str, *, token: int | None = None) -> Ask:
    """Give a claim back."""
    return lambda world: c.ReleaseJob(
        now=world.now, stage=stage, token=world.token(stage) if token is None else token
    )


def signal(name: str, payload: JSON = None) -> Ask:
    """Send a signal."""
    return lambda world: c.ReceiveSignal(now=world.now, name=name, payload=payload)


def cancel(reason: str | None = None) -> Ask:
    """Cancel the run."""
    return lambda world: c.CancelRun(now=world.now, reason=reason)


def rewind(
    stage: str,
    *,
    plan: Plan | None = None,
    config: Mapping[str, JSON] | None = None,
    input: JSON = None,
) -> Ask:
    """Run again from a stage, under the plan that the run has unless another is given."""
    return lambda world: c.RewindRun(
        now=world.now,
        stage=stage,
        plan=plan or world.run.plan,
        config=world.run.config if config is None else config,
        input=world.run.input if input is None else input,
    )


def done(stage: str, output: JSON = None) -> tuple[Ask, Ask]:
    """Claim and complete a stage."""
    return claim(stage), complete(stage, output)
