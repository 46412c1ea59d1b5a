"""The checker finds everything that must never be in a log, and nothing in a log that is sound."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import pytest
from attrs import evolve, frozen

from eventflow.core import events as e
from eventflow.core.projection import Changes, project
from eventflow.core.values import ErrorInfo, JobKind
from eventflow.store.chain import seal
from eventflow.store.contract import Operation, RunPage, RunQuery, StoredEvent
from eventflow.store.memory import MemoryStore
from eventflow.testing.builders import START, Author, at
from eventflow.testing.checker import (
    Acknowledged,
    LogReport,
    UnsoundLog,
    assert_sound,
    check_log,
)

ERROR = ErrorInfo("builtins.ValueError", "broken")


class Log:
    """A store in memory that tests may reach into."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    async def add(self, *operations: Operation) -> None:
        """Append operations."""
        await self.store.append(operations)

    def replace(self, version: int, **fields: Any) -> None:  # noqa: ANN401 - any field
        """Alter a stored event of the only run."""
        (run,) = self.store._runs.values()
        event = run.events[version - 1]
        altered = evolve(event, **fields)
        run.events[version - 1] = altered
        self.store._log[event.position - 1] = altered

    def remove(self, version: int) -> None:
        """Take an event of the only run out of the log, and close the gap in positions."""
        (run,) = self.store._runs.values()
        del run.events[version - 1]
        del self.store._log[version - 1]
        for index, event in enumerate(run.events):
            run.events[index] = self.store._log[index] = evolve(event, position=index + 1)

    async def whats(self, *, finished: bool = False) -> list[str]:
        """Check, and say what was found."""
        report = await check_log(self.store, finished=finished)
        return [finding.what for finding in report.findings]


def forged(author: Author, *events: e.Event, seconds: float = 0) -> Operation:
    """Build an operation that no decision led to, but whose hashes fit."""
    version = author.version
    row = evolve(project(author.run).run, version=version + len(events))
    sealed = seal(
        run_id=author.run_id,
        events=events,
        after=version,
        previous=author.head,
        recorded_at=at(seconds),
        actor=None,
        op_id="forged",
    )
    return Operation("forged", author.run_id, version, sealed, Changes(row))


def claimed(author: Author | None = None) -> tuple[Author, list[Operation]]:
    """Give a run whose only stage is claimed, by token 4."""
    author = author or Author()
    return author, [author.create(), author.claim()]


def completed() -> tuple[Author, list[Operation]]:
    """Give a run that has completed."""
    author, operations = claimed()
    return author, [*operations, author.complete()]


def eventful() -> list[Operation]:
    """Give a run to which almost everything happens that can."""
    author = Author()
    groups = [["a"], ["b", "c"], ["d"]]
    return [
        author.create(groups=groups, metadata={"request": 7}),
        author.note("early"),
        author.claim(),
        author.fail(now=at(1)),
        author.claim(now=at(3)),
        author.claim(now=at(100)),
        author.complete(now=at(101)),
        author.claim("b", now=at(102)),
        author.suspend("b", now=at(103)),
        author.claim("c", now=at(104)),
        author.complete("c", now=at(105)),
        author.claim("b", now=at(140)),
        author.complete("b", now=at(141)),
        author.claim("d", now=at(150)),
        author.cancel(now=at(151)),
        author.note("late", now=at(152)),
        author.rewind("b", now=at(160)),
        author.claim("c", now=at(161)),
        author.complete("c", now=at(162)),
        author.claim("b", now=at(163)),
        author.complete("b", now=at(164)),
        author.claim("d", now=at(165)),
        author.complete("d", now=at(166)),
    ]


def exhausted() -> list[Operation]:
    """Give a run that failed because its worker always died."""
    author = Author()
    return [author.create(), *(author.claim(now=at(100 * n)) for n in range(1, 5))]


@pytest.fixture
def log() -> Log:
    """An empty log."""
    return Log()


async def test_an_empty_log_is_sound(log: Log) -> None:
    """There is nothing that could be wrong."""
    assert await assert_sound(log.store) == LogReport(0, 0, ())


