"""Large values: kept outside of the events, and never noticed by user code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import pathname2url

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.core.references import Reference, as_reference, references, references_in
from eventflow.core.values import JSON
from eventflow.errors import BlobAltered, BlobNotFound, StoreUnavailable
from eventflow.store.blobs import BlobStore
from eventflow.store.contract import Store
from eventflow.store.memory_blobs import MemoryBlobs
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import types

LIMIT = 200
LOOKALIKE = Reference("sha256:" + "a" * 64, 7).as_json()


def text(sign: str) -> str:
    """A text that is larger than the limit of these tests."""
    return sign * (LIMIT + 1)


@ef.stage
async def twice(ctx: ef.StageContext[str]) -> str:
    """Give the text twice."""
    return ctx.input * 2


@ef.stage
def letters(ctx: ef.StageContext[str]) -> list[str]:
    """Give the letters, in a thread."""
    return list(ctx.input)


@ef.stage
async def size(ctx: ef.StageContext[str]) -> int:
    """Give a small output beside a large one."""
    return len(ctx.input)


@ef.stage
async def joined(ctx: ef.StageContext[dict[str, Any]]) -> str:
    """Join all that was made before, which comes as input and as outputs."""
    assert ctx.input == {"letters": ctx.require(letters), "size": ctx.require(size)}
    assert ctx.outputs["twice"] == "".join(ctx.input["letters"])
    return f"{ctx.require(twice)}{ctx.input['size']}"


TEXTS = (
    ef.define_workflow("texts", input=str).pipe(twice).parallel(letters, size).pipe(joined).build()
)


async def references_of(run: ef.Run) -> dict[str, list[Reference]]:
    """List what each event of a run refers to, by the type of the event."""
    found: dict[str, list[Reference]] = {}
    for envelope in await run.history():
        found.setdefault(envelope.type, []).extend(references(envelope.event))
    return {kind: each for kind, each in found.items() if each}


async def blobs_of(store: Store) -> int:
    """Count the blobs beside a log."""
    return len(await store.blobs.list())


async def test_a_large_output_that_a_wait_comes_to_is_given_as_it_is(
    open_runtime: Open, clock: ManualClock
) -> None:
    """It is a blob while the stage sleeps, and afterwards."""

    @ef.stage
    async def sleeps(ctx: ef.StageContext[str]) -> str | ef.Suspended[str]:
        return ef.Suspended.for_duration(10, text("s"), then=ef.Ready(text("o")))

    workflow = ef.define_workflow("w", input=str).pipe(sleeps).build()
    runtime = await open_runtime(workflow, inline_limit=LIMIT)
    await runtime.start()
    run = await runtime.create_run("w", "")
    assert await clock.run_until(run.result()) == text("o")
    found = await references_of(run)
    assert len(found["stage.suspended"]) == 2
    assert found["stage.completed"] == found["stage.suspended"][1:]


async def test_large_values_pass_from_stage_to_stage(
    open_runtime: Open, clock: ManualClock, store: Store
) -> None:
    """Input, outputs and result are blobs; stages and callers get values all the same."""
    runtime = await open_runtime(TEXTS, inline_limit=LIMIT)
    await runtime.start()
    run = await runtime.create_run("texts", text("a"))
    assert await clock.run_until(run.result()) == 2 * text("a") + str(2 * len(text("a")))
    found = await references_of(run)
    assert {kind: len(each) for kind, each in found.items()} == {
        "run.created": 1,
        "stage.completed": 3,
        "run.completed": 1,
    }
    assert found["run.completed"] == found["stage.completed"][-1:]
    assert await blobs_of(store) == 4
    assert all(len(envelope.data) < 2_000 for envelope in await run.history())
    assert (await run.verify()).events == len(await run.history())


async def test_the_state_holds_references_and_the_handle_loads_them(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A state is a fold of events and nothing else; `load` gives what its references stand for."""
    runtime = await open_runtime(TEXTS, inline_limit=LIMIT)
    await runtime.start()
    run = await runtime.create_run("texts", text("a"))
    await clock.run_until(run.result())
    state = await run.state()
    assert as_reference(state.input) is not None
    assert await run.load(state.input) == text("a")
    assert await run.load(state.output_of(2)) == {
        "letters": list(2 * text("a")),
        "size": 2 * len(text("a")),
    }
    assert await run.load({"small": [1]}) == {"small": [1]}


@ef.stage
async def echo(ctx: ef.StageContext[Any]) -> Any:  # noqa: ANN401 - any JSON
    """Give back what came."""
    return ctx.input


