"""Runs the user's code for a claimed job, outside any transaction, and says what it came to."""

import asyncio
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from attrs import evolve as changed

from eventflow.core import commands as c
from eventflow.core.frozen import frozen
from eventflow.core.references import Reference
from eventflow.core.retry import error_names, qualified_name
from eventflow.core.stage import Suspension
from eventflow.core.state import Signal
from eventflow.core.values import JSON, ErrorInfo, JobKind, WaitEnd
from eventflow.definition.outcomes import (
    DEFAULT_CHECK_AFTER,
    Completed,
    Failed,
    Pending,
    Ready,
    Reenter,
    Suspended,
)
from eventflow.definition.schema import dump_json
from eventflow.errors import (
    CallNotRecorded,
    InvalidConfig,
    InvalidData,
    InvalidInput,
    InvalidOutput,
    InvalidStep,
    StaleToken,
)
from eventflow.runtime.ai_calls import StageHelper
from eventflow.runtime.backoff import Outage, until_available
from eventflow.runtime.calling import Call, start
from eventflow.runtime.clock import Clock
from eventflow.runtime.context import Context, Recorder, stage_note
from eventflow.runtime.job import Job
from eventflow.runtime.logs import log_blocked
from eventflow.runtime.steps import StepRecorder, Steps
from eventflow.runtime.storage import Shelves
from eventflow.runtime.values import Contents, Values, held_outside, placed

LONGEST_TRACEBACK = 16_000
LONGEST_MESSAGE = 16_000
LONGEST_NOTES = 1_000
PUNCTUAL = 0.1
"""Seconds by which a timer may be late while the event loop is only busy, and not blocked."""

RAISED_NO_ERROR = "exceptions must derive from BaseException"
_ANSWERS = (Completed, Suspended, Failed, Pending, Ready, Reenter)


@frozen
class Postpone:
    """A check that is not ready yet: the claim is given back until `due_at`."""

    due_at: datetime


Report: TypeAlias = c.EndOfClaim | Postpone


class JobLost(Exception):
    """The claim was lost while the user's code ran; there is nothing to report."""