@pytest.mark.parametrize("build", [eventful, exhausted, lambda: completed()[1]])
async def test_what_decisions_lead_to_is_sound(
    log: Log, build: Callable[[], list[Operation]]
) -> None:
    """Whatever happened to the runs, as long as it happened through the one door."""
    first, second = build(), build()
    await log.add(*(each for pair in zip(first, second, strict=True) for each in pair))
    report = await assert_sound(log.store)
    assert (report.events, report.runs) == (len(log.store._log), 2)


async def test_many_runs_are_read_in_pages(log: Log) -> None:
    """More events than a page, and more runs than are read together."""
    for _ in range(300):
        await log.add(*completed()[1])
    report = await assert_sound(log.store)
    assert (report.events, report.runs) == (1_800, 300)


async def test_an_unsound_log_is_an_error_that_lists_what_was_found(log: Log) -> None:
    """With the place of each finding, and not without end."""
    await log.add(*(Author(f"run-{n}").create() for n in range(30)))
    with pytest.raises(UnsoundLog, match="run run-0, version 2: it is still pending") as caught:
        await assert_sound(log.store)
    assert "and 10 more" in str(caught.value)
    assert len(caught.value.report.findings) == 30


async def test_a_run_that_has_not_ended_is_found_if_it_should_have(log: Log) -> None:
    """Otherwise it is as sound as any."""
    await log.add(*claimed()[1])
    assert await log.whats() == []
    assert await log.whats(finished=True) == ["it is still running"]


async def test_a_gap_in_positions_is_found(log: Log) -> None:
    """A position that is missing may be an event that is missing."""
    await log.add(*completed()[1])
    log.replace(6, position=9)
    assert await log.whats() == ["position 9 follows position 5"]


async def test_an_event_that_is_missing_is_found(log: Log) -> None:
    """By version, hash and fold, even if the positions have no gap."""
    await log.add(*completed()[1])
    log.remove(4)
    whats = await log.whats()
    assert "version 3 stands before it" in whats
    assert "its hash is not that of this event behind the one before it" in whats
    assert any(what.startswith("it cannot be folded") for what in whats)


async def test_an_altered_event_is_found(log: Log) -> None:
    """Its hash no longer fits, whatever its data says now."""
    await log.add(*completed()[1])
    log.replace(1, actor="somebody else")
    assert await log.whats() == ["its hash is not that of this event behind the one before it"]


async def test_an_event_that_cannot_be_read_is_found(log: Log) -> None:
    """And the checker reads on."""
    await log.add(*completed()[1])
    log.replace(4, data=b"{")
    whats = await log.whats()
    assert len(whats) == 2
    assert whats[1].startswith("it cannot be read")


async def test_a_time_that_goes_back_is_found(log: Log) -> None:
    """Within one run, even if the hashes fit."""
    author = Author()
    create, note = author.create(now=at(10)), forged(author, e.RunAnnotated("k", 1), seconds=5)
    await log.add(create, note)
    assert any("after an event of" in what for what in await log.whats())


async def test_a_second_completion_is_found(log: Log) -> None:
    """A stage completes once in a generation."""
    author, operations = claimed(Author())
    done = e.StageCompleted("a", 0, 1, author.token("a"), 1)
    await log.add(*operations, forged(author, done, done))
    whats = await log.whats()
    assert 'stage "a" completed before in generation 0' in whats


@pytest.mark.parametrize(
    "result",
    [
        e.StageCompleted("a", 0, 1, 99, 1),
        e.StepCompleted("a", 0, 1, 99, "fetch", 1),
        e.StageFailed("a", 0, 1, 99, ERROR),
        e.StageAttemptFailed("a", 0, 1, 99, ERROR, START, 0, 0),
        e.StageSuspended("a", 0, 1, 99, None, START, START),
        e.LeaseExpired("a", 0, 1, 99, "worker", e.LEASE_RELEASED),
    ],
)
async def test_a_result_of_another_claim_is_found(log: Log, result: e.Event) -> None:
    """Every result carries the token of the claim that held."""
    author, operations = claimed()
    await log.add(*operations, forged(author, result))
    assert 'token 99 for stage "a", whose claim was 4' in await log.whats()


