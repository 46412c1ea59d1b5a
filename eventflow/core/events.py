"""Everything that can have happened to a run: one closed set of frozen facts, in the past tense.

An event says only what is its own. Version, time, actor and hash are those of the envelope that
the store keeps around it. `EVENT_TYPES` gives each class its name on the wire, which never
changes, whatever becomes of the class.
"""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol, TypeAlias

from attrs import field

from eventflow.core.ai import AICallKind, AITotals, PromptPolicy, Tokens
from eventflow.core.frozen import frozen
from eventflow.core.plan import Plan
from eventflow.core.values import JSON, Actor, ArtifactKind, ErrorInfo, JobKind, WaitEnd

LEASE_TIMEOUT = "timeout"
LEASE_RELEASED = "released"


@frozen
class ForkedFrom:
    """The exact event of another run that a fork continues."""

    run_id: str
    version: int
    hash: str


@frozen
class CarriedArtifact:
    """An artifact of an earlier stage that a fork took over."""

    stage: str
    name: str
    blob: str
    size: int
    kind: ArtifactKind


@frozen
class RunCreated:
    """A run was created; all that is needed to fold it is in here.

    `carried` holds the outputs that a fork took over, by stage id; `artifacts` what their stages
    had saved.
    """

    workflow_id: str
    plan: Plan
    input: JSON
    config: dict[str, JSON]
    priority: int
    metadata: dict[str, JSON]
    idempotency_key: str | None = None
    request_hash: str | None = None
    forked_from: ForkedFrom | None = None
    carried: dict[str, JSON] = field(factory=dict)
    artifacts: tuple[CarriedArtifact, ...] = ()


@frozen
class RunStarted:
    """The first job of the run was claimed."""


@frozen
class StageScheduled:
    """A stage may be executed once `due_at` has come."""

    stage: str
    group: int
    generation: int
    attempt: int
    due_at: datetime


@frozen
class JobClaimed:
    """A worker took a job; the version of this event is the token that fences its results."""

    stage: str
    generation: int
    attempt: int
    worker: str
    lease: float
    kind: JobKind = JobKind.EXECUTE


@frozen
class StageCompleted:
    """A stage has its output."""

    stage: str
    generation: int
    attempt: int
    token: int
    output: JSON
    metrics: dict[str, JSON] = field(factory=dict)
    artifacts: dict[str, JSON] = field(factory=dict)


@frozen
class StepCompleted:
    """A durable step inside a stage has its output; it is not executed again in this generation."""

    stage: str
    generation: int
    attempt: int
    token: int
    name: str
    output: JSON


@frozen
class StageAttemptFailed:
    """An attempt, or a check, failed and is made again at `retry_at`.

    `random` is the number that jittered the delay of `delay` seconds.
    """

    stage: str
    generation: int
    attempt: int
    token: int
    error: ErrorInfo
    retry_at: datetime
    delay: float
    random: float
    kind: JobKind = JobKind.EXECUTE


@frozen
class StageFailed:
    """A stage failed for good; `token` is that of the claim that ended it."""

    stage: str
    generation: int
    attempt: int
    token: int
    error: ErrorInfo


@frozen
class StageSuspended:
    """A stage handed its work over and waits; `check_at` is None when no check is to wake it.

    `then` says what becomes of it when it is still pending at its deadline: it fails, is executed
    again, or completes with `output`.
    """

    stage: str
    generation: int
    attempt: int
    token: int
    state: JSON
    check_at: datetime | None
    deadline: datetime
    signal: str | None = None
    then: WaitEnd = WaitEnd.FAIL
    output: JSON = None


@frozen
class StageResumed:
    """A suspended stage may be executed again.

    `signal` is the version of the signal that woke it, or None when a check or its time did.
    """

    stage: str
    generation: int
    attempt: int
    reason: str
    signal: int | None = None


@frozen
class LeaseExpired:
    """A claim no longer holds, because its worker stopped renewing it or gave it back.

    `reason` is `LEASE_TIMEOUT`, which uses up an attempt, or `LEASE_RELEASED`, which does not.
    """

    stage: str
    generation: int
    attempt: int
    token: int
    worker: str
    reason: str
    kind: JobKind = JobKind.EXECUTE


@frozen
class SignalReceived:
    """Somebody told the run something; a stage that waits for this name uses it once."""

    name: str
    payload: JSON


@frozen
class RunCompleted:
    """Every stage has completed."""

    output: JSON


@frozen
class RunFailed:
    """A stage failed for good (`stage`), or the output of the run does not fit its schema."""

    error: ErrorInfo
    stage: str | None = None


@frozen
class RunCancelled:
    """Somebody ended the run."""

    reason: str | None = None


@frozen
class RunRewound:
    """The run goes on from an earlier execution group.

    What follows version `cut` no longer counts, up to this event. Plan, config and input are
    those that count from now on, changed or not. `spent` is what calls of models came to before,
    if there were any: what was cut is paid all the same.
    """

    stage: str
    group: int
    cut: int
    generation: int
    plan: Plan
    config: dict[str, JSON]
    input: JSON
    reason: str | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None
    spent: AITotals | None = None


@frozen
class StageLogged:
    """User code wrote a line about its work."""

    stage: str
    generation: int
    attempt: int
    level: str
    message: str
    fields: dict[str, JSON] = field(factory=dict)


@frozen
class StageProgressed:
    """User code told how far it is, as a fraction from 0 to 1."""

    stage: str
    generation: int
    attempt: int
    fraction: float
    message: str | None = None
    details: dict[str, JSON] = field(factory=dict)


