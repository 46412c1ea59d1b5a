"""Bugs that somebody could make: each replaces one function, and the simulation must find it.

A mutant is planted by its patch and taken out again before the log is judged, so that the judge is
never blind by the same bug. Who adds a law to the core, the runtime or a store adds a mutant that
breaks it.
"""

import importlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

from attrs import evolve, frozen

from eventflow.core import events as e
from eventflow.runtime.job import Job
from eventflow.store.contract import Appended, Conflict

A_SECOND = timedelta(seconds=1)

Patch = Callable[[Any], Any]
"""Makes the broken function of the sound one."""


@frozen
class Mutant:
    """A planted bug.

    Attributes:
        name: What it is called.
        place: The function: its module, a colon, and its name there.
        patch: Breaks it.
    """

    name: str
    place: str
    patch: Patch

    @property
    def sound(self) -> Any:
        """What stands at the place now."""
        owner, name = self._owner()
        return vars(owner)[name]

    @contextmanager
    def planted(self) -> Generator[None]:
        """Let the bug be there for a while."""
        owner, name = self._owner()
        sound = self.sound
        setattr(owner, name, self.patch(sound))
        try:
            yield
        finally:
            setattr(owner, name, sound)

    def _owner(self) -> tuple[Any, str]:
        """Find the module or class that has the function, and its name there."""
        module, _, path = self.place.partition(":")
        owner: Any = importlib.import_module(module)
        *classes, name = path.split(".")
        for each in classes:
            owner = getattr(owner, each)
        return owner, name


MUTANTS: list[Mutant] = []


def mutant(place: str) -> Callable[[Patch], Patch]:
    """Plant a bug in a function; the docstring of the patch says what is wrong."""

    def register(patch: Patch) -> Patch:
        MUTANTS.append(Mutant(patch.__name__.replace("_", " "), place, patch))
        return patch

    return register


def always(answer: object) -> Callable[..., Any]:
    """Answer the same, whatever is asked."""
    return lambda *_, **__: answer


# The core: what events a command leads to, and what a run is.


@mutant("eventflow.core.results:_is_current")
def unfenced_results(_: Any) -> Any:
    """A result counts whatever its token says."""
    return always(True)


@mutant("eventflow.core.decide:_to_be_had")
def double_claims(_: Any) -> Any:
    """A job is claimed whoever has it."""
    return lambda stage, command: stage.due_at is not None


@mutant("eventflow.core.decide:_expire")
def unlimited_takeovers(_: Any) -> Any:
    """A stage whose worker always dies is tried for ever."""

    def expire(work: Any, stage: Any, claim: Any) -> Any:
        work.end_claim(stage, claim, e.LEASE_TIMEOUT)
        return work.run.stages[stage.id]

    return expire


@mutant("eventflow.core.stage:_lease_expired")
def free_leases(sound: Any) -> Any:
    """A lease that expires uses no attempt up."""
    return lambda stage, event, fact: {**sound(stage, event, fact), "attempt": stage.attempt}


@mutant("eventflow.core.stage:_attempt_failed")
def lost_retries(sound: Any) -> Any:
    """A failed attempt is never due again."""
    return lambda stage, event: {**sound(stage, event), "due_at": None}


@mutant("eventflow.core.draft:Draft.policy")
def short_budgets(sound: Any) -> Any:
    """A stage is given up one attempt too early."""

    def policy(draft: Any, stage_id: str) -> Any:
        given = sound(draft, stage_id)
        return evolve(given, max_attempts=max(1, given.max_attempts - 1))

    return policy


@mutant("eventflow.core.draft:Draft.resume_by_signal")
def forgotten_signals(_: Any) -> Any:
    """A signal wakes nobody."""
    return always(None)


@mutant("eventflow.core.state:_used")
def signals_used_twice(_: Any) -> Any:
    """A signal that woke a stage wakes the next one too."""
    return lambda signals, version, used: signals


@mutant("eventflow.core.draft:Draft.advance")
def impatient_groups(sound: Any) -> Any:
    """The next group begins when one stage of a group is done."""

    def advance(draft: Any, group: int, rejection: Any = None) -> None:
        waiting = {s.id for s in draft.run.stages.values() if s.alive and s.group == group}
        if not waiting or draft.plan.is_last(group):
            sound(draft, group, rejection)
        elif all(s.group <= group for s in draft.run.stages.values()):
            draft.schedule(group + 1)

    return advance


@mutant("eventflow.core.state:_rewound")
def stale_stages(sound: Any) -> Any:
    """A rewind keeps the stages that it should run again."""

    def rewound(state: Any, event: Any) -> Any:
        after = sound(state, event)
        return {**after, "stages": {**state.stages, **after["stages"]}}

    return rewound


@mutant("eventflow.core.state:_rewound")
def old_generations(sound: Any) -> Any:
    """A rewind stays in the old generation."""
    return lambda state, event: {**sound(state, event), "generation": state.generation}


@mutant("eventflow.core.state:_cancelled")
def living_stages(sound: Any) -> Any:
    """A cancelled run keeps its stages alive."""
    return lambda state, event, fact: {**sound(state, event, fact), "stages": state.stages}


# What the engine does with decisions.


