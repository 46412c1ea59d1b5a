"""One event of each type, every field filled: what the golden files hold."""

from datetime import UTC, datetime
from decimal import Decimal

from eventflow.core import events as e
from eventflow.core.ai import AICallKind, AITotals, AIUse, PromptPolicy, Tokens
from eventflow.core.plan import Plan, StagePlan
from eventflow.core.retry import Retry
from eventflow.core.values import Actor, ArtifactKind, ErrorInfo, JobKind, WaitEnd

MOMENT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
BLOB = "sha256:" + "01" * 32
ERROR = ErrorInfo("builtins.ValueError", "brok\u00e9n", "Traceback ...")
PLAN = Plan(
    workflow_id="analysis",
    name="Analysis",
    groups=(
        (StagePlan("extract", "Extract"),),
        (
            StagePlan("count", "Count", Retry(max_attempts=5, retry_on=("builtins.OSError",)), 30),
            StagePlan("rank", "Rank", Retry(give_up_on=("builtins.KeyError",)), 0.5),
        ),
    ),
    fingerprint="0123456789abcdef",
)
USE = AIUse(3, 1, 1, Tokens(100, 20, 30, 40, 5), Decimal("1.000123"))

EXAMPLES: dict[str, e.Transition | e.Note] = {
    "run.created": e.RunCreated(
        workflow_id="analysis",
        plan=PLAN,
        input={"text": "to be", "numbers": [1, 2.5, -0.0, 2**70, None, True]},
        config={"count": {"minimum": 3}, "rank": {}},
        priority=8,
        metadata={"request": "req-456", "tags": ["a", "b"]},
        idempotency_key="req-456",
        request_hash="ab" * 32,
        forked_from=e.ForkedFrom("run-0", 7, "cd" * 32),
        carried={"extract": ["to", "be"]},
        artifacts=(e.CarriedArtifact("extract", "page", BLOB, 3, ArtifactKind.BYTES),),
    ),
    "run.started": e.RunStarted(),
    "stage.scheduled": e.StageScheduled("extract", 1, 0, 1, MOMENT),
    "job.claimed": e.JobClaimed("extract", 0, 1, "worker-1", 60.0, JobKind.CHECK),
    "stage.completed": e.StageCompleted(
        "extract", 0, 1, 4, ["to", "be"], {"words": 2}, {"report": {"size": 10}}
    ),
    "step.completed": e.StepCompleted("extract", 0, 1, 4, "fetch[7]", {"pages": ["to", "be"]}),
    "stage.attempt_failed": e.StageAttemptFailed(
        "count", 0, 1, 5, ERROR, MOMENT, 2.0, 0.25, JobKind.CHECK
    ),
    "stage.failed": e.StageFailed("count", 0, 3, 9, ERROR),
    "stage.suspended": e.StageSuspended(
        "rank", 0, 1, 6, {"batch": "b-1"}, MOMENT, MOMENT, "approval", WaitEnd.COMPLETE, [1]
    ),
    "stage.resumed": e.StageResumed("rank", 0, 1, "signal", 8),
    "lease.expired": e.LeaseExpired("rank", 0, 1, 6, "worker-1", e.LEASE_RELEASED, JobKind.CHECK),
    "signal.received": e.SignalReceived("approval", {"by": "somebody"}),
    "run.completed": e.RunCompleted({"count": 2, "rank": ""}),
    "run.failed": e.RunFailed(ERROR, "count"),
    "run.cancelled": e.RunCancelled("enough"),
    "run.rewound": e.RunRewound(
        stage="count",
        group=2,
        cut=5,
        generation=1,
        plan=PLAN,
        config={"count": {"minimum": 1}},
        input={"text": ""},
        reason="a better model",
        idempotency_key="req-457",
        request_hash="ef" * 32,
        spent=AITotals(USE, {"count": USE}),
    ),
    "stage.logged": e.StageLogged("count", 0, 1, "info", "counted", {"kept": 2}),
    "stage.progressed": e.StageProgressed("count", 0, 1, 0.5, "half", {"done": 1}),
    "run.annotated": e.RunAnnotated(
        "note", "fine", "count", {"by": "somebody"}, 1, 2, Actor("model", "grader", "2026-01")
    ),
    "artifact.saved": e.ArtifactSaved("count", 0, 1, 5, "table", BLOB, 12, ArtifactKind.JSON),
    "artifact.deleted": e.ArtifactDeleted("count", 0, 1, 5, "table"),
    "result.discarded": e.ResultDiscarded("count", 5, "completed", {"total": 2}),
    "ai.called": e.AICalled(
        topic="workflow.run-1.stage.count",
        kind=AICallKind.BATCH,
        requested_model="openai:small",
        request_hash="01" * 32,
        duration=0.25,
        stage="count",
        generation=0,
        attempt=1,
        model="small-2026-01-01",
        provider="openai",
        tokens=Tokens(100, 20, 30, 40, 5),
        cost=Decimal("0.000123"),
        price_version="prices 1.0",
        finish_reason="stop",
        policy=PromptPolicy.FULL,
        prompt=[{"role": "user", "text": "Count."}],
        response=[{"text": "2"}],
        error=ERROR,
        batch="batch-7",
        discount=Decimal("0.5"),
    ),
}

OLDER: dict[str, e.Event] = {
    "run.annotated": e.RunAnnotated("note", "fine", "count", {"by": "somebody"}),
}
"""What is read of bytes that were written before a type was given further fields."""
