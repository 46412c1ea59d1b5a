"""The handle to one run: what callers may ask of it, and how they follow it."""

from collections.abc import AsyncIterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from attrs import field
from typing_extensions import Unpack

from eventflow.core import events as e
from eventflow.core.artifacts import Artifact, fold_artifacts
from eventflow.core.commands import CancelRun, ReceiveSignal
from eventflow.core.decide import draft
from eventflow.core.draft import Draft
from eventflow.core.frozen import frozen
from eventflow.core.state import RunState
from eventflow.core.state import effective as effective_history
from eventflow.core.values import JSON, Actor, Status
from eventflow.definition.names import ID_RULE, is_id
from eventflow.definition.schema import Schema, dump_json
from eventflow.definition.storage import HasId, id_of
from eventflow.engine.journal import Journal, unknown_run
from eventflow.errors import (
    InvalidInput,
    InvalidOutput,
    ResultTimeout,
    RunCancelled,
    RunFailed,
    StageNotFound,
)
from eventflow.runtime.catalog import Catalog
from eventflow.runtime.clock import Clock, within
from eventflow.runtime.given import checked_key, checked_timeout
from eventflow.runtime.requests import UNCHANGED, GivenConfig, Requests, Rewinding
from eventflow.runtime.storage import content_of
from eventflow.runtime.values import Kept, Values
from eventflow.runtime.waking import Waker
from eventflow.store.contract import RunQuery
from eventflow.store.envelope import Envelope

if TYPE_CHECKING:
    from eventflow.engine.checkpoints import Checkpoint
    from eventflow.engine.exporting import ExportReport
    from eventflow.engine.output import Destination
    from eventflow.runtime.annotations import Annotation, AnnotationFilter
    from eventflow.runtime.verification import Verified


@frozen
class Handles:
    """What every run handle of a runtime shares."""

    journal: Journal
    catalog: Catalog
    clock: Clock
    waker: Waker
    requests: Requests
    values: Values


