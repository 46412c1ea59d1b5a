"""The workflows that simulated workers execute: each stage does what its run's metadata tells it.

What a stage computes depends on its input alone, so it can be told from the log whether each stage
was given what it should have been. What it does on the way is its act: fail, hang, die with its
process, wait for something outside.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from attrs import frozen

import eventflow as ef
from eventflow.testing.simulation.world import Process

PATIENT = ef.Retry(max_attempts=3, initial=0.2, factor=2.0, jitter=0.5)
TIMEOUT = 3.0
SIGNAL = "approval"
WITH_RESULT = "with the result"
"""The key of a note that a stage leaves together with what it comes to."""

WAITS = {"waits": 3.0, "waits for a signal": 5.0}
"""How many seconds a suspended stage waits at most."""

Given = int | dict[str, int]


@frozen
class Waiting:
    """What a suspended stage waits with."""

    number: int


@frozen
class Act:
    """What one attempt at a stage, or one check of it, does.

    Attributes:
        kind: What becomes of it; see `ENDS` and `CHECKS`.
        seconds: How long it works before that.
    """

    kind: str
    seconds: float = 0.0


ENDS = {
    "returns": None,
    "notes": None,
    "raises": "builtins.ConnectionError",
    "fails": "eventflow.Failed",
    "gives up": "eventflow.Failed",
    "hangs": "builtins.TimeoutError",
    "misfits": "eventflow.errors.InvalidOutput",
    "exits": "builtins.RuntimeError",
    "ignores": "builtins.TimeoutError",
    "dies": None,
    "waits": None,
    "waits for a signal": None,
    "steps": None,
    "steps, then raises": "builtins.ConnectionError",
    "steps, then dies": None,
}
"""What an attempt can do, and the error that it may end with."""

FINAL = frozenset({"gives up", "misfits"})
"""What is never tried again."""

CHECKS = {
    "ready": None,
    "pending": None,
    "dawdles": None,
    "reenters": None,
    "raises": "builtins.ConnectionError",
    "fails": "eventflow.Failed",
    "hangs": "builtins.TimeoutError",
    "dies": None,
}
"""What a check can do, and the error that it may end with."""


def value_of(stage: str, given: object) -> int:
    """Compute what a stage returns for an input."""
    total = sum(given.values()) if isinstance(given, dict) else int(str(given))
    return (total * 31 + sum(map(ord, stage))) % 1_000_003


def act_of(
    metadata: Mapping[str, Any], stage: str, generation: int, number: int, kind: str = "acts"
) -> Act:
    """Look up what an attempt, or a check, is to do."""
    acts = metadata.get(kind, {}).get(f"{stage}.{generation}", ())
    if number <= len(acts):
        return Act(*acts[number - 1])
    if acts and acts[-1][0] == "dawdles":
        return Act("dawdles")
    return Act("returns" if kind == "acts" else "ready", metadata.get("pace", 0.0))


class Theatre:
    """Where the acts of one simulation are played; it notes what must never happen.

    Attributes:
        findings: What was wrong.
        steps: Each call of a step: its stage in a generation of a run, its name, and the token.
        recorded: The steps that their stages were given the outputs of, without the token.
        noted: How many notes of each type were recorded, as a run was told.
        ended: Who came to the end of a job, for which run and claim, when, and how often it paused.
        strikes: What befalls the process that begins a job, by the number of the job.
        most: How many jobs one worker may have in hand at once.
    """

    def __init__(self, most: int) -> None:
        self.findings: list[str] = []
        self.steps: list[tuple[str, str, int]] = []
        self.recorded: set[tuple[str, str]] = set()
        self.noted: Counter[tuple[str, str]] = Counter()
        self.ended: dict[tuple[Process, str, int], tuple[float, int]] = {}
        self.most = most
        self.strikes: dict[int, Callable[[Process], None]] = {}
        self._played: set[tuple[str, int]] = set()
        self._checks: dict[str, int] = {}
        self._busy: dict[Process, int] = {}

    @contextmanager
    def playing(self, ctx: ef.StageContext[Any], process: Process) -> Generator[None]:
        """Note that a job is under way: no claim is used twice, no process has too many."""
        process.note(f"begins {ctx.run_id} {ctx.stage_id} {ctx.token}")
        if (ctx.run_id, ctx.token) in self._played:
            self.findings.append(f"claim {ctx.token} of {ctx.run_id} was executed twice")
        self._played.add((ctx.run_id, ctx.token))
        strike = self.strikes.pop(len(self._played), None)
        if strike is not None:
            strike(process)
        self._busy[process] = self._busy.get(process, 0) + 1
        if self._busy[process] > self.most and process.name.startswith("worker"):
            self.findings.append(f"{process.name} executes {self._busy[process]} jobs at once")
        try:
            yield
        finally:
            self._busy[process] -= 1

    def number_of_check(self, ctx: ef.StageContext[Any]) -> int:
        """Count the checks of a stage in a generation."""
        self._checks[ctx.idempotency_key] = self._checks.get(ctx.idempotency_key, 0) + 1
        return self._checks[ctx.idempotency_key]


THEATRE: ContextVar[Theatre] = ContextVar("theatre")
"""Where the process that is executing plays; it is set when the process begins."""


def here() -> Process:
    """Give the process that is executing."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, Process):
        raise RuntimeError("this workflow is executed in simulations only")  # noqa: TRY004
    return loop


