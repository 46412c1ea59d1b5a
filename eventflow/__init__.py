"""eventflow: an in-process, event-sourced workflow engine with pluggable stores.

`eventflow.__version__` is the version of the distribution `eventflow-engine`.
"""

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

    __version__: str
else:

    def __getattr__(name: str) -> object:
        """Give `eventflow.ai` and the version to who asks, so that nobody else pays for them."""
        if name == "ai":
            return import_module("eventflow.ai")
        if name == "__version__":
            return import_module("importlib.metadata").version("eventflow-engine")
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
