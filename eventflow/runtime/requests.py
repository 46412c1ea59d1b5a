"""What callers ask for: checked completely before anything is appended, and asked once per key."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypedDict

import msgspec
from attrs import field

from eventflow.core.artifacts import fold_artifacts
from eventflow.core.commands import CreateRun, RewindRun
from eventflow.core.decide import draft
from eventflow.core.draft import Draft
from eventflow.core.events import RunCreated, RunRewound
from eventflow.core.frozen import frozen
from eventflow.core.plan import Plan
from eventflow.core.rewind import earlier_outputs, fork_command, refuse_unless_ended
from eventflow.core.state import RunState
from eventflow.core.values import JSON
from eventflow.definition.names import is_unicode
from eventflow.definition.schema import dump_json
from eventflow.definition.workflow import Workflow
from eventflow.engine.journal import Journal, Outcome
from eventflow.engine.keys import key_of_creation, key_of_rerun
from eventflow.errors import CannotRerun, IdempotencyMismatch, InvalidInput
from eventflow.runtime.catalog import Catalog
from eventflow.runtime.clock import Clock
from eventflow.runtime.given import checked_metadata
from eventflow.runtime.values import Kept, Values

DEFAULT_PRIORITY = 5
HIGHEST_PRIORITY = 2**31 - 1
LONGEST_KEY = 500

GivenConfig = Mapping[str, Any]
"""Config as callers give it: by stage id, the fields that differ from the defaults."""

AppendNew = Callable[[str, Draft, str | None, str | None], Awaitable[Outcome]]
"""Appends the first events of a run: its id, what was decided, the actor and the store's key."""


class Unchanged:
    """The default of an argument that may also be None."""

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED = Unchanged()


@frozen(kw_only=True)
class Creation:
    """A request for a new run, as it came."""

    workflow_id: str
    input: object
    config: GivenConfig | None = None
    priority: int | None = None
    metadata: Mapping[str, object] = field(factory=dict)
    idempotency_key: str | None = None
    actor: str | None = None


class RunOptions(TypedDict, total=False):
    """What may be given along with the workflow and the input of a new run."""

    config: GivenConfig | None
    priority: int | None
    metadata: Mapping[str, object] | None
    idempotency_key: str | None
    actor: str | None


@frozen(kw_only=True)
class Rewinding:
    """A request to go on from a stage, in the same run or in a fork of it."""

    stage: str
    config: GivenConfig | None = None
    input: object = UNCHANGED
    reason: str | None = None
    idempotency_key: str | None = None
    actor: str | None = None


@frozen
class Continuation:
    """The plan, config and input with which a run goes on."""

    plan: Plan
    config: Mapping[str, JSON]
    input: JSON


