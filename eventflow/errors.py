"""Every exception that eventflow raises; a message says what is wrong, what there is, what to do.

```text
EventflowError
├── WorkflowNotFound, RunNotFound, StageNotFound, OutputNotFound, ArtifactNotFound
├── SubscriptionNotFound, DeadLetterNotFound
├── InvalidWorkflow                      when a workflow is built
├── InvalidData
│   ├── InvalidInput, InvalidConfig      what a caller gave
│   └── InvalidOutput                    what a stage returned, suspended with or was answered
├── InvalidStep                          how a stage used ctx.step or ctx.map
├── InvalidSettings, RuntimeNotOpen      how a runtime is set up or used
├── CannotRerun, RunEnded                a command that the state of the run does not allow
├── RunFailed, RunCancelled              how a run ended
├── ResultTimeout
├── IdempotencyMismatch
├── StaleToken                           a result that came too late
├── StoreUnavailable, UnknownStore, SchemaTooNew
├── HistoryAltered
│   ├── InvalidHistoryFile               cut off, no such file, or changed outside of its events
│   ├── CheckpointMismatch               what is there is not what a checkpoint was made of
│   └── BlobAltered                      what a history refers to
├── InvalidCheckpoint, InvalidKey        a signature that is worth nothing, a key that is none
├── ExtraMissing                         something optional is not installed
├── BlobNotFound
├── AICallFailed                         a model did not answer; recorded all the same
│   ├── AICallRefused                    asking again unchanged will not help
│   └── InvalidAnswer                    what it answered does not fit the schema
├── BatchesNotListed                     the provider does not let one look for a batch
├── CallNotRecorded                      a replay is asked for what is not in the history
└── CannotCopy                           a history that the target has otherwise
```
"""

from collections.abc import Sequence
from enum import StrEnum

from attrs import frozen


class EventflowError(Exception):
    """The base of every error of eventflow."""


class WorkflowNotFound(EventflowError):
    """No workflow with this id is registered."""


class RunNotFound(EventflowError):
    """The store holds no run with this id."""


class StageNotFound(EventflowError):
    """The workflow has no stage with this id."""


class SubscriptionNotFound(EventflowError):
    """The store has no subscription of this name."""


class DeadLetterNotFound(EventflowError):
    """The subscription has set no event aside at this position, or has replayed it since."""


class OutputNotFound(EventflowError):
    """An earlier output that a stage requires does not exist."""


class ArtifactNotFound(EventflowError):
    """A stage has saved nothing under this name, or has deleted it again."""


class InvalidWorkflow(EventflowError):
    """A workflow cannot be built as it was put together."""


@frozen
class Problem:
    """One thing that is wrong with a value: where, and why.

    Attributes:
        path: The place of the field, such as `settings.max_items` or `items[3]`; empty for the
            value as a whole.
        reason: What is wrong there.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        """Say both on one line."""
        return f"{self.path}: {self.reason}" if self.path else self.reason


class InvalidData(EventflowError):
    """A value does not fit its schema.

    Attributes:
        problems: Every field that is wrong, with its path.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        lines = [message, *(f"  {problem}" for problem in self.problems)]
        super().__init__("\n".join(lines))


class InvalidInput(InvalidData):
    """The input of a run, or what reached a stage, does not fit the input schema."""


class InvalidConfig(InvalidData):
    """The config of one stage or more does not fit; all of them are listed."""


class InvalidOutput(InvalidData):
    """An output, a suspended state or a check result does not fit its schema."""


class InvalidStep(EventflowError):
    """A stage used `ctx.step` or `ctx.map` as they cannot be used; trying again would not help."""


class InvalidSettings(EventflowError):
    """A setting, or the URL of a store, is not what it can be."""


class RuntimeNotOpen(EventflowError):
    """A runtime was used outside of its `async with` block."""


class CannotRerun(EventflowError):
    """The run cannot go back to this stage; nothing was appended."""


class RunEnded(EventflowError):
    """The run has ended, so it takes no more signals; nothing was appended."""


class RunFailed(EventflowError):
    """The run ended as failed.

    Attributes:
        run_id: The run.
        stage: The first stage that failed, if a stage did.
        error_type: The qualified name of the error's class.
        reason: The error's own message.
    """

    def __init__(self, run_id: str, stage: str | None, error_type: str, reason: str) -> None:
        self.run_id = run_id
        self.stage = stage
        self.error_type = error_type
        self.reason = reason
        where = f' in stage "{stage}"' if stage is not None else ""
        super().__init__(f"Run {run_id} failed{where}: {error_type}: {reason}")


class RunCancelled(EventflowError):
    """The run was cancelled.

    Attributes:
        run_id: The run.
        reason: Why, if that was said.
    """

    def __init__(self, run_id: str, reason: str | None) -> None:
        self.run_id = run_id
        self.reason = reason
        super().__init__(f"Run {run_id} was cancelled" + (f": {reason}" if reason else ""))


class ResultTimeout(EventflowError):
    """The run did not end in the time that the caller was willing to wait; it goes on."""


class IdempotencyMismatch(EventflowError):
    """The idempotency key was used before, for another request."""


class StaleToken(EventflowError):
    """The claim behind this result no longer holds; the result was recorded as discarded.

    Attributes:
        run_id: The run.
        stage: The stage.
        token: The token that is no longer the current one.
    """

    def __init__(self, run_id: str, stage: str, token: int) -> None:
        self.run_id = run_id
        self.stage = stage
        self.token = token
        super().__init__(
            f'Token {token} of stage "{stage}" in run {run_id} is no longer the current one: '
            "the lease expired, or the run was cancelled or rewound"
        )