async def test_a_second_completion_of_a_step_is_found(log: Log) -> None:
    """A step completes once in a generation of its stage."""
    author, operations = claimed(Author())
    step = e.StepCompleted("a", 0, 1, author.token("a"), "fetch", 1)
    await log.add(*operations, forged(author, step, step))
    assert any('"fetch" has completed already' in what for what in await log.whats())


async def test_a_result_without_a_claim_is_found(log: Log) -> None:
    """Nobody held the job."""
    author = Author()
    await log.add(author.create(), forged(author, e.StageCompleted("a", 0, 1, 4, 1)))
    assert 'token 4 for stage "a", whose claim was 0' in await log.whats()


async def test_a_lease_that_was_not_let_run_out_is_found(log: Log) -> None:
    """Nothing is taken from a worker before the time that it has claimed for."""
    author, operations = claimed()
    early = e.LeaseExpired("a", 0, 1, 4, "worker", e.LEASE_TIMEOUT)
    await log.add(*operations, forged(author, early, seconds=59))
    assert any(what.startswith("the lease of worker held until") for what in await log.whats())


async def test_an_attempt_beyond_the_budget_is_found(log: Log) -> None:
    """A stage of three attempts is not claimed a fourth time."""
    author = Author()
    operations = [author.create(), *(author.claim(now=at(100 * n)) for n in range(1, 4))]
    expired = e.LeaseExpired("a", 0, 3, author.token("a"), "worker", e.LEASE_TIMEOUT)
    again = e.JobClaimed("a", 0, 4, "worker", 60.0)
    await log.add(*operations, forged(author, expired, again, seconds=400))
    assert 'attempt 4 of stage "a", which has 3' in await log.whats()


async def test_a_wrong_number_of_an_attempt_is_found(log: Log) -> None:
    """An attempt is neither repeated nor passed over."""
    author = Author()
    claim = e.JobClaimed("a", 0, 2, "worker", 60.0)
    await log.add(author.create(), forged(author, e.RunStarted(), claim))
    assert 'attempt 2 of stage "a", which is at 1' in await log.whats()


async def test_checks_beyond_the_budget_are_found(log: Log) -> None:
    """Three checks that failed are the end of a stage of three attempts."""
    author, operations = claimed()
    operations += [author.suspend(), *(author.claim(now=at(100 * n)) for n in range(1, 4))]
    token = author.token("a")
    expired = e.LeaseExpired("a", 0, 1, token, "worker", e.LEASE_TIMEOUT, JobKind.CHECK)
    again = e.JobClaimed("a", 0, 1, "worker", 60.0, JobKind.CHECK)
    await log.add(*operations, forged(author, expired, again, seconds=400))
    assert 'a check of stage "a" after 3 failed ones' in await log.whats()


async def test_a_transition_of_an_ended_run_is_found(log: Log) -> None:
    """Only notes and a rewind may follow the end."""
    author, operations = completed()
    await log.add(*operations, forged(author, e.SignalReceived("late", None)))
    assert "signal.received of a run that was completed at version 6" in await log.whats()


async def test_an_event_of_another_generation_is_found(log: Log) -> None:
    """Whatever belongs to a generation that was cut changes nothing."""
    author, operations = claimed()
    await log.add(*operations, forged(author, e.StageCompleted("a", 1, 1, 4, 1)))
    assert "generation 1 of a run in generation 0" in await log.whats()


async def test_a_run_row_that_drifted_is_found(log: Log) -> None:
    """Rows are what the events say."""
    await log.add(*completed()[1])
    (run,) = log.store._runs.values()
    run.row = evolve(run.row, priority=9)
    (what,) = await log.whats()
    assert what.startswith("its row is")


async def test_a_stage_row_that_drifted_is_found(log: Log) -> None:
    """Also one that is missing."""
    await log.add(*completed()[1])
    (run,) = log.store._runs.values()
    run.stages.clear()
    assert (await log.whats())[0].startswith("the rows of its stages are ()")


