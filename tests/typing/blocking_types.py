"""What the type checkers know about the blocking runtime; they read this, and nobody runs it."""

# ruff: noqa: D103

from collections.abc import Iterator
from typing import assert_type

from eventflow.core.state import RunState
from eventflow.runtime.annotations import Annotation
from eventflow.runtime.blocking import BlockingRun, BlockingRuntime
from eventflow.runtime.listing import RunList
from eventflow.runtime.runtime import Runtime
from eventflow.store.envelope import Envelope


def use() -> None:
    with BlockingRuntime(Runtime("memory://")) as engine:
        assert_type(engine, BlockingRuntime)
        run = engine.create_run("w", {"a": 1}, priority=3, metadata={"b": 2})
        assert_type(run, BlockingRun)
        assert_type(engine.run("id"), BlockingRun)
        assert_type(engine.runs(status="failed", limit=3), RunList)
        assert_type(engine.start(), None)
        assert_type(engine.stop(3.0), None)
        assert_type(run.state(at=3), RunState)
        assert_type(run.history(effective=True), list[Envelope])
        assert_type(run.cancel("enough", actor="ada"), bool)
        assert_type(run.rerun_from("a", reason="again"), int)
        assert_type(run.fork_from("a"), BlockingRun)
        assert_type(run.signal("go", {"a": 1}), None)
        assert_type(run.annotate("key", 1, stage="a", unit="f1"), None)
        assert_type(run.annotations(key="key", effective=True), list[Annotation])
        assert_type(run.events(follow=False), Iterator[Envelope])
        assert_type(engine.annotations(prefix="k"), Iterator[Annotation])
        run.result(timeout=3)


def misuse(engine: BlockingRuntime) -> None:
    engine.create_run(3)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    engine.create_run("w", priority="high")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    engine.runs(limits=3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    engine.run_and_wait("w", 1, prio=3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    engine.run("id").state("now")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