ECHO = ef.define_workflow("echo", input=Any).pipe(echo).build()


@pytest.mark.parametrize(
    "value",
    [
        LOOKALIKE,
        {"a": LOOKALIKE},
        [[{"deep": [LOOKALIKE]}], 1],
        {"$blob": "sha256:short", "size": 1},
        '{"$blob": "in a text"}',
        text("ü"),
        {"z": 1, "a": text("b"), "$blob": "x"},
    ],
)
async def test_no_value_is_taken_for_a_reference(
    open_runtime: Open, clock: ManualClock, value: JSON
) -> None:
    """Whatever a value looks like, it comes back as it was, in the same order."""
    runtime = await open_runtime(ECHO, inline_limit=LIMIT)
    await runtime.start()
    run = await runtime.create_run("echo", value)
    result = await clock.run_until(run.result())
    assert result == value
    assert repr(result) == repr(value)
    state = await run.state()
    assert await run.load(state.input) == value


async def test_the_limit_is_64_kib_unless_another_is_given(
    open_runtime: Open, clock: ManualClock, store: Store
) -> None:
    """The JSON of a value stays in its event up to the limit, and not a byte beyond."""
    runtime = await open_runtime(ECHO)
    await runtime.start()
    at_the_limit = "x" * (64 * 1024 - 2)
    for value, blobs in [(at_the_limit, 0), (at_the_limit + "x", 1)]:
        run = await runtime.create_run("echo", value)
        assert await clock.run_until(run.result()) == value
        assert await blobs_of(store) == blobs


@frozen
class Ticket:
    """What a stage leaves for its check."""

    note: str
    number: int


@ef.stage(signal="answer")
async def asking(ctx: ef.StageContext[str]) -> str | ef.Suspended[Ticket]:
    """Suspend with a large state, and go on with a large payload."""
    if ctx.resume_state is None:
        return ef.Suspended(Ticket(text("s"), 7), check_after=30)
    assert ctx.resume_state == Ticket(text("s"), 7)
    return str(ctx.signal["text"])


@asking.check
async def answered(state: Ticket, ctx: ef.StageContext[str]) -> ef.Pending:
    """See the large state and the large input."""
    assert state == Ticket(text("s"), 7)
    assert ctx.input == text("i")
    return ef.Pending()


async def test_states_and_payloads_may_be_large(open_runtime: Open, clock: ManualClock) -> None:
    """A check sees the state, and the stage that goes on sees state and payload."""
    workflow = ef.define_workflow("asking", input=str).pipe(asking).build()
    runtime = await open_runtime(workflow, inline_limit=LIMIT)
    await runtime.start()
    run = await runtime.create_run("asking", text("i"))
    await clock.advance(100)
    assert (await run.state()).status is ef.Status.SUSPENDED
    await run.signal("answer", {"text": text("p")})
    assert await clock.run_until(run.result()) == text("p")
    found = await references_of(run)
    assert {"stage.suspended", "signal.received"} <= set(found)


async def test_rerun_and_fork_carry_references(
    open_runtime: Open, clock: ManualClock, store: Store
) -> None:
    """What was stored once is referred to again, and a new large input is stored as well."""
    runtime = await open_runtime(TEXTS, inline_limit=LIMIT)
    await runtime.start()
    run = await runtime.create_run("texts", text("a"))
    first = await clock.run_until(run.result())
    stored = await blobs_of(store)
    await run.rerun_from("joined")
    assert await clock.run_until(run.result()) == first
    fork = await run.fork_from("joined")
    assert await clock.run_until(fork.result()) == first
    assert await blobs_of(store) == stored
    await run.rerun_from("twice", input=text("b"), idempotency_key="once")
    again = await clock.run_until(run.result())
    assert again == 2 * text("b") + str(2 * len(text("b")))
    assert await run.rerun_from("twice", input=text("b"), idempotency_key="once") == 2
    other = await run.fork_from("twice", input=text("c"))
    assert (await clock.run_until(other.result())).startswith(2 * text("c"))


async def test_the_same_request_is_the_same_whatever_the_limit(open_runtime: Open) -> None:
    """An idempotency key stands for a request, and not for the form in which it was stored."""
    wide, narrow = await open_runtime(ECHO), await open_runtime(ECHO, inline_limit=LIMIT)
    one = await wide.create_run("echo", text("a"), idempotency_key="k")
    assert (await narrow.create_run("echo", text("a"), idempotency_key="k")).id == one.id
    with pytest.raises(ef.IdempotencyMismatch):
        await narrow.create_run("echo", text("b"), idempotency_key="k")