class StoreUnavailable(EventflowError):
    """The store cannot be reached or cannot be written; nothing was half-written."""


class UnknownStore(EventflowError):
    """No installed store answers to the scheme of this URL, or its driver is missing."""


class SchemaTooNew(EventflowError):
    """A newer release of eventflow wrote this; this release would not understand it."""


class Alteration(StrEnum):
    """How what is there differs from what was recorded, as far as the rest of it tells."""

    ALTERED = "altered"
    """An event is not the one that was recorded."""
    MISSING = "missing"
    """An event that was recorded is gone."""
    INSERTED = "inserted"
    """An event stands where none was recorded."""
    REORDERED = "reordered"
    """An event that was recorded stands in another place."""
    DRIFTED = "drifted"
    """The events are genuine; the rows that are derived from them are not."""


class HistoryAltered(EventflowError):
    """What is there is not what was recorded.

    Attributes:
        run_id: The run.
        version: The first event that does not fit.
        how: In what way it does not.
    """

    def __init__(
        self, run_id: str, version: int, reason: str, how: Alteration = Alteration.ALTERED
    ) -> None:
        self.run_id = run_id
        self.version = version
        self.how = how
        super().__init__(f"The history of run {run_id} was altered at version {version}: {reason}")


class InvalidHistoryFile(HistoryAltered):
    """A file is no history, was cut off, or was changed in a place that no run owns.

    Attributes:
        line: The first line that does not fit, from 1.
        run_id: Empty: it is about no run.
        version: 0, as there is none.
    """

    def __init__(self, name: str, line: int, reason: str) -> None:
        self.line = line
        self.run_id = ""
        self.version = 0
        self.how = Alteration.ALTERED
        EventflowError.__init__(self, f"{name}, line {line}: {reason}")


class CheckpointMismatch(HistoryAltered):
    """What is there is not what a checkpoint was made of: changed, or cut off, before its end.

    Attributes:
        size: The number of events that the checkpoint is about.
        run_id: Empty: somewhere before the end of the checkpoint, which names no run.
        version: 0, as there is none.
    """

    def __init__(self, size: int, reason: str, how: Alteration) -> None:
        self.size = size
        self.run_id = ""
        self.version = 0
        self.how = how
        EventflowError.__init__(
            self,
            f"The log is not the one of which a checkpoint of {size} events was made: {reason}",
        )


class InvalidCheckpoint(EventflowError):
    """A checkpoint, or a proof that rests on one, is not signed by the key, or is none at all."""


class InvalidKey(EventflowError):
    """A key is not one that can sign, or check, checkpoints."""


class ExtraMissing(EventflowError):
    """What was asked for needs an extra of eventflow that is not installed."""


class BlobAltered(HistoryAltered):
    """The bytes of a blob are not those that were put; the runs that refer to it are in doubt.

    Attributes:
        key: The blob.
        run_id: Empty: many runs may refer to it.
        version: 0, as there is none.
    """

    def __init__(self, key: str, found: str) -> None:
        self.key = key
        self.run_id = ""
        self.version = 0
        self.how = Alteration.ALTERED
        EventflowError.__init__(
            self,
            f"The blob {key} was altered: its bytes have the hash {found}; restore it from a "
            "backup of the blob store",
        )


class BlobNotFound(EventflowError):
    """The blob store holds no such blob.

    Attributes:
        key: The blob.
        where: What was asked for it.
    """

    def __init__(self, key: str, where: str) -> None:
        self.key = key
        self.where = where
        super().__init__(
            f"{where} holds no blob {key}; open the blob store that it was put into "
            "(Runtime(blobs=...)), or restore it from a backup"
        )


class CannotCopy(EventflowError):
    """A run cannot be copied to a store that has something else in its place.

    Attributes:
        run_id: The run.
        version: The first event that cannot be copied.
    """

    def __init__(self, run_id: str, version: int, reason: str) -> None:
        self.run_id = run_id
        self.version = version
        super().__init__(f"Run {run_id} cannot be copied: {reason}")


class AICallFailed(EventflowError):
    """A model did not answer; the call is in the log, with what it used as far as that is known.

    Attributes:
        model: The model as the caller named it.
        status: The HTTP status that the provider answered with, if it did.
        retry_after: The seconds that the provider asks to wait before the next call, if it does.
    """

    def __init__(
        self,
        model: str,
        reason: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.model = model
        self.status = status
        self.retry_after = retry_after
        super().__init__(f"The call of {model} failed: {reason}")


class AICallRefused(AICallFailed):
    """The provider refused the call itself, such as a wrong key or an unknown model."""


class InvalidAnswer(AICallFailed):
    """What a model answered does not fit the schema, or is no JSON.

    Attributes:
        problems: Every field that is wrong, with its path.
    """

    def __init__(self, model: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        listed = "; ".join(map(str, self.problems))
        super().__init__(model, f"the answer does not fit the schema: {listed}")


class BatchesNotListed(EventflowError):
    """The provider does not let one look for a batch whose id was lost, so it may exist or not."""


class CallNotRecorded(EventflowError):
    """A replay is asked for a call that the history does not hold, or holds without its answer."""
