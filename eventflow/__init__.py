"""eventflow: an in-process, event-sourced workflow engine with pluggable stores."""

from importlib import import_module
from typing import TYPE_CHECKING

from eventflow.core.retry import Retry
from eventflow.core.values import Status
from eventflow.definition.builder import define_workflow
from eventflow.definition.context import StageContext
from eventflow.definition.outcomes import Completed, Failed, Pending, Ready, Reenter, Suspended
from eventflow.definition.stage import stage
from eventflow.definition.workflow import Workflow
from eventflow.errors import (
    CannotRerun,
    EventflowError,
    HistoryAltered,
    IdempotencyMismatch,
    InvalidConfig,
    InvalidInput,
    InvalidWorkflow,
    ResultTimeout,
    RunCancelled,
    RunFailed,
    RunNotFound,
    StageNotFound,
    StoreUnavailable,
    UnknownStore,
    WorkflowNotFound,
)
from eventflow.runtime.run import Run
from eventflow.runtime.runtime import Runtime
from eventflow.runtime.settings import Settings

if TYPE_CHECKING:
    from eventflow import ai as ai
else:

    def __getattr__(name: str) -> object:
        """Load `eventflow.ai` when it is first asked for, so that nobody else pays for it."""
        if name == "ai":
            return import_module("eventflow.ai")
        raise AttributeError(f"module 'eventflow' has no attribute {name!r}", name=name)


__all__ = [
    "CannotRerun",
    "Completed",
    "EventflowError",
    "Failed",
    "HistoryAltered",
    "IdempotencyMismatch",
    "InvalidConfig",
    "InvalidInput",
    "InvalidWorkflow",
    "Pending",
    "Ready",
    "Reenter",
    "ResultTimeout",
    "Retry",
    "Run",
    "RunCancelled",
    "RunFailed",
    "RunNotFound",
    "Runtime",
    "Settings",
    "StageContext",
    "StageNotFound",
    "Status",
    "StoreUnavailable",
    "Suspended",
    "UnknownStore",
    "Workflow",
    "WorkflowNotFound",
    "define_workflow",
    "stage",
]
