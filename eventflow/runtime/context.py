"""What a stage sees of its run: typed input, config and earlier outputs, and a voice in the log."""

import asyncio
import threading
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from copy import deepcopy
from datetime import datetime
from functools import cached_property
from random import Random  # noqa: TID251 - only the type
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from eventflow.core import events as e
from eventflow.core.values import JSON, Actor
from eventflow.definition.context import Scope
from eventflow.definition.schema import dump_json
from eventflow.definition.stage import Stage
from eventflow.errors import InvalidOutput, OutputNotFound
from eventflow.runtime.ai_calls import StageHelper
from eventflow.runtime.awaiting import Awaitables
from eventflow.runtime.calling import AnyFunction
from eventflow.runtime.given import checked_key
from eventflow.runtime.identifiers import seeded_random
from eventflow.runtime.job import Job
from eventflow.runtime.steps import Steps
from eventflow.runtime.storage import Shelves, Storage
from eventflow.runtime.values import Contents, placed

if TYPE_CHECKING:
    from eventflow.definition.ai import AIHelper

Recorder = Callable[[str, e.Note], Coroutine[None, None, None]]
"""Appends a note to a run."""


class Outputs(Mapping[str, Any]):
    """The outputs of all earlier groups by stage id, each parsed when it is first looked at."""

    def __init__(self, job: Job, contents: Contents) -> None:
        self._workflow = job.workflow
        self._contents = contents
        self._stored = job.run.outputs_before(job.state.group)
        self._parsed: dict[str, Any] = {}

    def __getitem__(self, stage_id: str) -> Any:  # noqa: ANN401 - as typed as the stage's schema
        if stage_id not in self._parsed:
            stored = placed(self._stored[stage_id], self._contents)
            self._parsed[stage_id] = self._parse(stage_id, stored)
        return self._parsed[stage_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def _parse(self, stage_id: str, stored: JSON) -> Any:  # noqa: ANN401 - as `__getitem__`
        stage = self._workflow.find(stage_id)
        if stage is None:
            return deepcopy(stored)
        return stage.output_schema.parse(stored, InvalidOutput)


class Context:
    """The one implementation of `StageContext`, and of `SyncStageContext`.

    `log`, `progress` and `annotate` are awaited in an `async def` stage. A plain `def` stage, which
    runs in a thread, calls them as they are: there they return when the note is durable.
    """

    def __init__(
        self,
        job: Job,
        *,
        input: object,
        config: object,
        record: Recorder,
        steps: Steps,
        now: Callable[[], datetime],
        contents: Contents,
        shelves: Shelves,
        ai: StageHelper,
    ) -> None:
        self._job = job
        self._shelves = shelves
        self._make_helper = ai
        self._helper: AIHelper | None = None
        self._record = record
        self._steps = steps
        self._awaitables = Awaitables(job.state.id)
        self._now = now
        self._random: Random | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.run_id = job.run.run_id
        self.workflow_id = job.run.workflow_id
        self.stage_id = job.state.id
        self.stage_name = job.stage.name
        self.attempt = job.state.attempt
        self.generation = job.state.generation
        self.token = job.token
        self.claimed_at = job.run.recorded_at
        self.input: Any = input
        self.config: Any = config
        self.outputs: Mapping[str, Any] = Outputs(job, contents)
        self.resume_state: Any = None
        self.resumed = False
        self.signal: Any = None
        self.signal_name: str | None = None

    @cached_property
    def stage_number(self) -> int:
        """The place of the stage in the execution order, from 1."""
        return self._job.run.plan.stage_ids().index(self.stage_id) + 1

    @cached_property
    def metadata(self) -> Mapping[str, JSON]:
        """What the run was created with; the stage's own copy, which nothing else sees."""
        return MappingProxyType(deepcopy(dict(self._job.run.metadata)))

    @cached_property
    def storage(self) -> Storage:
        """Named values and bytes that are kept for this stage, in this run and generation."""
        return Storage(self._job, self._shelves, self._given)

    @property
    def cancelled(self) -> bool:
        """Whether the claim was lost: the run was cancelled or rewound, or the lease expired."""
        return self._job.lost

    @property
    def random(self) -> Random:
        """Random numbers that are the same whenever this attempt is replayed."""
        if self._random is None:
            self._random = seeded_random(f"{self.idempotency_key}:{self.token}")
        return self._random

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this stage in this generation, and for nothing else."""
        return f"{self.run_id}:{self.stage_id}:{self.generation}"

    @property
    def ai(self) -> "AIHelper":
        """Calls models, and records each call as an event of the run."""
        if self._helper is None:
            self._helper = self._make_helper(
                self.run_id, self.stage_id, self.generation, self.attempt, self._job.notes.append
            )
        return self._helper

    def require(self, stage: Stage[Any, Any] | str) -> Any:  # noqa: ANN401 - typed by the Protocol
        """Give the output of an earlier stage.

        Raises:
            OutputNotFound: There is none.
        """
        stage_id = stage if isinstance(stage, str) else stage.id
        if stage_id not in self.outputs:
            there = ", ".join(f'"{each}"' for each in self.outputs) or "none"
            raise OutputNotFound(
                f'Stage "{self.stage_id}" requires the output of "{stage_id}", but there is none; '
                f"stages with an output: {there}"
            )
        return self.outputs[stage_id]

    def optional(self, stage: Stage[Any, Any] | str) -> Any:  # noqa: ANN401 - as `require`
        """Give the output of an earlier stage, or None if there is none."""
        return self.outputs.get(stage if isinstance(stage, str) else stage.id)

    def log(self, message: str, level: str = "info", **fields: object) -> Awaitable[None]:
        """Write a line into the history of the run."""
        note = e.StageLogged(
            self.stage_id, self.generation, self.attempt, level, message, _plain(fields)
        )
        return self._note(note)

    def progress(
        self, fraction: float, message: str | None = None, **details: object
    ) -> Awaitable[None]:
        """Tell how far the stage is, from 0 to 1."""
        if not _is_fraction(fraction):
            raise InvalidOutput(f"Progress is a fraction from 0 to 1, not {fraction!r}")
        note = e.StageProgressed(
            self.stage_id, self.generation, self.attempt, fraction, message, _plain(details)
        )
        return self._note(note)

    def annotate(
        self,
        key: str,
        value: object,
        *,
        scope: Scope = "stage",
        actor: Actor | None = None,
        with_result: bool = False,
        **fields: object,
    ) -> Awaitable[None]:
        """Attach a fact to this execution of the stage, or to the run."""
        checked_key(key, InvalidOutput)
        _check_statement(scope, actor)
        plain = _plain(fields)
        if scope == "stage":
            note = stage_note(self._job, key, value, plain, actor)
        else:
            what = f'the annotation "{key}"'
            note = e.RunAnnotated(
                key, dump_json(value, InvalidOutput, what), fields=plain, actor=actor
            )
        if with_result:
            self._job.notes.append(note)
            return _Done()
        return self._note(note)

    def step(self, name: str, function: AnyFunction, /, *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - typed by the Protocol
        """Give the recorded output of a step, or call its function and record what it gives."""
        answer = self._steps.run(name, function, args, kwargs)
        if self._steps.in_thread:
            return answer
        return self._awaitables.coroutine(f'step("{name}", ...)', answer)

    def map(
        self,
        items: Iterable[Any],
        function: AnyFunction,
        concurrency: int = 10,
        *,
        name: str | None = None,
        progress: bool = True,
    ) -> Any:  # noqa: ANN401 - typed by the Protocol
        """Call a function for each item, each as a step; give the results in order."""
        from eventflow.runtime.fan_out import (  # noqa: PLC0415 - few stages fan out
            FanOut,
            Voice,
            checked_concurrency,
            checked_name,
        )

        name = checked_name(name, function)
        fan_out = FanOut(
            steps=self._steps,
            name=name,
            items=list(items),
            function=function,
            schema=self._steps.schema_of(name, function),
            concurrency=checked_concurrency(name, concurrency),
            voice=Voice(self.progress if progress else _say_nothing, self._now),
        )
        return self._given(f'map(...) of "{name}"', fan_out.run())

    async def refuse_forgotten(self) -> None:
        """Refuse that the stage has forgotten an `await`.

        Raises:
            InvalidStep: Naming what was called and not awaited.
        """
        await self._awaitables.refuse_forgotten()

    async def end(self) -> None:
        """End the steps and calls of this attempt; what has finished is recorded, or refused."""
        if self._helper is not None:
            await self._helper.aclose()
        await self._steps.end()
        await self._awaitables.settle()

    def _given(self, call: str, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - as the methods
        """Give a coroutine what it has to await, and code in a thread the answer itself."""
        if self._steps.in_thread:
            return self._steps.wait_for(work)
        return self._awaitables.coroutine(call, work)

    def _note(self, note: e.Note) -> Awaitable[None]:
        recording = self._record(self.run_id, note)
        if threading.get_ident() != self._thread:
            asyncio.run_coroutine_threadsafe(recording, self._loop).result()
            return _Done()
        return self._awaitables.note(asyncio.ensure_future(recording))


async def _say_nothing(fraction: float, message: str) -> None:
    """Keep the progress to oneself."""


def stage_note(
    job: Job,
    key: str,
    value: object,
    fields: Mapping[str, JSON] | None = None,
    actor: Actor | None = None,
) -> e.RunAnnotated:
    """Attach a fact to the execution of a stage that a job is."""
    return e.RunAnnotated(
        checked_key(key, InvalidOutput),
        dump_json(value, InvalidOutput, what=f'the annotation "{key}"'),
        job.state.id,
        dict(fields or {}),
        generation=job.state.generation,
        attempt=job.state.attempt,
        actor=actor,
    )


def _check_statement(scope: object, actor: object) -> None:
    """Refuse an annotation of nothing, or by nobody that can be looked for.

    Raises:
        InvalidOutput: Saying what it is.
    """
    if scope not in ("stage", "run"):
        raise InvalidOutput(f'The scope of an annotation is "stage" or "run", not {scope!r:.300}')
    if actor is not None and not isinstance(actor, Actor):
        raise InvalidOutput(f"Who says so is an Actor(kind, id, version), not {actor!r:.300}")


class _Done:
    """An awaitable that has nothing left to wait for."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1


def _plain(fields: Mapping[str, object]) -> dict[str, JSON]:
    return {name: dump_json(value) for name, value in fields.items()}