async def test_a_job_row_that_drifted_is_found(log: Log) -> None:
    """A job that is missing would never be claimed."""
    author, operations = claimed()
    await log.add(*operations)
    log.store._jobs.drop(author.run_id, "a")
    assert (await log.whats())[0].startswith("the rows of its jobs are ()")


async def test_a_renewal_is_no_drift(log: Log) -> None:
    """It moves the due time of a claimed job, and no event tells of it."""
    author, operations = claimed()
    await log.add(*operations)
    job = log.store._jobs.of(author.run_id)["a"]
    log.store._jobs.put(evolve(job, row=evolve(job.row, due_at=at(500), leased=False)))
    assert await log.whats() == []


async def test_rows_without_events_are_found(log: Log) -> None:
    """And so are events without rows."""
    author, operations = completed()
    await log.add(*operations)
    log.store._runs["other"] = log.store._runs.pop(author.run_id)
    whats = await log.whats()
    assert any("read by itself" in what for what in whats)
    log.store._log.clear()
    assert await log.whats() == ["its rows are listed twice, or have no events"]


async def test_events_without_rows_are_found() -> None:
    """The run would be found by no query."""
    store = Blind()
    await store.append(completed()[1])
    report = await check_log(store)
    assert [finding.what for finding in report.findings] == ["it has events, and no rows"]


async def test_ways_to_read_that_disagree_are_found() -> None:
    """What a run is by itself is what the global log says."""
    store = Forgetful()
    await store.append(completed()[1])
    (finding,) = (await check_log(store)).findings
    assert finding.what.startswith("read by itself, the run has the versions [1, 2, 3, 4, 5]")


async def test_a_rewind_that_leaves_something_else_is_found(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folding event by event must leave what folding the effective history leaves."""
    await log.add(*eventful())
    monkeypatch.setattr("eventflow.testing.checker.effective", lambda history: history[:-1])
    (what,) = await log.whats()
    assert what.startswith("the fold of its effective history is not")
    monkeypatch.setattr("eventflow.testing.checker.effective", lambda history: history[1:])
    (what,) = await log.whats()
    assert what.startswith("its effective history cannot be folded")


@frozen
class Loss:
    """An acknowledged append, and what is found about it."""

    append: Acknowledged
    what: str


@pytest.mark.parametrize(
    "loss",
    [
        Loss(Acknowledged("run", 7), "it was acknowledged, and is not in the log"),
        Loss(Acknowledged("other", 1), "it was acknowledged, and is not in the log"),
        Loss(Acknowledged("run", 4, "lost"), "operation lost was acknowledged, and is not in"),
        Loss(Acknowledged("run", 5, "first"), "operation first was acknowledged here, and ends"),
        Loss(Acknowledged("run", 3, "twice"), "operation twice was acknowledged here, and ends"),
    ],
)
async def test_an_acknowledged_append_that_was_lost_is_found(log: Log, loss: Loss) -> None:
    """Each is in the log exactly once, and where the store has said."""
    await log.add(*_operations("first", "twice", "between", "other"))
    log.replace(5, op_id="twice")
    report = await check_log(log.store, finished=False, acknowledged=[loss.append])
    assert any(finding.what.startswith(loss.what) for finding in report.findings)


async def test_acknowledged_appends_that_are_there_are_sound(log: Log) -> None:
    """Those that the store has answered, with and without their operation."""
    await log.add(*_operations("first", "second"))
    kept = [Acknowledged("run", 2), Acknowledged("run", 3, "first"), Acknowledged("run", 4)]
    await assert_sound(log.store, finished=False, acknowledged=kept)


def _operations(*op_ids: str) -> Sequence[Operation]:
    """Create a run of two events, and append one note for each operation."""
    author = Author("run")
    return [author.create(), *(author.note(op_id=op_id) for op_id in op_ids)]


class Blind(MemoryStore):
    """A store that lists no runs."""

    async def runs(self, query: RunQuery) -> RunPage:
        """List nothing."""
        await super().runs(query)
        return RunPage((), None)


class Forgetful(MemoryStore):
    """A store that reads a run without its last event."""

    async def read(self, run_ids: Collection[str], after: int = 0) -> list[StoredEvent]:
        """Read all events but the last."""
        return (await super().read(run_ids, after))[:-1]
