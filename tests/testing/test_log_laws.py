"""Each law of a log is broken by some event, and kept by what decisions lead to."""

from collections.abc import Sequence
from datetime import datetime

import pytest

from eventflow.core import events as e
from eventflow.core.commands import ReceiveSignal, SuspendStage
from eventflow.core.decide import draft
from eventflow.core.results import WAIT_EXPIRED
from eventflow.core.values import ErrorInfo, JobKind
from eventflow.store.contract import Operation
from eventflow.store.memory import MemoryStore
from eventflow.testing.builders import LEASE, START, Author, at
from eventflow.testing.checker import check_log
from tests.testing.test_checker import forged

ERROR = ErrorInfo("builtins.ValueError", "broken")
GROUPS = (("a", "b"), ("c",))


async def whats(*operations: Operation) -> list[str]:
    """Append operations to an empty store, and say what is found."""
    store = MemoryStore()
    for operation in operations:
        await store.append([operation])
    return [finding.what for finding in (await check_log(store, finished=False)).findings]


def begun(groups: Sequence[Sequence[str]] = GROUPS) -> tuple[Author, list[Operation]]:
    """Give a run of which a stage was claimed."""
    author = Author()
    return author, [author.create(groups=groups), author.claim("a")]


async def test_a_claim_before_its_time_is_found() -> None:
    """A retry that is due later cannot be claimed now."""
    author, operations = begun()
    operations.append(author.fail("a"))
    early = forged(author, e.JobClaimed("a", 0, 2, "worker", LEASE), seconds=1)
    assert 'stage "a" was due at 2026-01-01 00:00:02+00:00' in await whats(*operations, early)
    assert await whats(*operations, author.claim("a", now=at(2))) == []


async def test_a_group_that_begins_too_early_is_found() -> None:
    """Every sibling has to complete first."""
    author, operations = begun()
    operations.append(author.complete("a"))
    early = forged(author, e.StageScheduled("c", 2, 0, 1, START))
    assert 'stage "b" of group 1 has not completed' in await whats(*operations, early)
    operations += [author.claim("b"), author.complete("b")]
    assert await whats(*operations) == []


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (e.StageScheduled("a", 1, 0, 1, START), 'stage "a" was scheduled before'),
        (e.StageScheduled("x", 1, 0, 1, START), 'the plan has no stage "x" in group 1'),
        (e.StageScheduled("b", 2, 0, 1, START), 'the plan has no stage "b" in group 2'),
        (e.RunFailed(ERROR, "a"), "the run ended while a, b was alive"),
        (e.RunCompleted(1), "the run ended while a, b was alive"),
        (e.RunCompleted(1), 'stage "c" of group 2 has not completed'),
        (e.StageResumed("a", 0, 1, "signal", 9), 'stage "a" was woken by signal 9, but could'),
    ],
)
async def test_an_event_that_cannot_be_yet_is_found(event: e.Event, what: str) -> None:
    """Stages are scheduled once, runs end when nothing is alive, and signals wake who waits."""
    author, operations = begun()
    found = await whats(*operations, forged(author, event))
    assert any(each.startswith(what) for each in found)


async def test_an_output_of_the_run_that_is_not_its_last_groups_is_found() -> None:
    """The run gives what its last group gave."""
    author, operations = begun((("a",),))
    token = author.token("a")
    last: list[e.Event] = [e.StageCompleted("a", 0, 1, token, 1), e.RunCompleted(2)]
    found = await whats(*operations, forged(author, *last))
    assert "the output of the run is not that of its last group" in found


async def test_a_result_that_is_recorded_and_discarded_is_found() -> None:
    """Nobody reports twice what was recorded."""
    author, operations = begun((("a",),))
    token = author.token("a")
    operations.append(author.complete("a"))
    again = forged(author, e.ResultDiscarded("a", token, "completed", 1))
    found = await whats(*operations, again)
    assert f"the result of claim {token} was recorded before it was discarded" in found


async def test_a_signal_that_nobody_heard_is_found() -> None:
    """A stage that waits for a signal does not go on waiting when it has arrived."""
    author, operations = begun((("a",),))
    suspend = SuspendStage(
        now=START, stage="a", token=author.token("a"), state=None, check_after=None, signal="go"
    )
    operations.append(author.do(suspend))
    deaf = author.copy()
    heard = author.do(ReceiveSignal(now=START, name="go"))
    assert await whats(*operations, heard) == []
    unheard = forged(deaf, e.SignalReceived("go", None))
    found = await whats(*operations, unheard)
    assert 'stage "a" waits for "go", which has arrived' in found


