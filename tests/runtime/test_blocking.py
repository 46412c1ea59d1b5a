"""The blocking runtime: what `Runtime` does, for code that waits, from wherever it waits."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import eventflow as ef
from eventflow.errors import InvalidSettings, RuntimeNotOpen
from eventflow.runtime.blocking import BlockingRuntime
from eventflow.store.memory import MemoryStore
from tests.postgres import postgres, postgres_url
from tests.runtime.blocking_programs import DOUBLING, SLEEPING

__all__ = ["postgres", "postgres_url"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of an empty store."""
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture
def engine(url: str) -> Iterator[BlockingRuntime]:
    """A blocking runtime, not open yet."""
    engine = BlockingRuntime(ef.Runtime(url, [DOUBLING, SLEEPING], job_poll_interval=0.05))
    yield engine
    engine.close(hurry=True)


def run_program(name: str, url: str) -> subprocess.CompletedProcess[str]:
    """Run one of the programs to its end."""
    return subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore::DeprecationWarning",
            "-m",
            "tests.runtime.blocking_programs",
            name,
            url,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_runs_are_created_looked_at_and_acted_on(engine: BlockingRuntime) -> None:
    """Each call gives what the one of the same name gives to who awaits it."""
    with engine:
        assert engine.run_and_wait("doubling", 2) == 4
        run = engine.create_run("doubling", 3, metadata={"a": 1}, actor="ada")
        assert engine.transition_run(run.id).output == 6
        assert run.result(timeout=5) == 6
        assert [e.version for e in run.history()] == [1, 2, 3, 4, 5, 6]
        assert [e.version for e in run.events(after=4)] == [5, 6]
        assert run.rerun_from("double", reason="again") == 1
        run.annotate("seen", value=True, actor="ada")
        assert [note.key for note in run.annotations()] == ["seen"]
        assert [note.run_id for note in engine.annotations(metadata={"a": 1})] == [run.id]
        assert run.cancel("enough")
        assert not run.cancel()
        fork = run.fork_from("double")
        assert fork.id != run.id
        assert fork.state().status is ef.Status.PENDING
        assert fork.verify().events == 2
        assert engine.run(fork.id) == fork
        assert [row.run_id for row in engine.runs(status="cancelled").items] == [run.id]
        with pytest.raises(ef.RunCancelled, match="enough"):
            run.result()
        with pytest.raises(ef.RunNotFound):
            engine.run("ghost").state()
        with pytest.raises(ef.InvalidInput):
            engine.create_run("doubling", "three")


def test_a_worker_can_be_started(engine: BlockingRuntime) -> None:
    """It works in the background until it is stopped."""
    engine.start()
    runs = [engine.create_run("doubling", n) for n in range(5)]
    assert [run.result(timeout=10) for run in runs] == [0, 2, 4, 6, 8]
    engine.stop()
    assert engine.create_run("doubling", 1).state().status is ef.Status.PENDING
    assert len(list(runs[0].events(follow=False))) == 6


def test_many_threads_use_it_at_once(engine: BlockingRuntime) -> None:
    """The store is opened once, whoever comes first."""
    with ThreadPoolExecutor(16) as threads:
        outputs = list(threads.map(lambda n: engine.run_and_wait("doubling", n), range(48)))
    assert outputs == [n * 2 for n in range(48)]
    loops = [thread for thread in threading.enumerate() if thread.name == "eventflow loop"]
    assert len(loops) == 1


async def test_it_works_inside_of_a_running_loop(engine: BlockingRuntime) -> None:
    """As in a notebook: the loop that is there waits, and is not used."""
    assert engine.run_and_wait("doubling", 4) == 8
    assert await asyncio.to_thread(engine.run_and_wait, "doubling", 5) == 10


def test_its_own_loop_never_waits_for_itself(url: str) -> None:
    """A coroutine that executes a stage is told; a plain function, in its thread, may wait."""

    @ef.stage
    async def asks(ctx: ef.StageContext[int]) -> int:
        return len(own.runs().items)

    @ef.stage
    def counts(ctx: ef.StageContext[int]) -> int:
        return len(own.runs().items)

    wrong = ef.define_workflow("wrong", input=int).pipe(asks).build()
    right = ef.define_workflow("right", input=int).pipe(counts).build()
    own = BlockingRuntime(ef.Runtime(url, [wrong, right]))
    with own:
        assert own.run_and_wait("right", 0) == 1
        run = own.create_run("wrong", 0)
        own.transition_run(run.id)
        error = run.state().stages["asks"].error
        assert error is not None
        assert "wait for the event loop that it runs on" in error.message