@frozen
class Requests:
    """Turns requests into commands.

    Attributes:
        journal: Where they are decided.
        catalog: The workflows to check them against.
        clock: The time of the commands.
        new_id: Draws the ids of runs.
        workflow_priority: The priority of runs that are given none.
        append_new: Appends the first events of a run.
        values: Where large inputs are kept.
    """

    journal: Journal
    catalog: Catalog
    clock: Clock
    new_id: Callable[[], str]
    workflow_priority: Callable[[str], int | None]
    append_new: AppendNew
    values: Values

    async def create(self, asked: Creation) -> str:
        """Create a run, or find the one that the same request created before; give its id."""
        workflow = self.catalog.get(asked.workflow_id)
        given = parsed_input(workflow, asked.input)
        config = workflow.validate_config(asked.config or {})
        priority = self._priority(asked)
        _check_key(asked.idempotency_key)
        metadata = checked_metadata(asked.metadata)
        command = CreateRun(
            now=self.clock.now(),
            plan=workflow.plan,
            input=await self.values.stored(given),
            config=config,
            priority=priority,
            metadata=metadata,
            idempotency_key=asked.idempotency_key,
            request_hash=request_hash(workflow.id, given, config, priority, metadata),
        )
        return await self._create(command, asked.actor)

    async def rerun(self, run_id: str, asked: Rewinding) -> int:
        """Rewind a run to the group of a stage; give the new generation."""
        _check_key(asked.idempotency_key)
        digest = _rewinding_hash(asked)
        answered = await self._answered(run_id, asked, digest)
        if answered is not None:
            return answered

        kept = Kept(self.values)

        def decide(state: RunState) -> Draft:
            goes_on = self._continuation(state, asked)
            command = RewindRun(
                now=self.clock.now(),
                stage=asked.stage,
                plan=goes_on.plan,
                config=goes_on.config,
                input=state.input if asked.input is UNCHANGED else kept(goes_on.input),
                reason=asked.reason,
                idempotency_key=asked.idempotency_key,
                request_hash=digest,
            )
            return draft(state, command)

        key = None
        if asked.idempotency_key is not None:
            key = key_of_rerun(asked.idempotency_key, run_id)
        try:
            outcome = await kept.decided(
                lambda: self.journal.execute(run_id, decide, actor=asked.actor, key=key)
            )
        except CannotRerun:
            answered = await self._answered(run_id, asked, digest)
            if answered is None:
                raise
            return answered
        if outcome.duplicate is not None:
            answered = await self._answered(run_id, asked, digest)
        return outcome.state.generation if answered is None else answered

    async def fork(
        self, run_id: str, asked: Rewinding, metadata: Mapping[str, object] | None
    ) -> str:
        """Create a run that goes on from a stage of another; give its id."""
        _check_key(asked.idempotency_key)
        state = await self.journal.state(run_id)
        digest = request_hash(run_id, _rewinding_hash(asked))
        if asked.idempotency_key is not None:
            key = key_of_creation(asked.idempotency_key, run_id)
            owner = await self.journal.owner_of(key, state)
            if owner is not None:
                return await self._same(owner, asked.idempotency_key, digest)
        goes_on = self._continuation(state, asked)
        new_input = goes_on.input
        if asked.input is not UNCHANGED:
            new_input = await self.values.stored(new_input)
        history = (await self.journal.history(run_id))[: state.version]
        given = state.metadata if metadata is None else metadata
        command = fork_command(
            state,
            asked.stage,
            now=self.clock.now(),
            head_hash=history[-1].hash.hex(),
            plan=goes_on.plan,
            config=goes_on.config,
            input=new_input,
            metadata=checked_metadata(given),
            idempotency_key=asked.idempotency_key,
            request_hash=digest,
            artifacts=fold_artifacts(history).all(),
        )
        return await self._create(command, asked.actor)

    def _priority(self, asked: Creation) -> int:
        given = asked.priority
        if given is None:
            given = self.workflow_priority(asked.workflow_id)
        if given is None:
            return DEFAULT_PRIORITY
        if type(given) is not int or abs(given) > HIGHEST_PRIORITY:
            raise InvalidInput(
                f"The priority of a run is a whole number from {-HIGHEST_PRIORITY} to "
                f"{HIGHEST_PRIORITY}, not {given!r}"
            )
        return given

    async def _create(self, command: CreateRun, actor: str | None) -> str:
        run_id = self.new_id()
        key = None
        if command.idempotency_key is not None:
            origin = command.forked_from.run_id if command.forked_from is not None else None
            key = key_of_creation(command.idempotency_key, origin)
        outcome = await self.append_new(run_id, draft(None, command, run_id), actor, key)
        if outcome.duplicate is None:
            return run_id
        return await self._same(outcome.duplicate, command.idempotency_key, command.request_hash)

    async def _same(self, owner: str, key: str | None, digest: str | None) -> str:
        """Give the run that a key belongs to, if it was created by the same request."""
        first = (await self.journal.history(owner))[0].event
        if not isinstance(first, RunCreated) or first.request_hash != digest:
            raise _mismatch(key, owner)
        return owner

    async def _answered(self, run_id: str, asked: Rewinding, digest: str) -> int | None:
        """Give the generation that the same request led to before, if it was made before."""
        if asked.idempotency_key is None:
            return None
        for envelope in await self.journal.history(run_id):
            event = envelope.event
            if isinstance(event, RunRewound) and event.idempotency_key == asked.idempotency_key:
                if event.request_hash != digest:
                    raise _mismatch(asked.idempotency_key, run_id)
                return event.generation
        return None

    def _continuation(self, state: RunState, asked: Rewinding) -> Continuation:
        """Check a rewinding against the workflow of today, or, if it is not here, the run's own.

        Raises:
            CannotRerun, StageNotFound: The run cannot go on from there.
            InvalidConfig, InvalidInput: What is to count from now on does not fit.
            WorkflowNotFound: A config or input is given, but nothing here could check it.
        """
        workflow = self.catalog.find(state.workflow_id)
        if workflow is None and (asked.config is not None or asked.input is not UNCHANGED):
            workflow = self.catalog.get(state.workflow_id)
        plan = state.plan if workflow is None else workflow.plan
        refuse_unless_ended(state, asked.stage)
        earlier_outputs(state, plan, asked.stage)
        if workflow is None:
            return Continuation(plan, state.config, state.input)
        given = asked.config
        if given is None:
            stages = set(plan.stage_ids())
            given = {stage: value for stage, value in state.config.items() if stage in stages}
        new_input = state.input if asked.input is UNCHANGED else parsed_input(workflow, asked.input)
        return Continuation(plan, workflow.validate_config(given), new_input)


def parsed_input(workflow: Workflow[Any, Any], given: object) -> JSON:
    """Check an input and give it as plain data, with the defaults of its schema filled in.

    Raises:
        InvalidInput: It does not fit.
    """
    schema = workflow.input_schema
    return schema.dump(schema.parse(given, InvalidInput), InvalidInput)


def _check_key(key: object) -> None:
    """Refuse what not every store can index, and an empty key, which many requests would share."""
    if key is None:
        return
    if isinstance(key, str) and 0 < len(key) <= LONGEST_KEY and is_unicode(key):
        return
    raise InvalidInput(
        f"An idempotency key is a text of at most {LONGEST_KEY} characters, and not empty; "
        f"{key!r:.300} is none: leave it out, or take a digest of what is longer"
    )


def request_hash(*parts: JSON) -> str:
    """Digest a request, so that the same key with another request is noticed."""
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def _rewinding_hash(asked: Rewinding) -> str:
    config = None if asked.config is None else dump_json(dict(asked.config))
    given = [] if asked.input is UNCHANGED else [dump_json(asked.input)]
    return request_hash(asked.stage, config, given)


def _mismatch(key: str | None, run_id: str) -> IdempotencyMismatch:
    return IdempotencyMismatch(
        f'The idempotency key "{key}" was used for another request, of run {run_id}; '
        "use a new key for a new request"
    )
