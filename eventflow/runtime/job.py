"""A claimed job in the hands of this process, until it is reported or lost."""

from datetime import datetime
from typing import Any

from eventflow.core.events import Note
from eventflow.core.stage import StageState
from eventflow.core.state import RunState
from eventflow.core.values import JobKind
from eventflow.definition.stage import Stage
from eventflow.definition.workflow import Workflow
from eventflow.runtime.calling import Call


class Job:
    """One claim: the run as it was claimed, and whether the claim still holds.

    Attributes:
        run: The run behind the claim.
        state: The stage behind the claim.
        kind: What there is to do.
        token: The claim.
        workflow: The workflow as this process knows it.
        stage: The stage as this process knows it.
        renewed_at: When the lease was last made longer.
        lost: Whether the claim no longer holds; then no result counts.
        notes: What is to be recorded together with the result.
    """

    __slots__ = (
        "_work",
        "kind",
        "lost",
        "notes",
        "renewed_at",
        "run",
        "stage",
        "state",
        "token",
        "workflow",
    )

    def __init__(
        self, run: RunState, state: StageState, token: int, workflow: Workflow[Any, Any]
    ) -> None:
        self.run = run
        self.state = state
        self.token = token
        self.kind: JobKind = state.job
        self.workflow = workflow
        self.stage: Stage[Any, Any] = workflow.stage(state.id)
        self.renewed_at: datetime = run.recorded_at
        self.lost = False
        self.notes: list[Note] = []
        self._work: Call | None = None

    def begin(self, work: Call) -> None:
        """Remember the coroutine that is under way, so that losing the claim cancels it."""
        self._work = work
        if self.lost:
            work.cancel()

    def lose(self) -> None:
        """Take notice that the claim no longer holds, and cancel the user's code."""
        self.lost = True
        if self._work is not None:
            self._work.cancel()

    def held_by(self, run: RunState) -> bool:
        """Tell whether the claim still holds in a later state of the run."""
        stage = run.stages.get(self.state.id)
        return stage is not None and stage.claim is not None and stage.claim.token == self.token
