"""The state machine of runs and stages as two tables, headed by the laws that they keep.

The laws:

1. A stage begins `pending`. It leaves `completed`, `failed` and `cancelled` never; a rewind does
   not bring it back, but schedules a new one in a new generation.
2. Only a claimed stage, or a suspended one, can end; only a running one can suspend.
3. A suspended stage stays suspended while it is checked, and whatever becomes of the check.
   A step that completes changes no status.
4. A run that has not ended is what its stages make of it: `pending` before the first claim,
   `suspended` while every stage that is alive is suspended, else `running`.
5. A run that has ended is left only by a rewind.

Folding looks every step up in here, so that no history can hold a step that is not in the tables.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from eventflow.core import events as e
from eventflow.core.frozen import frozen
from eventflow.core.values import JobKind, Status

PENDING, RUNNING, SUSPENDED = Status.PENDING, Status.RUNNING, Status.SUSPENDED
COMPLETED, FAILED, CANCELLED = Status.COMPLETED, Status.FAILED, Status.CANCELLED
EXECUTE, CHECK = JobKind.EXECUTE, JobKind.CHECK

Step: TypeAlias = tuple[Status, type[object], JobKind | None]

STAGE_STEPS: Mapping[Step, Status] = MappingProxyType(
    {
        (PENDING, e.JobClaimed, EXECUTE): RUNNING,
        (PENDING, e.StageFailed, None): FAILED,
        (RUNNING, e.StageCompleted, None): COMPLETED,
        (RUNNING, e.StepCompleted, None): RUNNING,
        (RUNNING, e.StageFailed, None): FAILED,
        (RUNNING, e.StageAttemptFailed, EXECUTE): PENDING,
        (RUNNING, e.LeaseExpired, EXECUTE): PENDING,
        (RUNNING, e.StageSuspended, None): SUSPENDED,
        (SUSPENDED, e.JobClaimed, CHECK): SUSPENDED,
        (SUSPENDED, e.StepCompleted, None): SUSPENDED,
        (SUSPENDED, e.StageAttemptFailed, CHECK): SUSPENDED,
        (SUSPENDED, e.LeaseExpired, CHECK): SUSPENDED,
        (SUSPENDED, e.StageResumed, None): PENDING,
        (SUSPENDED, e.StageAttemptFailed, EXECUTE): PENDING,
        (SUSPENDED, e.StageCompleted, None): COMPLETED,
        (SUSPENDED, e.StageFailed, None): FAILED,
    }
)
"""The next status of a stage, by its status, the event, and the kind of job if the event has one.

`pending` meets `stage.failed` when an expired lease has used up the last attempt. A cancelled run
takes every stage that is alive to `cancelled`.
"""


@frozen
class RunStep:
    """From which statuses an event leads, and to which; None: as the stages make it (law 4)."""

    sources: frozenset[Status]
    target: Status | None


ALIVE = frozenset({PENDING, RUNNING, SUSPENDED})
ENDED = frozenset({COMPLETED, FAILED, CANCELLED})

RUN_STEPS: Mapping[type[object], RunStep] = MappingProxyType(
    {
        e.RunStarted: RunStep(frozenset({PENDING}), None),
        e.RunCompleted: RunStep(frozenset({RUNNING}), COMPLETED),
        e.RunFailed: RunStep(frozenset({RUNNING}), FAILED),
        e.RunCancelled: RunStep(ALIVE, CANCELLED),
        e.RunRewound: RunStep(ENDED, None),
    }
)
"""Where the events of a run lead. Its other events leave the status to its stages."""


def stage_step(status: Status, event: object, kind: JobKind | None) -> Status:
    """Look up the next status of a stage.

    Raises:
        ValueError: The table has no such step.
    """
    try:
        return STAGE_STEPS[status, type(event), kind]
    except KeyError:
        job = f" ({kind})" if kind else ""
        raise ValueError(f"{type(event).__name__}{job} cannot happen to a {status} stage") from None


def run_step(status: Status, event: object) -> Status | None:
    """Look up the next status of a run; None leaves it to the stages.

    Raises:
        ValueError: The table has no such step.
    """
    step = RUN_STEPS[type(event)]
    if status not in step.sources:
        raise ValueError(f"{type(event).__name__} cannot happen to a {status} run")
    return step.target
