"""Golden histories: what is different in each execution is no difference, and all else is shown."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import eventflow as ef
from eventflow.core.events import StageLogged, UnknownEvent
from eventflow.store.envelope import Envelope
from eventflow.testing import GoldenMismatch, History, ManualClock, assert_golden, runtime
from eventflow.testing.normal import normal
from tests.testing.workflows import stumbling, waiting


async def played(given: int = 5, **options: Any) -> History:  # noqa: ANN401 - those of Runtime
    """A run of the workflow that stumbles, at its own time and by its own worker."""
    clock = ManualClock(ManualClock().now().replace(year=2030 + given))
    async with runtime(stumbling, clock=clock, **options) as started:
        return await started.play(stumbling, 5)


def problems(history: Sequence[Envelope], path: Path, **options: Any) -> list[str]:  # noqa: ANN401 - those of assert_golden
    """The lines of the message with which a history is refused."""
    with pytest.raises(GoldenMismatch) as refused:
        assert_golden(history, path, **options)
    return str(refused.value).splitlines()


async def test_another_execution_of_the_same_code_is_the_golden_one(tmp_path: Path) -> None:
    """Ids, times, workers and positions differ, and are not compared."""
    path = tmp_path / "deep" / "golden.ndjson"
    assert assert_golden(await played(1, worker_id="mine"), path, record=True)
    assert not assert_golden(await played(2, worker_id="other"), path)
    assert not assert_golden(await played(3), path, record=True)


async def test_a_golden_history_is_read_by_people(tmp_path: Path) -> None:
    """One event a line, with names for what has another name in each execution."""
    path = tmp_path / "golden.ndjson"
    history = await played()
    assert_golden(history, path, record=True)
    written = path.read_text()
    assert history.run_id not in written
    assert "20" + "35-" not in written
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["event"] for line in lines] == [each.type for each in history]
    (failed,) = (line for line in lines if line["event"] == "stage.attempt_failed")
    assert failed == {
        "event": "stage.attempt_failed",
        "actor": "worker-1",
        "stage": "stumble",
        "generation": 0,
        "attempt": 1,
        "token": "claim-2",
        "error": {"type": "builtins.ConnectionError", "message": "try again later"},
        "retry_at": "+600 s",
        "delay": 600.0,
        "kind": "execute",
    }


async def test_without_a_golden_history_the_test_says_what_to_do(tmp_path: Path) -> None:
    """Nothing is written unless it is asked for."""
    path = tmp_path / "golden.ndjson"
    (line,) = problems(await played(), path)
    assert line.startswith(f"there is no golden history {path}; write it with pytest --eventflow-")
    assert not path.exists()


async def test_every_difference_is_shown_with_its_event(tmp_path: Path) -> None:
    """Changed fields by their paths; events that are missing or new by themselves."""
    path = tmp_path / "golden.ndjson"
    history = await played()
    assert_golden(history, path, record=True)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    completed = [line for line in lines if line["event"] == "stage.completed"]
    completed[-1]["output"]["text"] = "20 from 11"
    logged = next(line for line in lines if line["event"] == "stage.logged")
    lines.remove(logged)
    lines.insert(2, {"event": "stage.logged", "stage": "x", "message": "gone"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert problems(history, path) == [
        f"the history is not the golden one in {path}:",
        '  - stage.logged x: {"message": "gone"}',
        '  + stage.logged double: {"level": "info", "message": "doubling", "fields": {"value": 5}}',
        "    stage.completed spell",
        '        output.text: "20 from 11" -> "20 from 10"',
        "if this is what it shall be, write it anew with pytest --eventflow-record",
    ]
    assert assert_golden(history, path, record=True)
    assert not assert_golden(history, path)


async def test_paths_may_be_left_out(tmp_path: Path) -> None:
    """What differs by its nature is ignored by its path, in one kind of event or in all."""
    path = tmp_path / "golden.ndjson"
    history = await played()
    logged = next(each for each in history if isinstance(each.event, StageLogged))
    note = logged.event
    assert isinstance(note, StageLogged)
    noted = evolve(logged, event=evolve(note, fields={"value": 7}))
    other = [noted if each is logged else each for each in history]
    assert_golden(history, path, record=True)
    assert "        fields.value: 5 -> 7" in problems(other, path)
    assert not assert_golden(other, path, ignore=["stage.logged.fields.*"])
    assert not assert_golden(other, path, ignore=["fields.value"])
    assert not assert_golden(other, path, ignore=["fields.value"], record=True)
    assert problems(other, path, ignore=["stage.completed.fields.value"])


@pytest.mark.parametrize("broken", ["no json\n", "5\n"])
async def test_a_file_that_is_no_golden_history_is_said_to_be_none(
    tmp_path: Path, broken: str
) -> None:
    """It is not written over: somebody may have meant something else by it."""
    path = tmp_path / "golden.ndjson"
    path.write_text(broken)
    (line,) = problems(await played(), path, record=True)
    assert line.startswith(f"{path} is no golden history: ")
    assert path.read_text() == broken


async def test_signals_forks_and_jitter_have_a_normal_form() -> None:
    """Whatever refers to a version or an id, or was drawn by chance, is the same each time."""

    @ef.stage(retry=ef.Retry(max_attempts=2, jitter=0.5))
    async def stumble_somewhen(ctx: ef.StageContext[int]) -> str:
        if ctx.attempt == 1:
            raise ConnectionError
        return f"{ctx.run_id} and {ctx.idempotency_key}"

    workflow = ef.define_workflow("w", input=int).pipe(stumble_somewhen).build()

    async def once() -> list[list[dict[str, object]]]:
        async with runtime(workflow) as started:
            chance = await started.play(workflow, 1)
            run = await started.run(chance.run_id).fork_from("stumble-somewhen")
            await started.finish(run)
            forked = await History.of_run(run)
        async with runtime(waiting) as started:
            run = await started.create_run("waiting", "Why?")
            await started.clock.advance(1)
            await run.signal("answer", "Because.")
            await started.finish(run)
            return [normal(each) for each in (chance, forked, await History.of_run(run))]

    chance, forked, signalled = await once()
    assert [chance, forked, signalled] == await once()
    assert chance[-1]["output"] == "<run> and <run>:stumble-somewhen:0"
    assert forked[0]["forked_from"] == "<another run>"
    (resumed,) = (line for line in signalled if line["event"] == "stage.resumed")
    assert resumed["signal"] == "signal-1"


async def test_an_event_of_a_newer_release_has_its_data() -> None:
    """What this release does not know is compared as it stands."""
    history = await played()
    unknown = evolve(
        history[-1], type="run.praised", event=UnknownEvent("run.praised", 1, b'{"by": "me"}')
    )
    assert normal([*history[:-1], unknown])[-1] == {
        "event": "run.praised",
        "actor": "worker-1",
        "data": {"by": "me"},
    }
