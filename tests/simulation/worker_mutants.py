"""Bugs in what workers do."""

import asyncio
from datetime import timedelta
from typing import Any
from weakref import WeakSet

from attrs import evolve

from eventflow.core import events as e
from eventflow.core.values import Status
from eventflow.runtime.job import Job
from tests.simulation.planting import always, mutant

AN_HOUR = timedelta(hours=1)


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


@mutant("eventflow.runtime.worker:Worker._go_on")
def repeated_jobs(sound: Any) -> Any:
    """A job is begun twice."""

    def go_on(worker: Any, outcome: Any) -> Any:
        job = sound(worker, outcome)
        again = sound(worker, outcome)
        if again is not None:
            worker._take(worker._do_all(again))
        return job

    return go_on


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


@mutant("eventflow.runtime.worker:Worker._go_on")
def forgotten_claims(_: Any) -> Any:
    """What was claimed along with a result is not begun."""
    return always(None)


@mutant("eventflow.runtime.job:Job.lose")
def losses_not_heeded(_: Any) -> Any:
    """Whose claim is lost goes on."""

    def lose(job: Any) -> None:
        job.lost = True

    return lose


@mutant("eventflow.runtime.clock:SystemClock.align")
def clocks_left_alone(sound: Any) -> Any:
    """A clock is set when it is made, and never again."""
    aligned: WeakSet[Any] = WeakSet()

    def align(clock: Any, time: Any) -> None:
        if clock not in aligned:
            aligned.add(clock)
            sound(clock, time)

    return align


@mutant("eventflow.runtime.reporting:Reporter._postpone")
def kept_checks(_: Any) -> Any:
    """A check whose time will come later is not given back."""

    async def postpone(*_: Any) -> None:
        return None

    return postpone


@mutant("eventflow.runtime.execution:Execution._still_pending")
def ignored_deadlines(sound: Any) -> Any:
    """A stage waits for ever."""
    return lambda execution, job, waiting, *rest: sound(
        execution, job, evolve(waiting, deadline=waiting.deadline + AN_HOUR), *rest
    )


@mutant("eventflow.runtime.execution:Execution._still_pending")
def impatient_waits(sound: Any) -> Any:
    """A stage that has to wait has waited for too long."""
    return lambda execution, job, waiting, *rest: sound(
        execution, job, evolve(waiting, deadline=waiting.since), *rest
    )


@mutant("eventflow.runtime.execution:Execution._bounded")
def attempts_beyond_their_time(_: Any) -> Any:
    """Nobody looks at how long an attempt takes."""

    async def bounded(execution: Any, work: Any, timeout: float) -> Any:
        del execution, timeout
        return await work

    return bounded


@mutant("eventflow.runtime.steps:Recording.record")
def steps_told_too_early(sound: Any) -> Any:
    """The output of a step is given before it is recorded."""

    async def record(recording: Any, name: str, output: Any) -> None:
        recorded = asyncio.ensure_future(sound(recording, name, output))
        recorded.add_done_callback(lambda done: done.cancelled() or done.exception())

    return record


@mutant("eventflow.runtime.steps:Recording.record")
def steps_not_recorded(_: Any) -> Any:
    """The output of a step is given, and recorded nowhere."""

    async def record(*_: Any) -> None:
        return None

    return record


@mutant("eventflow.runtime.run:Run.result")
def results_too_early(sound: Any) -> Any:
    """The output of a run is that of the first stage that has completed."""

    async def result(run: Any, timeout: float | None = None) -> Any:
        for stage in (await run.state()).stages.values():
            if stage.status is Status.COMPLETED:
                return stage.output
        return await sound(run, timeout)

    return result