@frozen
class Execution:
    """How user code is called.

    Attributes:
        clock: Bounds the attempts.
        threads: Where plain functions run.
        record: Appends the notes of the stages.
        record_steps: Appends the outputs of their steps.
        random: Draws the number that jitters a retry.
        values: What is kept outside of the events.
        ai: Makes the helpers that call models.
        shelves: What the stages keep by name.
    """

    clock: Clock
    threads: Executor
    record: Recorder
    record_steps: StepRecorder
    random: Callable[[], float]
    values: Values
    ai: StageHelper
    shelves: Shelves

    async def perform(self, job: Job) -> Report:
        """Do what there is to do for a job.

        Raises:
            JobLost: The claim was lost meanwhile.
        """
        report = await self._perform(job)
        if not isinstance(report, Postpone | c.ExpireWait | c.ReleaseJob):
            return changed(report, notes=tuple(job.notes)) if job.notes else report
        for note in job.notes:  # no event of this answer could take them along
            await self.record(job.run.run_id, note)
        return report

    async def _perform(self, job: Job) -> Report:
        try:
            outside = held_outside(_seen_by(job))
            contents = await self._contents(job, outside) if outside else {}
            if job.kind is JobKind.EXECUTE:
                return await self._execute(job, contents)
            return await self._check(job, contents)
        except JobLost:
            raise
        except StaleToken as error:
            if job.lost:
                raise
            return self._excused(job, error)
        except (InvalidData, InvalidStep, CallNotRecorded) as error:
            return self.failed(job, error, final=True)
        except BaseException as error:
            if _ends_more(error):
                raise
            return self._excused(job, error)

    async def _contents(self, job: Job, outside: Sequence[Reference]) -> Contents:
        """Read the large values that the job's code may see; a store that is away is waited for."""
        outage = Outage(f"values of {job.run.run_id} {job.state.id}", self.clock)
        return await until_available(lambda: self.values.read(outside), outage)

    async def _execute(self, job: Job, contents: Contents) -> Report:
        """Call the stage, and turn what it returned into a command."""
        context = self._context(job, contents)
        returned = await self._call_with(context, job, job.stage.function, context)
        match returned:
            case Failed():
                return self._gave_up(job, returned)
            case Suspended():
                return self._suspended(job, returned)
            case Completed():
                facts = [stage_note(job, *fact) for fact in returned.annotations.items()]
                done = self._completed(job, returned.output, returned.metrics, returned.artifacts)
                job.notes += facts
                return done
            case _:
                return self._completed(job, returned)

    async def _check(self, job: Job, contents: Contents) -> Report:
        """Ask the check of a suspended stage, and turn its answer into a command or a new time."""
        waiting = job.state.suspension
        check = job.stage.check_function
        if waiting is None or check is None or waiting.asleep:
            return self._still_pending(job, waiting, None, contents)
        state = job.stage.state_schema.parse(placed(waiting.state, contents), InvalidOutput)
        context = self._context(job, contents)
        answer = await self._call_with(context, job, check, state, context)
        match answer:
            case Ready():
                return self._completed(job, answer.output, answer.metrics)
            case Reenter():
                return c.ReenterStage(now=self.clock.now(), stage=job.state.id, token=job.token)
            case Failed():
                return self._gave_up(job, answer)
            case Pending():
                return self._still_pending(job, waiting, answer.check_after, contents)
            case _:
                raise InvalidOutput(
                    f'The check of stage "{job.state.id}" returned {type(answer).__name__}; '
                    "it returns Pending, Ready, Reenter or Failed"
                )

    def _context(self, job: Job, contents: Contents) -> Context:
        """Give the stage its typed input and config.

        Raises:
            InvalidInput, InvalidConfig: What is stored does not fit the schemas of this process.
        """
        stage = job.stage
        given = placed(job.run.input_of(job.state.group), contents)
        input_value = stage.input_schema.parse(given, InvalidInput) if stage.takes_input else None
        config = stage.config_schema.parse(job.run.config.get(stage.id), InvalidConfig)
        context = Context(
            job,
            input=input_value,
            config=config,
            record=self.record,
            steps=Steps(job, self.record_steps, self.threads, self.values),
            contents=contents,
            shelves=self.shelves,
            now=self.clock.now,
            ai=self.ai,
        )
        resumption = job.state.resumption
        if resumption is not None:
            state = placed(resumption.state, contents)
            context.resume_state = stage.state_schema.parse(state, InvalidOutput)
            context.resumed = True
            for signal in job.run.signals:
                if signal.version == resumption.signal:
                    context.signal_name = signal.name
                    context.signal = _payload(job, signal, contents)
        return context

    async def _call_with(
        self, context: Context, job: Job, function: Callable[..., Any], *arguments: object
    ) -> Any:  # noqa: ANN401 - as `_call`
        """Call user code, and end what it was given to await.

        Raises:
            InvalidStep: It has forgotten to.
        """
        try:
            returned = await self._call(job, function, *arguments)
            await context.refuse_forgotten()
        finally:
            await context.end()
        return returned

    async def _call(self, job: Job, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - what user code returns
        """Call user code within the stage's timeout.

        Raises:
            JobLost: The claim was lost, and the code was cancelled.
            TimeoutError: The attempt took too long, and the code was cancelled.
        """
        began = self.clock.now()
        begun = start(self.threads, function, arguments)
        work = asyncio.ensure_future(begun)  # an eager task has got as far by now as it can
        call = Call(work, self.clock)
        if begun is not work:  # a coroutine; nobody can cancel a thread
            job.begin(call)
        timeout = _timeout(job)
        try:
            if timeout is None:
                return await call.answer
            return await self._bounded(job, call, timeout, began)
        except asyncio.CancelledError:
            if _cancelling():
                await call.end()
                raise
            if job.lost:
                raise JobLost from None
            raise

    async def _bounded(self, job: Job, call: Call, timeout: float, began: datetime) -> Any:  # noqa: ANN401 - as `_call`
        """Await user code; once the time is up, cancel it and take nothing that it still says."""
        late = False

        def cancel() -> None:
            nonlocal late
            late = call.cancel()

        timer = self.clock.call_later(timeout - self._since(began), cancel, call.work)
        try:
            returned = await call.answer
        except BaseException as error:
            if late:
                raise _too_late(timeout) from error
            raise
        finally:
            timer.cancel()
        if late:
            raise _too_late(timeout)
        took = self._since(began)
        if took > timeout + PUNCTUAL:  # nobody could look at the time, so the result counts
            log_blocked(job.run.run_id, job.state.id, took, timeout)
        return returned

    def _since(self, began: datetime) -> float:
        return (self.clock.now() - began).total_seconds()

    def _completed(
        self,
        job: Job,
        output: object,
        metrics: Mapping[str, object] | None = None,
        artifacts: Mapping[str, object] | None = None,
    ) -> c.CompleteStage:
        return c.CompleteStage(
            now=self.clock.now(),
            stage=job.state.id,
            token=job.token,
            output=_output(job, output),
            metrics=_named_values("metric", metrics),
            artifacts=_named_values("artifact", artifacts),
        )

    def _suspended(self, job: Job, suspended: Suspended[Any]) -> c.SuspendStage:
        signal, check_after, then = suspended.signal or job.stage.signal, None, suspended.then
        if job.stage.check_function is not None:
            check_after = suspended.check_after
        if suspended.asleep:
            signal, check_after = None, None
        if signal is None and check_after is None and then is None:
            raise InvalidOutput(
                f'Stage "{job.state.id}" suspended, but nothing would ever wake it; '
                f"give it a check (@{job.stage.id}.check), Suspended.for_signal(...) or "
                "Suspended.until(...)"
            )
        end, output = WaitEnd.REENTER if then is not None else WaitEnd.FAIL, None
        if isinstance(then, Ready):
            end, output = WaitEnd.COMPLETE, _output(job, then.output)
        return c.SuspendStage(
            now=self.clock.now(),
            stage=job.state.id,
            token=job.token,
            state=job.stage.state_schema.dump(suspended.state, InvalidOutput),
            check_after=check_after,
            max_wait=suspended.max_wait,
            signal=signal,
            deadline=suspended.time,
            then=end,
            output=output,
        )

    def _still_pending(
        self, job: Job, waiting: Suspension | None, check_after: float | None, contents: Contents
    ) -> Report:
        """Ask again later, or end the wait if this was the last check."""
        now = self.clock.now()
        if waiting is None or now >= waiting.deadline:
            return self._over(job, waiting, contents)
        if job.stage.check_function is None or waiting.asleep:
            return Postpone(waiting.deadline)
        pause = timedelta(seconds=check_after) if check_after is not None else _interval(waiting)
        return Postpone(min(now + pause, waiting.deadline))

    def _over(self, job: Job, waiting: Suspension | None, contents: Contents) -> c.EndOfClaim:
        """End a wait whose time is over, as the stage said when it suspended."""
        now, stage, token = self.clock.now(), job.state.id, job.token
        match waiting.then if waiting is not None else WaitEnd.FAIL:
            case WaitEnd.FAIL:
                return c.ExpireWait(now=now, stage=stage, token=token)
            case WaitEnd.REENTER:
                return c.ReenterStage(now=now, stage=stage, token=token)
            case WaitEnd.COMPLETE:
                output = placed(waiting.output, contents) if waiting is not None else None
                return c.CompleteStage(now=now, stage=stage, token=token, output=output)

    def _gave_up(self, job: Job, failed: Failed) -> c.FailAttempt:
        return c.FailAttempt(
            now=self.clock.now(),
            stage=job.state.id,
            token=job.token,
            error=ErrorInfo("eventflow.Failed", _message(failed.message)),
            random=self.random(),
            names=None,
            final=not failed.retryable,
        )

    def _excused(self, job: Job, error: BaseException) -> c.FailAttempt | c.FailCheck:
        """Report an error that may go away: of an attempt, or of a check."""
        if job.kind is JobKind.EXECUTE:
            return self.failed(job, error, final=False)
        return c.FailCheck(
            now=self.clock.now(),
            stage=job.state.id,
            token=job.token,
            error=error_info(error),
            random=self.random(),
        )

    def failed(self, job: Job, error: BaseException, *, final: bool) -> c.FailAttempt:
        """Turn an error into a command; a final one is not tried again."""
        return c.FailAttempt(
            now=self.clock.now(),
            stage=job.state.id,
            token=job.token,
            error=error_info(error),
            random=self.random(),
            names=error_names(type(error)),
            final=final,
        )


def _output(job: Job, output: object) -> JSON:
    """Give an output as plain data.

    Raises:
        InvalidOutput: It does not fit, or is an answer that means something else.
    """
    if isinstance(output, _ANSWERS):
        raise InvalidOutput(
            f'Stage "{job.state.id}" gave {type(output).__name__} as its output; a stage returns '
            "its output, Completed, Suspended or Failed, and its check Pending, Ready, Reenter or "
            "Failed"
        )
    return job.stage.output_schema.dump(output, InvalidOutput)


def _payload(job: Job, signal: Signal, contents: Contents) -> Any:  # noqa: ANN401 - as typed as the payload's schema
    """Give what a signal brought; None and no signal are told apart by its name.

    Raises:
        InvalidInput: It does not fit the schema of this process.
    """
    schema = job.workflow.signals.get(signal.name)
    payload = placed(signal.payload, contents)
    return deepcopy(payload) if schema is None else schema.parse(payload, InvalidInput)


def _seen_by(job: Job) -> Iterator[JSON]:
    """Give the stored values that the code of a job may see."""
    run, stage = job.run, job.state
    if stage.group == 1:
        yield run.input
    for each in run.stages.values():
        if each.group < stage.group:
            yield each.output
    if stage.suspension is not None:
        yield stage.suspension.state
        yield stage.suspension.output
    if stage.resumption is not None:
        yield stage.resumption.state
        for signal in run.signals:
            if signal.version == stage.resumption.signal:
                yield signal.payload


def error_info(error: BaseException) -> ErrorInfo:
    """Turn an exception into data that can be stored, whatever its own code does."""
    text = "".join(traceback.format_exception(error))
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - as the traceback says it
        message = "<exception str() failed>"
    if type(error) is TypeError and message == RAISED_NO_ERROR:
        message += "; eventflow.Failed and the like are returned, not raised"
    notes = " ".join(str(note) for note in getattr(error, "__notes__", ()))
    if notes:
        message = f"{message} ({notes:.{LONGEST_NOTES}})"
    return ErrorInfo(
        qualified_name(type(error)), _message(message), _unicode(text)[-LONGEST_TRACEBACK:]
    )


def _message(text: str) -> str:
    """Shorten a message that brings a whole document along: it is kept in an event for ever."""
    if len(text) > LONGEST_MESSAGE:
        text = f"{text[:LONGEST_MESSAGE]} ... ({len(text):,} characters)"
    return _unicode(text)


def _unicode(text: str) -> str:
    """Spell out half surrogate pairs, which file names of other encodings bring into messages."""
    return text.encode(errors="backslashreplace").decode()


def _too_late(timeout: float) -> TimeoutError:
    return TimeoutError(f"the attempt took longer than {timeout:g} s")


def _timeout(job: Job) -> float | None:
    """Give the time that one attempt may take, as the plan of the run has it."""
    found = job.run.plan.find(job.state.id)
    return found[1].timeout if found is not None else None


def _interval(waiting: Suspension) -> timedelta:
    if waiting.check_at is None:
        return timedelta(seconds=DEFAULT_CHECK_AFTER)
    return waiting.check_at - waiting.since


def _named_values(kind: str, values: Mapping[str, object] | None) -> dict[str, JSON]:
    return {
        name: dump_json(value, InvalidOutput, f'the {kind} "{name}"')
        for name, value in (values or {}).items()
    }


def _ends_more(error: BaseException) -> bool:
    """Tell whether an error ends this task, or the process, and not only the user's code."""
    if isinstance(error, asyncio.CancelledError):
        return _cancelling()
    return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)


def _cancelling() -> bool:
    """Tell whether this task itself is being cancelled, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
