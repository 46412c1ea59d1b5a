"""Durable steps: calls a function inside a stage, records what it gave, and gives that ever after.

It never calls a function whose result was acknowledged, and never gives a result that is not
recorded.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any, TypeAlias

from eventflow.core.references import as_reference
from eventflow.core.values import JSON
from eventflow.definition.annotations import returned_type
from eventflow.definition.names import ID_RULE, is_id
from eventflow.definition.schema import Schema
from eventflow.engine.tasks import begin
from eventflow.errors import (
    InvalidOutput,
    InvalidStep,
    InvalidWorkflow,
    StaleToken,
    StoreUnavailable,
)
from eventflow.runtime.calling import AnyFunction, await_politely, call_plainly, itself, start
from eventflow.runtime.job import Job
from eventflow.runtime.values import Values
from eventflow.store.telling import tell, tell_error

MOST_AT_ONCE = 500

Step: TypeAlias = tuple[str, JSON]
"""The name of a step, and its output as it is recorded."""

StepRecorder: TypeAlias = Callable[[Job, Sequence[Step]], Coroutine[Any, Any, None]]
"""Appends the outputs of steps to the run of a job; raises StaleToken if the claim is gone."""


class Recording:
    """Records steps in the order in which they finish.

    What finishes while an append is under way gathers for the next one, so that many steps at once
    need few appends. Cancelling who waits takes nothing back.
    """

    def __init__(self, job: Job, append: StepRecorder) -> None:
        self._job = job
        self._append = append
        self._finished: list[tuple[Step, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(self, name: str, output: JSON) -> None:
        """Record one output; when this returns it is durable.

        Raises:
            StaleToken: The claim no longer holds; the output was recorded as discarded.
        """
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._finished.append(((name, output), recorded))
        if self._writer is None or self._writer.done():
            self._writer = begin(self._write(), "eventflow steps")
        await recorded

    async def settled(self) -> None:
        """Wait until everything that has finished is recorded, or refused."""
        while self._writer is not None and not self._writer.done():
            await asyncio.shield(self._writer)

    async def _write(self) -> None:
        try:
            while self._finished:
                batch = self._finished[:MOST_AT_ONCE]
                del self._finished[:MOST_AT_ONCE]
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[tuple[Step, asyncio.Future[None]]]) -> None:
        """Append several at once; an output that no event can hold harms no other."""
        try:
            await self._append(self._job, [step for step, _ in batch])
        except Exception as error:  # noqa: BLE001 - each caller gets it
            if len(batch) > 1 and not isinstance(error, StaleToken | StoreUnavailable):
                for each in batch:
                    await self._write_batch([each])
                return
            for _, recorded in batch:
                tell_error(recorded, error)
            return
        for _, recorded in batch:
            tell(recorded, None)


class Steps:
    """The steps of one attempt, or of one check.

    Made on the event loop. A coroutine awaits what `run` gives; code in a thread gets the output
    itself, and there a plain function is called in the same thread.
    """

    def __init__(self, job: Job, append: StepRecorder, threads: Executor, values: Values) -> None:
        self._job = job
        self._values = values
        self._threads = threads
        self._append = append
        self._recording: Recording | None = None
        self._begun: dict[str, object] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._over = False

    @property
    def recorded(self) -> Mapping[str, JSON]:
        """What earlier attempts of this generation have recorded, by name, as it is stored."""
        return self._job.state.steps

    async def output_of(self, name: str) -> JSON:
        """Give what an earlier attempt has recorded."""
        stored = self.recorded[name]
        return stored if as_reference(stored) is None else await self._values.loaded(stored)

    @property
    def in_thread(self) -> bool:
        """Whether the caller is not the event loop."""
        return threading.get_ident() != self._thread

    def run(
        self,
        name: str,
        function: AnyFunction,
        arguments: tuple[object, ...] = (),
        named: Mapping[str, object] | None = None,
        schema: Schema[Any] | None = None,
    ) -> Any:  # noqa: ANN401 - what the function gives, or a coroutine of it
        """Give the recorded output of a step, or call its function and record what it gives."""
        self.begin(name)
        schema = schema or self.schema_of(name, function)
        if self.in_thread:
            return self._run_here(name, schema, function, arguments, named or {})
        return self._run(name, schema, function, arguments, named or {})

    def begin(self, name: str) -> None:
        """Take a name for this attempt.

        Raises:
            InvalidStep: It is no name, or this attempt has used it.
            StaleToken: The attempt is over: code that outlived it begins nothing new.
        """
        if self._over or self._job.lost:
            raise self._stale()
        if not is_id(name):
            raise InvalidStep(f"{name!r:.300} cannot be the name of a step; give {ID_RULE}")
        mine = object()
        if self._begun.setdefault(name, mine) is not mine:
            raise InvalidStep(
                f'Stage "{self._job.state.id}" has used the name "{name}" for a step before in '
                "this attempt; give each step a name of its own"
            )

    def schema_of(self, name: str, function: AnyFunction) -> Schema[Any]:
        """Read from a function's annotation what a step gives; any JSON if it says nothing.

        Raises:
            InvalidStep: It is no function, or says what has no form in JSON.
        """
        if not callable(function):
            raise InvalidStep(
                f'Step "{name}" needs a function and its arguments, not {function!r:.300}; '
                f'write ctx.step("{name}", function, argument)'
            )
        what = f'the output of step "{name}" of stage "{self._job.state.id}"'
        try:
            return Schema(returned_type(function), what, exact=False)
        except InvalidWorkflow as error:
            raise InvalidStep(str(error)) from None

    async def record(self, name: str, output: JSON) -> None:
        """Record an output that is plain data already."""
        if self._recording is None:
            self._recording = Recording(self._job, self._append)
        await self._recording.record(name, output)

    def wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - what it gives
        """Let the event loop do something, and block this thread until it is done."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def end(self) -> None:
        """Begin nothing more, and wait until what has finished is recorded, or refused."""
        self._over = True
        if self._recording is not None:
            await self._recording.settled()

    async def _run(
        self,
        name: str,
        schema: Schema[Any],
        function: AnyFunction,
        arguments: tuple[object, ...],
        named: Mapping[str, object],
    ) -> Any:  # noqa: ANN401 - as `run`
        if name in self.recorded:
            return schema.parse(await self.output_of(name), InvalidOutput)
        with self._freed_on_failure(name):
            value = await start(self._threads, function, arguments, named)
            if isawaitable(value):
                value = await await_politely(itself, value)
        output = schema.dump(value, InvalidOutput)
        await self.record(name, output)
        return schema.parse(output, InvalidOutput)

    def _run_here(
        self,
        name: str,
        schema: Schema[Any],
        function: AnyFunction,
        arguments: tuple[object, ...],
        named: Mapping[str, object],
    ) -> Any:  # noqa: ANN401 - as `run`
        if name in self.recorded:
            return schema.parse(self.wait_for(self.output_of(name)), InvalidOutput)
        with self._freed_on_failure(name):
            value = call_plainly(function, *arguments, **named)
            if isawaitable(value):
                value = self.wait_for(await_politely(itself, value))
        output = schema.dump(value, InvalidOutput)
        self.wait_for(self.record(name, output))
        return schema.parse(output, InvalidOutput)

    @contextmanager
    def _freed_on_failure(self, name: str) -> Generator[None]:
        """Let a step be tried again in the same attempt when its function has failed."""
        try:
            yield
        except BaseException:
            del self._begun[name]
            raise

    def _stale(self) -> StaleToken:
        return StaleToken(self._job.run.run_id, self._job.state.id, self._job.token)
