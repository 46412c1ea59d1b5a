"""Bugs in what the engine does with decisions, and in what callers are told."""

from itertools import count
from typing import Any

from attrs import evolve

from eventflow.engine.journal import Outcome
from eventflow.store.contract import Appended
from tests.simulation.planting import mutant


@mutant("eventflow.engine.journal:changes")
def stale_stage_rows(sound: Any) -> Any:
    """The rows of stages that change are not written."""
    return lambda before, after: evolve(sound(before, after), stages=())


@mutant("eventflow.engine.journal:changes")
def undead_jobs(sound: Any) -> Any:
    """The job of a stage that has ended stays."""
    return lambda before, after: evolve(sound(before, after), dropped_jobs=())


@mutant("eventflow.engine.journal:Journal._appended_before")
def forgotten_appends(_: Any) -> Any:
    """An append whose answer was lost is taken for one that was not made."""

    async def appended_before(journal: Any, stream: Any, op_id: str) -> list[Any]:
        del op_id
        await journal._load(stream)
        return []

    return appended_before


@mutant("eventflow.runtime.requests:key_of_creation")
def keyless_creations(_: Any) -> Any:
    """Two requests with one key are two runs."""
    numbers = count()
    return lambda *_: f"{next(numbers)}"


@mutant("eventflow.engine.commit:GroupCommit._write_batch")
def answers_to_others(sound: Any) -> Any:
    """Who appends together with others is told what became of theirs."""

    async def write_batch(commit: Any, batch: Any) -> None:
        answers = [answer for _, answer in batch]
        moved = [*answers[1:], *answers[:1]]
        await sound(commit, [(each, a) for (each, _), a in zip(batch, moved, strict=True)])

    return write_batch


@mutant("eventflow.engine.commit:GroupCommit._write_batch")
def answers_too_early(sound: Any) -> Any:
    """Who appends is told of it before the store is."""

    async def write_batch(commit: Any, batch: Any) -> None:
        for operation, answer in batch:
            if not answer.done():
                answer.set_result(Appended(operation.expected + len(operation.events), 1))
        await sound(commit, batch)

    return write_batch


@mutant("eventflow.engine.loader:Loader._read_some")
def histories_of_others(sound: Any) -> Any:
    """Who reads together with others is given what they wanted."""

    async def read_some(loader: Any, after: int, answers: Any) -> None:
        wanted = list(answers.values())
        moved = [*wanted[1:], *wanted[:1]]
        await sound(loader, after, dict(zip(answers, moved, strict=True)))

    return read_some


@mutant("eventflow.engine.journal:Journal.record")
def lost_notes(_: Any) -> Any:
    """A note is said to be recorded, and is not."""

    async def record(journal: Any, run_id: str, *_: Any, **__: Any) -> Outcome:
        return Outcome(await journal.state(run_id), ())

    return record


@mutant("eventflow.runtime.requests:Requests._answered")
def forgotten_reruns(_: Any) -> Any:
    """A rerun that is asked for twice is another one."""

    async def answered(*_: Any) -> None:
        return None

    return answered


@mutant("eventflow.runtime.run:Run.cancel")
def false_promises(sound: Any) -> Any:
    """Who cancels is told that the run was still alive."""

    async def cancel(run: Any, *given: Any) -> bool:
        await sound(run, *given)
        return True

    return cancel