async def test_the_oldest_signal_is_used_first() -> None:
    """Of two signals that came before a stage waits for them, the first one wakes it."""
    author, operations = begun((("a",),))
    operations += [author.do(ReceiveSignal(now=START, name="go")) for _ in range(2)]
    first, second = (signal.version for signal in author.run.signals)
    suspended = e.StageSuspended("a", 0, 1, author.token("a"), None, None, at(9), "go")
    for version, told in ((first, []), (second, [f"[{first}, {second}]"])):
        woken = forged(author.copy(), suspended, e.StageResumed("a", 0, 1, "signal", version))
        found = await whats(*operations, woken)
        assert [what.rpartition("by ")[2] for what in found if "was woken" in what] == told


@pytest.mark.parametrize(
    ("delay", "retry_at"), [(2.0, at(2)), (0.0, START), (2.0, START), (4.0, at(4))]
)
async def test_a_retry_that_waits_otherwise_than_its_policy_says_is_found(
    delay: float, retry_at: datetime
) -> None:
    """The first pause of these stages is of two seconds."""
    author, operations = begun((("a",),))
    token = author.token("a")
    failed = e.StageAttemptFailed("a", 0, 1, token, ERROR, retry_at, delay, 0.5)
    found = await whats(*operations, forged(author, failed))
    wrong = any("and was to be at" in what for what in found)
    assert wrong == ((delay, retry_at) != (2.0, at(2)))


async def test_a_run_that_fails_for_another_reason_than_its_first_stage_is_found() -> None:
    """A run has the error of the stage that failed first, and names it."""
    author, operations = begun((("a", "b"),))
    operations.append(author.claim("b"))
    failed = [
        e.StageFailed(stage, 0, 1, author.token(stage), ErrorInfo("builtins.OSError", stage))
        for stage in ("b", "a")
    ]
    for stage, text, told in (
        ("b", "b", []),
        ("a", "a", ["the run failed by a, and b failed first"]),
        ("b", "a", ['the run failed with "a", and b with another error']),
        (None, "b", ["the run failed by None, and b failed first"]),
    ):
        end = e.RunFailed(ErrorInfo("builtins.OSError", text), stage)
        found = await whats(*operations, forged(author.copy(), *failed, end))
        assert [what for what in found if what.startswith("the run failed")] == told


async def test_a_wait_that_ends_too_early_or_too_late_is_found() -> None:
    """Before the deadline nobody gives up, and behind it no check that failed is made again."""
    author, operations = begun((("a",),))
    suspend = SuspendStage(
        now=START, stage="a", token=author.token("a"), state=None, check_after=1, max_wait=10
    )
    operations += [author.do(suspend), author.claim("a", now=at(1))]
    token = author.token("a")
    too_long = e.StageFailed("a", 0, 1, token, ErrorInfo(WAIT_EXPIRED, "still pending"))
    failed = e.StageAttemptFailed("a", 0, 1, token, ERROR, at(10), 2.0, 0.5, JobKind.CHECK)
    for event, seconds, told in (
        (too_long, 9, "could wait until"),
        (too_long, 10, None),
        (failed, 9, None),
        (failed, 10, "and is made again"),
    ):
        found = await whats(*operations, forged(author.copy(), event, seconds=seconds))
        wrong = [what for what in found if "could wait" in what or "made again" in what]
        assert len(wrong) == (told is not None)
        assert told is None or told in wrong[0]


async def test_a_signal_is_used_once() -> None:
    """What has woken a stage wakes no other."""
    author, operations = begun((("a", "b"),))
    for stage in ("a", "b"):
        if stage == "b":
            operations.append(author.claim("b"))
        token = author.token(stage)
        command = SuspendStage(
            now=START, stage=stage, token=token, state=None, check_after=None, signal="go"
        )
        operations.append(author.do(command))
    operations.append(author.write(draft(author.run, ReceiveSignal(now=START, name="go"))))
    used = author.run.signals[0].version
    again = forged(author, e.StageResumed("b", 0, 1, "signal", used))
    assert any("was woken by signal" in what for what in await whats(*operations, again))