@ef.stage(retry=ef.Retry(max_attempts=2, initial=1.0))
async def stepping(ctx: ef.StageContext[str]) -> str:
    """Make large steps, and fail the first time when all of them are recorded."""
    head = await ctx.step("head", lambda: text("h"))
    parts = await ctx.map([1, 2, 3], part)
    if ctx.attempt == 1:
        raise ConnectionError("not this time")
    return head[0] + "".join(each[0] for each in parts)


async def part(number: int) -> str:
    """Make a large part."""
    CALLED.append(number)
    return text(str(number))


CALLED: list[int] = []


@ef.stage(retry=ef.Retry(max_attempts=2, initial=1.0))
def stepping_in_a_thread(ctx: ef.StageContext[str]) -> str:
    """Make a large step, and fail the first time."""
    head: str = ctx.step("head", lambda: text("t"))  # type: ignore[assignment]
    if ctx.attempt == 1:
        raise ConnectionError("not this time")
    return head[:3]


@pytest.mark.parametrize("limit", [1, LIMIT])
async def test_outputs_of_steps_may_be_large(
    open_runtime: Open, clock: ManualClock, limit: int
) -> None:
    """A step that was recorded as a blob is not done again, in a coroutine nor in a thread."""
    workflow = ef.define_workflow("steps", input=str)
    built = workflow.pipe(stepping).pipe(stepping_in_a_thread).build()
    runtime = await open_runtime(built, inline_limit=limit)
    await runtime.start()
    CALLED.clear()
    run = await runtime.create_run("steps", "go")
    assert await clock.run_until(run.result()) == "ttt"
    assert sorted(CALLED) == [1, 2, 3]
    assert len((await references_of(run))["step.completed"]) >= 5


@ef.stage
async def misfit(ctx: ef.StageContext[str]) -> list[int]:
    """Give what the annotation does not allow."""
    return [text("x")]  # type: ignore[list-item]


async def test_what_does_not_fit_its_schema_is_never_stored(
    open_runtime: Open, clock: ManualClock, store: Store
) -> None:
    """Input, output and payload are checked before a byte of them is kept."""
    workflow = ef.define_workflow("w", input=str).pipe(misfit).build()
    runtime = await open_runtime(workflow, inline_limit=LIMIT)
    await runtime.start()
    with pytest.raises(ef.InvalidInput):
        await runtime.create_run("w", [text("x")])
    with pytest.raises(ef.InvalidConfig):
        await runtime.create_run("w", text("x"), config={"nobody": {}})
    run = await runtime.create_run("w", "small")
    with pytest.raises(ef.RunFailed):
        await clock.run_until(run.result())
    assert await blobs_of(store) == 0


@frozen
class Report:
    """What a run must come to: both outputs, of which one is large."""

    twice: str
    size: int


@pytest.mark.parametrize("fits", [True, False])
async def test_the_output_of_a_run_is_checked_as_a_whole(
    open_runtime: Open,
    clock: ManualClock,
    fits: bool,  # noqa: FBT001 - a case of the table
) -> None:
    """The workflow's output schema sees the values behind the references of all stages."""

    @ef.stage(id="size")
    async def last(ctx: ef.StageContext[str]) -> int | str:
        return len(ctx.input) if fits else text("n")

    workflow = ef.define_workflow("w", input=str, output=Report).parallel(twice, last).build()
    runtime = await open_runtime(workflow, inline_limit=LIMIT)
    await runtime.start()
    run = await runtime.create_run("w", text("a"))
    if fits:
        assert await clock.run_until(run.result()) == Report(2 * text("a"), LIMIT + 1)
    else:
        with pytest.raises(ef.RunFailed, match="size"):
            await clock.run_until(run.result())
        assert (await types(run))[-2:] == ["stage.completed", "run.failed"]