@frozen
class Run:
    """One run of the store; cheap to make, and never out of date, since it holds no state.

    Attributes:
        id: The run's id.
    """

    id: str
    _shared: Handles = field(repr=False, eq=False)

    async def state(self, at: int | None = None) -> RunState:
        """Give what the run is now, or what it was as of a version.

        Large values in it are references; `load` gives what they stand for.

        Raises:
            RunNotFound: The store has no such run.
            ValueError: The run has no such version.
        """
        if at is None:
            return own_copy(await self._shared.journal.state(self.id))
        return await self._shared.journal.state_at(self.id, at)

    async def history(self, *, effective: bool = False) -> list[Envelope]:
        """Give all events of the run, or without those that rewinds have cut.

        Large values in them are references; `load` gives what they stand for.

        Raises:
            RunNotFound: The store has no such run.
        """
        history = await self._shared.journal.history(self.id)
        return effective_history(history) if effective else history

    async def events(self, *, follow: bool = True, after: int = 0) -> AsyncIterator[Envelope]:
        """Yield the events beyond a version, and further ones as they are appended.

        It ends with the event that ends the run, unless the run was rewound since; without
        `follow`, with the last one there is.

        Raises:
            RunNotFound: The store has no such run.
        """
        with self._shared.waker.follow(self.id) as follower:
            while True:
                follower.changed.clear()
                for envelope in await self._shared.journal.history(self.id, after):
                    after = envelope.version
                    yield envelope
                state = await self._shared.journal.state(self.id)
                seen = after >= state.version
                if not follow or (seen and state.status.ended):
                    return
                if seen:
                    await follower.wait()

    async def result(self, timeout: float | None = None) -> Any:  # noqa: ANN401 - the workflow's output
        """Wait until the run has ended, and give its output.

        The output has the type of the workflow's output schema, or of its last stage, if the
        workflow is registered here; otherwise it is plain data.

        Args:
            timeout: Seconds to wait at most; the run goes on whatever happens.

        Raises:
            InvalidInput: The timeout is no number.
            ResultTimeout: The run did not end in time.
            RunCancelled: It was cancelled.
            RunFailed: It failed.
            RunNotFound: The store has no such run.
        """
        timeout = checked_timeout(timeout)
        try:
            state = await within(self._ended(), self._shared.clock, timeout)
        except TimeoutError:
            raise ResultTimeout(
                f"Run {self.id} did not end within {timeout:g} s; it goes on: "
                "ask again, or start a worker if none is running"
            ) from None
        self._refuse_unless_completed(state)
        return self._typed(state, await self._shared.values.loaded(state.output))

    async def artifacts(self, *, effective: bool = True) -> list[Artifact]:
        """List what the stages of the run have saved, in the order in which they did.

        Args:
            effective: Leave out what was replaced, deleted, cut by a rewind, or saved too late.

        Raises:
            RunNotFound: The store has no such run.
        """
        saved = fold_artifacts(await self._shared.journal.history(self.id)).all()
        return [each for each in saved if each.effective or not effective]

    async def load(self, value: JSON | Artifact) -> Any:  # noqa: ANN401 - bytes, or plain data
        """Give the content of an artifact, or a value of the state or the history as a whole.

        Large values stand there as references; here they are in their place.

        Raises:
            BlobAltered: What it refers to was altered.
            BlobNotFound: What it refers to is not in the blob store of this runtime.
        """
        if isinstance(value, Artifact):
            return await content_of(self._shared.values.blobs, value)
        return deepcopy(await self._shared.values.loaded(value))

    async def cancel(self, reason: str | None = None, actor: str | None = None) -> bool:
        """End the run now; tell whether it was still alive.

        Raises:
            RunNotFound: The store has no such run.
        """
        shared = self._shared

        outcome = await shared.journal.execute(
            self.id,
            lambda state: draft(state, CancelRun(now=shared.clock.now(), reason=reason)),
            actor=actor,
        )
        return bool(outcome.events)

    async def rerun_from(
        self,
        stage: HasId | str,
        *,
        reason: str | None = None,
        actor: str | None = None,
        config: GivenConfig | None = None,
        input: object = UNCHANGED,
        idempotency_key: str | None = None,
    ) -> int:
        """Run the group of a stage and all later groups again; give the new generation.

        Earlier stages keep their outputs. `config` and `input` replace what the run had, from now
        on. Nothing is deleted: what is run again stays in the history.

        Raises:
            CannotRerun: The run is alive, or an earlier group has no outputs.
            IdempotencyMismatch: The key was used for another request.
            InvalidConfig, InvalidInput: The new values do not fit.
            RunNotFound: The store has no such run.
            StageNotFound: The workflow has no such stage.
        """
        asked = Rewinding(
            stage=id_of(stage),
            config=config,
            input=input,
            reason=reason,
            idempotency_key=idempotency_key,
            actor=actor,
        )
        return await self._shared.requests.rerun(self.id, asked)

    async def fork_from(
        self,
        stage: HasId | str,
        *,
        actor: str | None = None,
        config: GivenConfig | None = None,
        input: object = UNCHANGED,
        metadata: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
    ) -> "Run":
        """Do what `rerun_from` does in a new run, and leave this one as it is.

        Raises:
            As `rerun_from`.
        """
        asked = Rewinding(
            stage=id_of(stage),
            config=config,
            input=input,
            idempotency_key=idempotency_key,
            actor=actor,
        )
        forked = await self._shared.requests.fork(self.id, asked, metadata)
        return Run(forked, self._shared)

    async def signal(self, name: str, payload: object = None, actor: str | None = None) -> None:
        """Tell the run something that a stage waits for, or will wait for; it is used once.

        Raises:
            InvalidInput: The payload does not fit what a stage declares, if the workflow is
                registered here; or the name is none.
            RunEnded: The run has ended.
            RunNotFound: The store has no such run.
        """
        if not is_id(name):
            raise InvalidInput(f"{name!r:.300} cannot be the name of a signal; give {ID_RULE}")
        shared = self._shared
        kept = Kept(shared.values)

        def decide(state: RunState) -> Draft:
            data = kept(_checked_payload(shared.catalog, state, name, payload))
            return draft(state, ReceiveSignal(now=shared.clock.now(), name=name, payload=data))

        await kept.decided(lambda: shared.journal.execute(self.id, decide, actor=actor))

    async def annotate(
        self,
        /,
        key: str,
        value: object,
        *,
        stage: HasId | str | None = None,
        actor: str | Actor | None = None,
        **fields: object,
    ) -> None:
        """Attach a fact to the run, or to a stage as it was executed last, whatever the status.

        Args:
            key: The name of the fact.
            value: The fact, as JSON.
            stage: The stage that it is about, if it is not about the run.
            actor: Who says so: a name, or a kind, an id and a version.
            fields: What belongs to it.

        Raises:
            InvalidInput: The key is no text, or the value has no form in JSON.
            RunNotFound: The store has no such run.
            StageNotFound: The run has no such stage.
        """
        checked_key(key)
        about = None if stage is None else id_of(stage)
        plain = dump_json(value, InvalidInput, f'the annotation "{key}"')
        plain_fields = {
            name: dump_json(each, InvalidInput, f'"{name}" of the annotation "{key}"')
            for name, each in fields.items()
        }
        given, name = (actor, str(actor)) if isinstance(actor, Actor) else (None, actor)

        def decide(state: RunState) -> Draft:
            work = Draft(state, self._shared.clock.now())
            generation, attempt = _execution(state, about)
            work.add(
                e.RunAnnotated(key, plain, about, plain_fields, generation, attempt, actor=given)
            )
            return work

        await self._shared.journal.execute(self.id, decide, actor=name)

    async def annotations(self, **wanted: Unpack["AnnotationFilter"]) -> "list[Annotation]":
        """List the annotations of the run, in the order in which they were recorded.

        It reads the whole history. Without `effective=True` that includes what is about something
        that a rewind has cut.

        Args:
            wanted: `key`, `prefix`, `actor`, `scope`, `stage`, `since`, `until`, `effective`, as
                `AnnotationFilter` has them; all that are given must hold.

        Raises:
            InvalidInput: A time has no time zone.
            RunNotFound: The store has no such run.
        """
        from eventflow.runtime.annotations import (  # noqa: PLC0415 - few programs ask for them
            Wanted,
            annotations_in,
        )

        asked = Wanted(**wanted)
        history = await self._shared.journal.store.read([self.id])
        if not history:
            raise unknown_run(self.id)
        return annotations_in(history, asked)

    async def export(
        self,
        path: "Destination",
        *,
        overwrite: bool = False,
        checkpoint: "Checkpoint | None" = None,
    ) -> "ExportReport":
        """Write the run to a history file, which appears once it is whole.

        The same run gives the same bytes, wherever it is kept.

        Args:
            path: Where to, compressed if it ends in `.gz`; or an open binary file; or `-`.
            overwrite: Whether a file that is there is replaced.
            checkpoint: Let the file carry the proof that what it holds is in the log of this
                checkpoint.

        Raises:
            CheckpointMismatch: The log is not the one of the checkpoint.
            FileExistsError: The path is taken.
            HistoryAltered: The run is not what was recorded; no file was made.
            OSError: The file cannot be written.
            RunNotFound: The store has no such run.
        """
        from eventflow.engine.exporting import export_histories  # noqa: PLC0415 - few programs export

        store = self._shared.journal.store
        query = RunQuery(run_ids=[self.id])
        return await export_histories(
            store,
            query,
            path,
            overwrite=overwrite,
            checkpoint=checkpoint,
            blobs=self._shared.values.blobs,
        )

    async def verify(self) -> "Verified":
        """Prove that the history is what was recorded, and that the rows are what it says.

        Raises:
            HistoryAltered: Naming the first event that does not fit.
            RunNotFound: The store has no such run.
        """
        from eventflow.runtime.verification import verify_run  # noqa: PLC0415 - few programs verify

        return await verify_run(self._shared.journal.store, self.id, self._shared.values.blobs)

    async def _ended(self) -> RunState:
        with self._shared.waker.follow(self.id, to_the_end=True) as follower:
            while True:
                follower.changed.clear()
                journal = self._shared.journal
                state = follower.state or journal.recent(self.id) or await journal.state(self.id)
                if state.status.ended:
                    return state
                follower.state = None
                await follower.wait()

    def _refuse_unless_completed(self, state: RunState) -> None:
        ending = state.ending
        if state.status is Status.CANCELLED:
            raise RunCancelled(self.id, ending.reason if ending else None)
        if state.status is Status.FAILED and ending is not None and ending.error is not None:
            raise RunFailed(self.id, ending.stage, ending.error.type, ending.error.message)

    def _typed(self, state: RunState, output: JSON) -> Any:  # noqa: ANN401 - as `result`
        """Give the output as its type; it is the caller's own, which may change it."""
        schema = self._output_schema(state)
        if schema is None:
            return deepcopy(output)
        return schema.parse(output, InvalidOutput)

    def _output_schema(self, state: RunState) -> Schema[Any] | None:
        workflow = self._shared.catalog.find(state.workflow_id)
        if workflow is None:
            return None
        if workflow.output_schema is not None:
            return workflow.output_schema
        match state.plan.groups[-1]:
            case [last]:
                stage = workflow.find(last.id)
                return None if stage is None else stage.output_schema
            case _:
                return None


def own_copy(state: RunState) -> RunState:
    """Give a caller a state of its own: no list or dict of it is one that is decided on."""
    return deepcopy(state, {id(state.plan): state.plan})


def _execution(state: RunState, stage_id: str | None) -> tuple[int | None, int | None]:
    """Give the generation and the attempt of a stage as it was executed last, if it was.

    Raises:
        StageNotFound: The run has no such stage.
    """
    if stage_id is None:
        return None, None
    if state.plan.find(stage_id) is None:
        there = ", ".join(f'"{each}"' for each in state.plan.stage_ids())
        raise StageNotFound(f'Stage "{stage_id}" not found in run {state.run_id}; it has {there}')
    stage = state.stages.get(stage_id)
    return (None, None) if stage is None else (stage.generation, stage.attempt)


def _checked_payload(catalog: Catalog, state: RunState, name: str, payload: object) -> JSON:
    """Give a payload as plain data, as the workflow declares it."""
    workflow = catalog.find(state.workflow_id)
    schema = None if workflow is None else workflow.signals.get(name)
    if schema is None:
        return dump_json(payload, InvalidInput, f'the payload of signal "{name}"')
    return schema.dump(schema.strict().parse(payload, InvalidInput), InvalidInput)
