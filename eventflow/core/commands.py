"""What can be asked of a run: frozen requests, in the imperative, which carry time and chance.

`now` is the time of the request in the store's time; `token` is the claim that stands behind a
result; `random` is a number from 0 to 1; `notes` are recorded together with a result, and only if
it counts.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from attrs import field

from eventflow.core.events import CarriedArtifact, ForkedFrom, Note
from eventflow.core.frozen import frozen
from eventflow.core.plan import Plan
from eventflow.core.values import JSON, ErrorInfo, WaitEnd


@frozen(kw_only=True)
class CreateRun:
    """Begin a run at an execution group; a fork carries over the outputs of the groups before."""

    now: datetime
    plan: Plan
    input: JSON
    config: Mapping[str, JSON]
    priority: int = 5
    metadata: Mapping[str, JSON] = field(factory=dict)
    idempotency_key: str | None = None
    request_hash: str | None = None
    group: int = 1
    forked_from: ForkedFrom | None = None
    carried: Mapping[str, JSON] = field(factory=dict)
    artifacts: tuple[CarriedArtifact, ...] = ()


@frozen(kw_only=True)
class ClaimJob:
    """Take a job of a stage for `lease` seconds.

    `seen_token` and `seen_leased` are what the job's row said when it was found due; they tell an
    expired claim, which may be taken over, from a newer one, which may not.
    """

    now: datetime
    stage: str
    worker: str
    lease: float
    seen_token: int = 0
    seen_leased: bool = False


@frozen(kw_only=True)
class CompleteStage:
    """Record the output of a stage.

    `rejection` says why the output of the run, which this stage would complete, does not fit the
    workflow's output schema.
    """

    now: datetime
    stage: str
    token: int
    output: JSON
    metrics: Mapping[str, JSON] = field(factory=dict)
    artifacts: Mapping[str, JSON] = field(factory=dict)
    rejection: ErrorInfo | None = None
    notes: tuple[Note, ...] = ()


@frozen(kw_only=True)
class CompleteSteps:
    """Record the outputs of steps inside a stage, each with its name, in this order."""

    now: datetime
    stage: str
    token: int
    steps: tuple[tuple[str, JSON], ...]


@frozen(kw_only=True)
class SuspendStage:
    """Let a stage wait; `check_after` and `max_wait` are seconds from now.

    `deadline` is a moment instead of `max_wait`; `then` and `output` say what becomes of the stage
    when it is still pending at that time.
    """

    now: datetime
    stage: str
    token: int
    state: JSON
    check_after: float | None = 30.0
    max_wait: float = 86_400.0
    signal: str | None = None
    deadline: datetime | None = None
    then: WaitEnd = WaitEnd.FAIL
    output: JSON = None
    notes: tuple[Note, ...] = ()


@frozen(kw_only=True)
class FailAttempt:
    """Record that an attempt failed.

    `names` are those of the error's class and bases, for the retry policy; None asks for another
    attempt whatever the policy covers. `final` rules out another attempt.
    """

    now: datetime
    stage: str
    token: int
    error: ErrorInfo
    random: float
    names: tuple[str, ...] | None = ()
    final: bool = False
    notes: tuple[Note, ...] = ()


@frozen(kw_only=True)
class FailCheck:
    """Record that a check could not tell; the stage stays suspended while its budget lasts."""

    now: datetime
    stage: str
    token: int
    error: ErrorInfo
    random: float
    notes: tuple[Note, ...] = ()


@frozen(kw_only=True)
class ReenterStage:
    """Execute a suspended stage again, because its check says so."""

    now: datetime
    stage: str
    token: int
    notes: tuple[Note, ...] = ()


@frozen(kw_only=True)
class ExpireWait:
    """End a suspended stage that is still pending after its deadline."""

    now: datetime
    stage: str
    token: int


@frozen(kw_only=True)
class ReleaseJob:
    """Give a claim back without a result."""

    now: datetime
    stage: str
    token: int


@frozen(kw_only=True)
class ReceiveSignal:
    """Tell the run something that a stage waits for, or will."""

    now: datetime
    name: str
    payload: JSON = None


@frozen(kw_only=True)
class CancelRun:
    """End the run now."""

    now: datetime
    reason: str | None = None


@frozen(kw_only=True)
class RewindRun:
    """Run the group of a stage, and all later groups, again under this plan, config and input."""

    now: datetime
    stage: str
    plan: Plan
    config: Mapping[str, JSON]
    input: JSON
    reason: str | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None


EndOfClaim: TypeAlias = (
    CompleteStage | SuspendStage | FailAttempt | FailCheck | ReenterStage | ExpireWait | ReleaseJob
)
"""What a worker reports at the end of a job."""

StageResult: TypeAlias = EndOfClaim | CompleteSteps
"""What a worker reports; refused when its token is no longer the current one."""

Command: TypeAlias = CreateRun | ClaimJob | StageResult | ReceiveSignal | CancelRun | RewindRun