async def test_many_outputs_share_the_limit_in_the_event_that_ends_the_run(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The output of a run stays within the limit as a whole, however many stages it is made of."""

    def numbered(number: int) -> Any:  # noqa: ANN401 - a stage
        @ef.stage(id=f"s{number}")
        async def stage(ctx: ef.StageContext[str]) -> str:
            return ctx.input

        return stage

    workflow = ef.define_workflow("w", input=str).parallel(*map(numbered, range(8))).build()
    runtime = await open_runtime(workflow, inline_limit=2_000)
    await runtime.start()
    run = await runtime.create_run("w", "x" * 1_000)
    assert await clock.run_until(run.result()) == {f"s{n}": "x" * 1_000 for n in range(8)}
    last = (await run.history())[-1]
    assert last.type == "run.completed"
    assert len(last.data) < 2_000
    assert len(list(references_in((await run.state()).output))) == 8


class Faulty(MemoryBlobs):
    """Blobs that are away for so many calls, and that can lose or change what they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.away = 0

    async def put(self, data: bytes) -> str:
        """Put, unless it is away."""
        self.fail()
        return await super().put(data)

    async def get(self, key: str) -> bytes:
        """Get, unless it is away."""
        self.fail()
        return await super().get(key)

    def fail(self) -> None:
        """Be away once more."""
        if self.away:
            self.away -= 1
            raise StoreUnavailable("the blobs are away")

    def change(self) -> Iterator[str]:
        """Change a byte of every blob."""
        for key, data in self._data.items():
            self._data[key] = b"!" + data[1:]
            yield key

    def lose(self) -> None:
        """Lose every blob."""
        self._data.clear()


async def test_blobs_that_are_away_are_waited_for(open_runtime: Open, clock: ManualClock) -> None:
    """No attempt is used up while the blob store does not answer."""
    blobs = Faulty()
    runtime = await open_runtime(ECHO, blobs=blobs, inline_limit=LIMIT)
    run = await runtime.create_run("echo", text("a"))
    blobs.away = 3
    await runtime.start()
    await clock.advance(0.5)
    blobs.away += 3
    assert await clock.run_until(run.result()) == text("a")
    assert blobs.away == 0
    assert "stage.attempt_failed" not in await types(run)


async def test_a_lost_blob_fails_the_stage_and_is_reported(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A stage is never fed with anything else, and `verify` names the event that is in need."""
    blobs = Faulty()
    runtime = await open_runtime(ECHO, blobs=blobs, inline_limit=LIMIT)
    run = await runtime.create_run("echo", text("a"))
    assert await run.verify()
    blobs.lose()
    with pytest.raises(ef.HistoryAltered, match="holds no blob sha256") as missing:
        await run.verify()
    assert (missing.value.run_id, missing.value.version) == (run.id, 1)
    with pytest.raises(BlobNotFound):
        await run.load((await run.state()).input)
    await runtime.start()
    with pytest.raises(ef.RunFailed, match="BlobNotFound"):
        await clock.run_until(run.result())


async def test_an_altered_blob_is_never_used(open_runtime: Open, clock: ManualClock) -> None:
    """Who changes a blob is found out: by `result`, by `load` and by `verify`."""
    blobs = Faulty()
    runtime = await open_runtime(ECHO, blobs=blobs, inline_limit=LIMIT)
    await runtime.start()
    run = await runtime.create_run("echo", text("a"))
    await clock.run_until(run.result())
    assert list(blobs.change())
    with pytest.raises(BlobAltered):
        await run.result()
    with pytest.raises(ef.HistoryAltered, match="was altered") as altered:
        await run.verify()
    assert altered.value.run_id == run.id


def folder(path: Path) -> str:
    """Write the URL of a folder of blobs."""
    return f"file://{pathname2url(str(path / 'blobs'))}"


async def test_another_blob_store_can_be_chosen(
    open_runtime: Open, clock: ManualClock, store: Store, tmp_path: Path
) -> None:
    """With a URL, nothing large goes beside the log, and all runtimes of the URL share it."""
    worker = await open_runtime(TEXTS, blobs=folder(tmp_path), inline_limit=LIMIT)
    await worker.start()
    client = await open_runtime(TEXTS, blobs=folder(tmp_path), inline_limit=LIMIT)
    run = await client.create_run("texts", text("a"))
    assert (await clock.run_until(run.result())).startswith(text("a"))
    assert await run.verify()
    assert await blobs_of(store) == 0
    beside = await open_runtime(TEXTS)
    with pytest.raises(BlobNotFound, match="Runtime"):
        await beside.run(run.id).result()


async def test_a_blob_store_of_the_caller_is_left_open(
    open_runtime: Open, clock: ManualClock
) -> None:
    """What the caller opened, the caller closes."""
    blobs: BlobStore = MemoryBlobs()
    async with ef.Runtime("memory://", [ECHO], blobs=blobs, inline_limit=LIMIT) as runtime:
        await runtime.create_run("echo", text("a"))
    assert len(await blobs.list()) == 1
