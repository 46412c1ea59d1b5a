"""What must hold for one event behind the state of its run; each law yields how it is broken.

Most of these laws are kept by the choice of events, and none by the fold: a log that breaks them
can be folded, and is wrong.
"""

from collections.abc import Iterator
from datetime import datetime

from eventflow.core import events as e
from eventflow.core.results import WAIT_EXPIRED
from eventflow.core.stage import StageState
from eventflow.core.state import RunState
from eventflow.core.values import JobKind, Status


def broken(run: RunState, event: e.Event, recorded_at: datetime) -> Iterator[str]:
    """Yield all laws that an event breaks."""
    match event:
        case e.JobClaimed():
            yield from _budget(run, event)
            yield from _time(run.stages.get(event.stage), recorded_at)
        case e.LeaseExpired():
            yield from _patience(run.stages.get(event.stage), event, recorded_at)
        case e.StageScheduled():
            yield from _order(run, event)
        case e.StageAttemptFailed():
            yield from _pause(run, event, recorded_at)
        case e.StageFailed():
            yield from _deadline(run.stages.get(event.stage), event, recorded_at)
        case e.StageResumed(signal=int(version)):
            yield from _signal(run, event.stage, version)
        case e.RunCompleted() | e.RunFailed():
            yield from _ending(run, event)
        case _:
            pass


def generation(run: RunState, number: int) -> Iterator[str]:
    """Check that an event belongs to the generation of the run."""
    if number != run.generation:
        yield f"generation {number} of a run in generation {run.generation}"


def unheard(run: RunState) -> Iterator[str]:
    """Check that no stage waits for a signal that has arrived; between two operations none does."""
    arrived = {signal.name for signal in run.signals if not signal.used}
    for stage in run.stages.values() if arrived else ():
        if stage.suspension is not None and stage.suspension.signal in arrived:
            yield f'stage "{stage.id}" waits for "{stage.suspension.signal}", which has arrived'


def _budget(run: RunState, event: e.JobClaimed) -> Iterator[str]:
    """Check that a job is claimed no more often than the retry policy of its stage allows."""
    found, stage = run.plan.find(event.stage), run.stages.get(event.stage)
    if found is None or stage is None:
        return
    most = found[1].retry.max_attempts
    if event.attempt > most:
        yield f'attempt {event.attempt} of stage "{event.stage}", which has {most}'
    if event.kind is JobKind.EXECUTE and event.attempt != stage.attempt:
        yield f'attempt {event.attempt} of stage "{event.stage}", which is at {stage.attempt}'
    if stage.suspension is not None and stage.suspension.failures >= most:
        yield f'a check of stage "{event.stage}" after {stage.suspension.failures} failed ones'


def _patience(
    stage: StageState | None, event: e.LeaseExpired, recorded_at: datetime
) -> Iterator[str]:
    """Check that nothing was taken from a worker before the time that it had claimed for."""
    claim = stage.claim if stage is not None else None
    if claim is not None and event.reason == e.LEASE_TIMEOUT and recorded_at < claim.lease_until:
        yield f"the lease of {claim.worker} held until {claim.lease_until}"


def _time(stage: StageState | None, recorded_at: datetime) -> Iterator[str]:
    """Check that nothing is claimed before it is due."""
    if stage is None or stage.claim is not None or stage.due_at is None:
        return
    if recorded_at < stage.due_at:
        yield f'stage "{stage.id}" was due at {stage.due_at}'


def _order(run: RunState, event: e.StageScheduled) -> Iterator[str]:
    """Check that a stage is scheduled once, when all stages of the group before have completed."""
    if event.stage in run.stages:
        yield f'stage "{event.stage}" was scheduled before'
    planned = run.plan.find(event.stage)
    if planned is None or planned[0] != event.group:
        yield f'the plan has no stage "{event.stage}" in group {event.group}'
    if event.group > 1:
        yield from _incomplete(run, event.group - 1)


def _ending(run: RunState, event: e.RunCompleted | e.RunFailed) -> Iterator[str]:
    """Check that a run ends when nothing of it is alive, and with the output of its last group."""
    alive = [stage.id for stage in run.stages.values() if stage.alive]
    if alive:
        yield f"the run ended while {', '.join(alive)} was alive"
    if isinstance(event, e.RunFailed):
        yield from _blame(run, event)
        return
    missing = list(_incomplete(run, len(run.plan.groups)))
    yield from missing
    if not missing and event.output != run.output_of(len(run.plan.groups)):
        yield "the output of the run is not that of its last group"


def _blame(run: RunState, event: e.RunFailed) -> Iterator[str]:
    """Check that a run fails with the error of the stage that failed first."""
    failed = [stage for stage in run.stages.values() if stage.status is Status.FAILED]
    first = min(failed, key=lambda stage: stage.ended, default=None)
    if event.stage != (first and first.id):
        yield f"the run failed by {event.stage}, and {first and first.id} failed first"
    elif first is not None and event.error != first.error:
        yield f'the run failed with "{event.error.message}", and {first.id} with another error'


def _pause(run: RunState, event: e.StageAttemptFailed, recorded_at: datetime) -> Iterator[str]:
    """Check that the next attempt waits as long as the policy says, and no check too long."""
    found, stage = run.plan.find(event.stage), run.stages.get(event.stage)
    if found is None or stage is None:
        return
    waiting = stage.suspension if event.kind is JobKind.CHECK else None
    failures = event.attempt if waiting is None else waiting.failures + 1
    delay = found[1].retry.delay(failures, event.random)
    due = recorded_at + delay
    if waiting is not None:
        due = min(due, waiting.deadline)
        if recorded_at >= waiting.deadline:
            yield f'a check of stage "{stage.id}" failed after {waiting.deadline} and is made again'
    if event.delay != delay.total_seconds() or event.retry_at != due:
        yield f'stage "{stage.id}" is tried again at {event.retry_at}, and was to be at {due}'


def _deadline(
    stage: StageState | None, event: e.StageFailed, recorded_at: datetime
) -> Iterator[str]:
    """Check that nobody has waited for too long before the deadline."""
    waiting = stage.suspension if stage is not None else None
    if waiting is not None and event.error.type == WAIT_EXPIRED and recorded_at < waiting.deadline:
        yield f'stage "{event.stage}" could wait until {waiting.deadline}'


def _signal(run: RunState, stage_id: str, version: int) -> Iterator[str]:
    """Check that a stage is woken by the oldest signal that it waits for and nobody has used."""
    stage = run.stages.get(stage_id)
    awaited = (
        stage.suspension.signal if stage is not None and stage.suspension is not None else None
    )
    fitting = [each.version for each in run.signals if each.name == awaited and not each.used]
    if [version] != fitting[:1]:
        yield f'stage "{stage_id}" was woken by signal {version}, but could be by {fitting}'


def _incomplete(run: RunState, group: int) -> Iterator[str]:
    for planned in run.plan.group(group):
        stage = run.stages.get(planned.id)
        if stage is None or stage.status is not Status.COMPLETED:
            yield f'stage "{planned.id}" of group {group} has not completed'
