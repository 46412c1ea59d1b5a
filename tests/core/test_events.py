"""The closed set of events and their names on the wire."""

from typing import get_args

from eventflow.core import events as e


def test_every_event_has_one_name_on_the_wire() -> None:
    """Each transition and each note has exactly one name; an unknown event has its own."""
    known = [*get_args(e.Transition), *get_args(e.Note)]
    assert sorted(known, key=str) == sorted(e.EVENT_TYPES.values(), key=str)


def test_names_never_change() -> None:
    """The names on the wire are those that stored histories hold."""
    assert {name: kind.__name__ for name, kind in e.EVENT_TYPES.items()} == {
        "run.created": "RunCreated",
        "run.started": "RunStarted",
        "stage.scheduled": "StageScheduled",
        "job.claimed": "JobClaimed",
        "stage.completed": "StageCompleted",
        "step.completed": "StepCompleted",
        "stage.attempt_failed": "StageAttemptFailed",
        "stage.failed": "StageFailed",
        "stage.suspended": "StageSuspended",
        "stage.resumed": "StageResumed",
        "lease.expired": "LeaseExpired",
        "signal.received": "SignalReceived",
        "run.completed": "RunCompleted",
        "run.failed": "RunFailed",
        "run.cancelled": "RunCancelled",
        "run.rewound": "RunRewound",
        "stage.logged": "StageLogged",
        "stage.progressed": "StageProgressed",
        "run.annotated": "RunAnnotated",
        "artifact.saved": "ArtifactSaved",
        "artifact.deleted": "ArtifactDeleted",
        "result.discarded": "ResultDiscarded",
        "ai.called": "AICalled",
    }