async def play(ctx: ef.StageContext[Any]) -> Any:  # noqa: ANN401 - an output, or an outcome
    """Play one attempt."""
    process = here()
    with THEATRE.get().playing(ctx, process):
        act = act_of(ctx.metadata, ctx.stage_id, ctx.generation, ctx.attempt)
        end = await _play(ctx, act, process)
    if act.kind != "ignores":
        THEATRE.get().ended[process, ctx.run_id, ctx.token] = process.moment
    return end


async def _play(ctx: ef.StageContext[Any], act: Act, process: Process) -> Any:  # noqa: ANN401 - as `play`
    output = value_of(ctx.stage_id, ctx.input)
    if ctx.resume_state is not None:
        return ctx.resume_state.number
    if not act.kind.startswith("steps"):
        await _work(act, process)
    if act.kind == "notes":
        await _take_notes(ctx)
    elif act.kind.startswith("steps"):
        output = await _in_steps(ctx, act, output, process)
    return _end(act, output)


async def _take_notes(ctx: ef.StageContext[Any]) -> None:
    """Leave notes of all kinds, one of them together with the result."""
    noted = THEATRE.get().noted
    await ctx.annotate(WITH_RESULT, ctx.token, with_result=True)
    await ctx.log("halfway")
    noted[ctx.run_id, "stage.logged"] += 1
    await ctx.progress(0.5)
    noted[ctx.run_id, "stage.progressed"] += 1
    await ctx.annotate("key", ctx.attempt)
    noted[ctx.run_id, "run.annotated"] += 1


async def _in_steps(ctx: ef.StageContext[Any], act: Act, output: int, process: Process) -> int:
    """Come to an output step by step; what was recorded before is not done again."""
    theatre, place = THEATRE.get(), ctx.idempotency_key

    async def part(number: int) -> int:
        theatre.steps.append((place, f"part[{number}]", ctx.token))
        await asyncio.sleep(act.seconds / 8)
        return number

    async def rest(parts: list[int]) -> int:
        theatre.steps.append((place, "rest", ctx.token))
        return output - sum(parts)

    parts = await ctx.map([0, 1, 2], part, concurrency=2)
    theatre.recorded.update((place, f"part[{number}]") for number in parts)
    if act.kind == "steps, then dies":
        process.crash()
        await asyncio.Event().wait()
    left = await ctx.step("rest", rest, parts)
    theatre.recorded.add((place, "rest"))
    return sum(parts) + left