@frozen
class RunAnnotated:
    """A fact was attached to the run, or to one of its stages.

    `generation` and `attempt` say which execution of the stage it speaks of; `actor` is who says
    so, if that is more than the name in the envelope.
    """

    key: str
    value: JSON
    stage: str | None = None
    fields: dict[str, JSON] = field(factory=dict)
    generation: int | None = None
    attempt: int | None = None
    actor: Actor | None = None


@frozen
class ArtifactSaved:
    """User code saved something under a name; `blob` is the key of its bytes, `size` their number.

    It counts if `token` was the current one of its stage, and until the name is saved again.
    """

    stage: str
    generation: int
    attempt: int
    token: int
    name: str
    blob: str
    size: int
    kind: ArtifactKind


@frozen
class ArtifactDeleted:
    """User code has no more use for what it saved under a name; the bytes are kept."""

    stage: str
    generation: int
    attempt: int
    token: int
    name: str


@frozen
class ResultDiscarded:
    """A result came with a token that is no longer the current one; `outcome` names its kind."""

    stage: str
    token: int
    outcome: str
    result: JSON = None


@frozen
class AICalled:
    """A model was called; `stage`, `generation` and `attempt` are None outside of stages.

    Attributes:
        topic: A path that says what the call was for, such as `workflow.run-1.stage.count`.
        kind: What was asked for.
        requested_model: The model as the caller named it.
        request_hash: A digest of all that was asked, by which a replay finds the answer.
        duration: Seconds from the request to the end of the response.
        stage: The stage that called.
        generation: The generation of the run at that time.
        attempt: The attempt of the stage at that time.
        model: The model that answered, as the provider names it.
        provider: Who answered, such as `openai`.
        tokens: What was used; None if the provider did not say.
        cost: What it cost in US dollars, exactly; None if the price is unknown.
        price_version: Which price data the cost comes from.
        finish_reason: Why the response ended, such as `stop` or `length`.
        policy: What is kept of prompt and response.
        prompt: What was asked, its digest, or nothing, as the policy has it.
        response: What came back, its digest, or nothing, as the policy has it.
        error: How the call failed, if it did.
        batch: The provider's id of the batch that it was part of, if it was.
        discount: The part of the list price that was taken off, from 0 to 1, if any was.
    """

    topic: str
    kind: AICallKind
    requested_model: str
    request_hash: str
    duration: float
    stage: str | None = None
    generation: int | None = None
    attempt: int | None = None
    model: str | None = None
    provider: str | None = None
    tokens: Tokens | None = None
    cost: Decimal | None = None
    price_version: str | None = None
    finish_reason: str | None = None
    policy: PromptPolicy = PromptPolicy.NONE
    prompt: JSON = None
    response: JSON = None
    error: ErrorInfo | None = None
    batch: str | None = None
    discount: Decimal | None = None


@frozen
class UnknownEvent:
    """An event of a type, or of a schema number, that this release does not know.

    Histories that hold one can be read and folded. Nothing is decided on them, because what the
    event changed cannot be known.
    """

    type: str
    schema: int
    data: bytes


Transition: TypeAlias = (
    RunCreated
    | RunStarted
    | StageScheduled
    | JobClaimed
    | StageCompleted
    | StepCompleted
    | StageAttemptFailed
    | StageFailed
    | StageSuspended
    | StageResumed
    | LeaseExpired
    | SignalReceived
    | RunCompleted
    | RunFailed
    | RunCancelled
    | RunRewound
)
"""What changes the state of a run: decided on a state and appended right behind it."""

Note: TypeAlias = (
    StageLogged
    | StageProgressed
    | RunAnnotated
    | ArtifactSaved
    | ArtifactDeleted
    | ResultDiscarded
    | AICalled
)
"""What nothing is decided on: one that lost a race is simply appended again, never refused."""

Event: TypeAlias = Transition | Note | UnknownEvent

EVENT_TYPES: Mapping[str, type[Transition | Note]] = MappingProxyType(
    {
        "run.created": RunCreated,
        "run.started": RunStarted,
        "stage.scheduled": StageScheduled,
        "job.claimed": JobClaimed,
        "stage.completed": StageCompleted,
        "step.completed": StepCompleted,
        "stage.attempt_failed": StageAttemptFailed,
        "stage.failed": StageFailed,
        "stage.suspended": StageSuspended,
        "stage.resumed": StageResumed,
        "lease.expired": LeaseExpired,
        "signal.received": SignalReceived,
        "run.completed": RunCompleted,
        "run.failed": RunFailed,
        "run.cancelled": RunCancelled,
        "run.rewound": RunRewound,
        "stage.logged": StageLogged,
        "stage.progressed": StageProgressed,
        "run.annotated": RunAnnotated,
        "artifact.saved": ArtifactSaved,
        "artifact.deleted": ArtifactDeleted,
        "result.discarded": ResultDiscarded,
        "ai.called": AICalled,
    }
)
"""The name of each event on the wire. A name is never used again for something else."""


class Fact(Protocol):
    """An event with its place in the history of its run."""

    @property
    @abstractmethod
    def run_id(self) -> str:
        """The run that it belongs to."""

    @property
    @abstractmethod
    def version(self) -> int:
        """Its number within the run, from 1."""

    @property
    @abstractmethod
    def recorded_at(self) -> datetime:
        """When it was recorded, in the store's time."""

    @property
    @abstractmethod
    def event(self) -> Event:
        """What happened."""


@frozen
class Recorded:
    """The smallest fact: what folding needs to know of an event, and nothing of any store."""

    run_id: str
    version: int
    recorded_at: datetime
    event: Event