def test_closing_ends_the_calls_of_other_threads(engine: BlockingRuntime) -> None:
    """What they had in hand is given back, and they are told why."""
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(engine.run_and_wait, "sleeping", 3_600)
        while not engine.runs(status="running").items:
            time.sleep(0.01)
        engine.close()
        with pytest.raises(RuntimeNotOpen, match="closed during this call"):
            waiting.result(timeout=10)
    run = engine.run(engine.runs().items[0].run_id)  # it is opened again
    assert run.history()[-1].type == "lease.expired"


def test_an_iterator_ends_with_its_runtime(engine: BlockingRuntime) -> None:
    """It says so, instead of going on in another one."""
    run = engine.create_run("doubling", 1)
    events = run.events()
    assert next(events).type == "run.created"
    engine.close()
    with pytest.raises(RuntimeNotOpen, match="is closed"):
        next(events)
    assert next(run.events()).type == "run.created"


def test_a_store_that_cannot_be_opened_is_told_to_the_caller(tmp_path: Path) -> None:
    """Each time, until it can be."""
    folder = tmp_path / "missing"
    engine = BlockingRuntime(ef.Runtime(f"sqlite:///{folder}/log.db", [DOUBLING]))
    for _ in range(2):
        with pytest.raises(ef.StoreUnavailable):
            engine.runs()
    folder.mkdir()
    assert engine.runs().items == ()
    engine.close()


@pytest.mark.parametrize(
    ("error", "seconds", "last"), [(None, 1, "run.completed"), (KeyError, 3_600, "lease.expired")]
)
def test_after_an_error_nobody_waits_for_jobs(
    engine: BlockingRuntime, error: type[Exception] | None, seconds: int, last: str
) -> None:
    """Without one, the end of the block waits for them."""
    engine.__enter__()
    engine.start()
    run = engine.create_run("sleeping", seconds)
    while run.state().status is not ef.Status.RUNNING:
        time.sleep(0.01)
    engine.__exit__(error)
    assert run.history()[-1].type == last


def test_it_opens_its_store_itself() -> None:
    """A store that is open belongs to another loop."""
    with pytest.raises(InvalidSettings, match="needs the URL of the store"):
        BlockingRuntime(ef.Runtime(MemoryStore()))
    engine: Any = BlockingRuntime(ef.Runtime("postgresql://ada:secret@host/db"))
    assert repr(engine) == "BlockingRuntime(store='postgresql://ada:***@host/db')"


@pytest.mark.parametrize("wrong", ["postgresql://ada:secret@host/db", None, MemoryStore()])
def test_it_is_made_of_a_runtime(wrong: Any) -> None:  # noqa: ANN401 - anything else
    """The error says how, and keeps to itself what it was given."""
    with pytest.raises(InvalidSettings, match=r"BlockingRuntime\(Runtime\(store=") as refused:
        BlockingRuntime(wrong)
    assert "secret" not in str(refused.value)


def test_a_call_keeps_its_name_and_its_words() -> None:
    """`help` says what is waited for."""
    assert BlockingRuntime.create_run.__name__ == "create_run"
    assert "Create a run" in str(BlockingRuntime.create_run.__doc__)


def test_an_interrupt_cancels_what_is_waited_for(url: str) -> None:
    """Ctrl-C reaches the caller at once, and jobs are given back."""
    ended = run_program("interrupt", url)
    assert (ended.stdout, ended.stderr) == ("interrupted\ngiven back\n", "")


def test_an_interrupt_between_begin_and_wait_holds_nothing_up(engine: BlockingRuntime) -> None:
    """A call that was handed over, and for which nobody came to wait, ends with the runtime."""
    run = engine.create_run("doubling", 1)

    def interrupt(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 - as `sys.settrace` has it
        if frame.f_code is not asyncio.run_coroutine_threadsafe.__code__:
            return None
        if event == "return":
            raise KeyboardInterrupt
        return interrupt

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run.result()
    finally:
        sys.settrace(before)
    closing = threading.Thread(target=engine.close, daemon=True)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()


def test_a_process_that_just_ends_gives_its_jobs_back(url: str, engine: BlockingRuntime) -> None:
    """It does not wait for them either."""
    ended = run_program("leave", url)
    assert (ended.stderr, ended.returncode) == ("", 0)
    assert engine.run(ended.stdout.strip()).history()[-1].type == "lease.expired"


def test_both_sides_of_a_fork_use_it_on_sqlite(url: str) -> None:
    """The child opens its own loop and store; the parent does not notice."""
    ended = run_program("fork", url)
    assert (ended.stderr, ended.returncode) == ("", 0)


@pytest.mark.postgres
def test_both_sides_of_a_fork_use_it_on_postgresql(postgres_url: str) -> None:
    """The connections of the parent are neither used nor closed by the child."""
    ended = run_program("fork", postgres_url)
    assert (ended.stderr, ended.returncode) == ("", 0)