def _end(act: Act, output: int) -> Any:  # noqa: ANN401 - as `play`
    """Come to the end that an act has."""
    match act.kind:
        case "raises" | "steps, then raises":
            raise ConnectionError("not this time")
        case "fails" | "gives up":
            return ef.Failed("not like this", retryable=act.kind == "fails")
        case "misfits":
            return "a text"
        case "exits":
            raise SystemExit(3)
        case "waits":
            return ef.Suspended(Waiting(output), check_after=0.3, max_wait=WAITS[act.kind])
        case "waits for a signal":
            wait = WAITS[act.kind]
            return ef.Suspended(Waiting(output), check_after=None, max_wait=wait, signal=SIGNAL)
        case _:
            return output


async def _work(act: Act, process: Process) -> None:
    """Take the time that an act takes; some never come back, and some do not listen."""
    match act.kind:
        case "dies":
            await asyncio.sleep(act.seconds)
            process.crash()
            await asyncio.Event().wait()
        case "hangs":
            await asyncio.sleep(1_000)
        case "ignores":
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                await asyncio.sleep(act.seconds)
        case _:
            if act.seconds:
                await asyncio.sleep(act.seconds)


async def check(state: Waiting, ctx: ef.StageContext[Any]) -> Any:  # noqa: ANN401 - as `play`
    """Play one check."""
    process, theatre = here(), THEATRE.get()
    with theatre.playing(ctx, process):
        number = theatre.number_of_check(ctx)
        act = act_of(ctx.metadata, ctx.stage_id, ctx.generation, number, "checks")
        await _work(act, process)
    match act.kind:
        case "pending" | "dawdles":
            return ef.Pending(0.4)
        case "reenters":
            return ef.Reenter()
        case "raises":
            raise ConnectionError("cannot tell")
        case "fails":
            return ef.Failed("it failed there")
        case _:
            return ef.Ready(state.number)


def plainly(ctx: ef.StageContext[Given]) -> int:
    """Play an attempt in a thread, where nothing can be awaited."""
    with THEATRE.get().playing(ctx, here()):
        act = act_of(ctx.metadata, ctx.stage_id, ctx.generation, ctx.attempt)
        if act.kind == "raises":
            raise ConnectionError("not this time")
        if act.kind == "notes":
            ctx.annotate(WITH_RESULT, ctx.token, with_result=True)
        return value_of(ctx.stage_id, ctx.input)


def _stage(name: str, play: Callable[..., Any] = play) -> Any:  # noqa: ANN401 - any stage
    """Make a stage that plays."""

    async def played(ctx: ef.StageContext[Given]) -> int | ef.Suspended[Waiting]:
        returned: int | ef.Suspended[Waiting] = await play(ctx)
        return returned

    async def checked(state: Waiting, ctx: ef.StageContext[Given]) -> Any:  # noqa: ANN401 - as `check`
        return await check(state, ctx)

    stage = ef.stage(id=name, retry=PATIENT, timeout=TIMEOUT)(played)
    stage.check(checked)
    return stage


def _plain_stage(name: str) -> Any:  # noqa: ANN401 - any stage
    return ef.stage(id=name, retry=PATIENT, timeout=TIMEOUT)(plainly)


def _workflow(name: str, *groups: tuple[str, ...]) -> ef.Workflow[Any, Any]:
    """Build a workflow; a stage whose name ends in an exclamation mark is a plain function."""
    builder = ef.define_workflow(name, input=int)
    for group in groups:
        made = [_plain_stage(one[:-1]) if one.endswith("!") else _stage(one) for one in group]
        builder = builder.pipe(*made) if len(made) == 1 else builder.parallel(*made)
    return builder.build()


WORKFLOWS = (
    _workflow("one", ("alone",)),
    _workflow("two", ("first",), ("second",)),
    _workflow("fan", ("left", "right"), ("join",)),
    _workflow("long", ("a",), ("b", "c!"), ("d",), ("e",)),
)