@mutant("eventflow.engine.journal:changes")
def stale_stage_rows(sound: Any) -> Any:
    """The rows of stages that change are not written."""
    return lambda before, after: evolve(sound(before, after), stages=())


@mutant("eventflow.engine.journal:changes")
def undead_jobs(sound: Any) -> Any:
    """The job of a stage that has ended stays."""
    return lambda before, after: evolve(sound(before, after), dropped_jobs=())


@mutant("eventflow.engine.journal:Journal._appended_before")
def forgotten_appends(_: Any) -> Any:
    """An append whose answer was lost is taken for one that was not made."""

    async def appended_before(journal: Any, stream: Any, op_id: str) -> list[Any]:
        del op_id
        await journal._load(stream)
        return []

    return appended_before


@mutant("eventflow.runtime.requests:key_of_creation")
def keyless_creations(_: Any) -> Any:
    """Two requests with one key are two runs."""
    numbers = count()
    return lambda *_: f"{next(numbers)}"


# What workers do.


@mutant("eventflow.runtime.worker:Worker._jobs_of")
def foreign_claims(_: Any) -> Any:
    """Who learns late of its claim takes the claim that is there for its own."""

    def jobs_of(worker: Any, outcome: Any) -> list[Job]:
        workflow = worker._tools.catalog.get(outcome.state.workflow_id)
        stages = [each.stage for each in outcome.events if isinstance(each, e.JobClaimed)]
        claimed = [outcome.state.stages[each] for each in stages if each in outcome.state.stages]
        return [
            Job(outcome.state, each, each.claim.token, workflow) for each in claimed if each.claim
        ]

    return jobs_of


@mutant("eventflow.runtime.worker:Worker._begin")
def repeated_jobs(sound: Any) -> Any:
    """A job is begun twice."""
    return lambda worker, outcome: sound(worker, outcome) + sound(worker, outcome)


@mutant("eventflow.runtime.room:Room.free")
def endless_room(_: Any) -> Any:
    """A worker takes more jobs than it may."""
    return property(always(5))


@mutant("eventflow.runtime.lease:Leases._renew")
def missing_heartbeats(_: Any) -> Any:
    """A worker renews nothing."""

    async def renew(leases: Any, now: Any) -> None:
        del leases, now

    return renew


@mutant("eventflow.runtime.worker:Worker._give_back")
def kept_jobs(_: Any) -> Any:
    """A worker that stops gives nothing back."""

    async def give_back(worker: Any, job: Any) -> None:
        del worker, job

    return give_back


@mutant("eventflow.runtime.execution:_timeout")
def endless_attempts(_: Any) -> Any:
    """An attempt that hangs hangs for ever."""
    return always(None)


@mutant("eventflow.runtime.waking:Waker._others_appended")
def deaf_waiters(_: Any) -> Any:
    """Nobody is told of what other processes append."""
    return always(None)


@mutant("eventflow.runtime.steps:Steps.recorded")
def repeated_steps(_: Any) -> Any:
    """What a step came to is not looked up."""
    return property(always({}))


# What a store does.


@mutant("eventflow.store.memory:MemoryStore._append")
def appends_before_the_check(sound: Any) -> Any:
    """Events are written before their version is compared."""

    def append(store: Any, operation: Any) -> Any:
        verdict = sound(store, operation)
        if isinstance(verdict, Conflict):
            store._write(operation, store._runs.get(operation.run_id))
        return verdict

    return append


@mutant("eventflow.store.memory:MemoryStore._append")
def conflicts_told_as_appended(sound: Any) -> Any:
    """Who loses a race is told to have won it."""

    def append(store: Any, operation: Any) -> Any:
        verdict = sound(store, operation)
        if isinstance(verdict, Conflict) and operation.idempotency_key is None:
            return Appended(operation.expected + len(operation.events), len(store._log))
        return verdict

    return append


@mutant("eventflow.store.memory:MemoryStore._append")
def forgotten_keys(sound: Any) -> Any:
    """An idempotency key can be used again."""
    return lambda store, operation: sound(store, evolve(operation, idempotency_key=None))


@mutant("eventflow.store.memory:MemoryStore._write_rows")
def lost_rows(sound: Any) -> Any:
    """Some rows are not written along with their events."""

    def write_rows(store: Any, operation: Any, run: Any) -> None:
        if len(run.events) % 5:
            sound(store, operation, run)

    return write_rows


@mutant("eventflow.store.memory:MemoryStore._renew")
def renewals_by_anybody(sound: Any) -> Any:
    """A lease is renewed by whoever asks."""

    def renew(store: Any, renewal: Any) -> Any:
        job = store._jobs.of(renewal.run_id).get(renewal.stage)
        return sound(store, evolve(renewal, token=job.row.token) if job else renewal)

    return renew


@mutant("eventflow.store.memory_jobs:Jobs.due")
def hidden_retries(sound: Any) -> Any:
    """What waits for its time is not found any more."""

    def due(jobs: Any, now: Any, workflows: Any) -> Any:
        return (job for job in sound(jobs, now, workflows) if job.row.due_at + A_SECOND > now)

    return due


@mutant("eventflow.store.memory:_placed")
def gaps(sound: Any) -> Any:
    """A position is left out now and then."""
    return lambda event, position: sound(event, position + position // 7)
