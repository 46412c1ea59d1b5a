"""The core as a specification: what is expected is compared event by event, and shown readably."""

import pytest

from eventflow.core import commands as c
from eventflow.core import events as e
from eventflow.core.state import RunState
from eventflow.core.values import Status
from eventflow.errors import RunEnded
from eventflow.testing import Given, History, given, like, runtime
from eventflow.testing.builders import at, plan
from tests.testing.workflows import stumbling

CREATE = c.CreateRun(now=at(0), plan=plan(), input=5, config={})
CLAIM = c.ClaimJob(now=at(1), stage="a", worker="w", lease=60)


def completing(output: object = 1) -> c.CompleteStage:
    """Complete the stage under the token that the claim below has."""
    return c.CompleteStage(now=at(2), stage="a", token=4, output=output)


def claimed() -> Given:
    """A run whose only stage is claimed."""
    created = given().when(CREATE).then(e.RunCreated, e.StageScheduled)
    return created.when(CLAIM).then(e.RunStarted, e.JobClaimed)


def test_nothing_has_happened_before_a_run_is_created() -> None:
    """Creation is a command like any other, on a run that does not exist yet."""
    after = given().when(CREATE).then(e.RunCreated, e.StageScheduled)
    assert after.run.status is Status.PENDING


def test_what_is_decided_can_be_gone_on_with() -> None:
    """`then` gives what has happened then, so that one scenario reads from top to bottom."""
    ended = claimed().when(completing()).then(like(e.StageCompleted, output=1), e.RunCompleted(1))
    assert ended.run.status is Status.COMPLETED
    assert [type(event).__name__ for event in ended.events][-1] == "RunCompleted"


def test_events_alone_are_put_in_their_place() -> None:
    """What happened may be told by events alone; version and time are made up."""
    events = claimed().events
    again = given(events, at=at(3))
    assert again.events == events
    assert {fact.recorded_at for fact in again.facts} == {at(3)}
    again.when(completing()).then(e.StageCompleted, e.RunCompleted)


async def test_a_recorded_history_is_what_happened() -> None:
    """A run of a real store can be gone on with; the command may be made out of its state."""
    async with runtime(stumbling) as started:
        history = await started.play(stumbling, 5)

    def again(run: RunState) -> c.RewindRun:
        return c.RewindRun(
            now=run.recorded_at, stage="spell", plan=run.plan, config=run.config, input=run.input
        )

    given(History.of(history)).when(again).then(like(e.RunRewound, generation=1), e.StageScheduled)


def test_a_different_value_is_shown_by_its_path() -> None:
    """The message names the command, the event, the field, and both values."""
    expected = like(e.StageCompleted, output={"words": [1, 3]}), e.RunCompleted
    with pytest.raises(AssertionError) as wrong:
        claimed().when(completing({"words": [1, 2]})).then(*expected)
    assert str(wrong.value).splitlines() == [
        "CompleteStage led to other events:",
        "  1. stage.completed",
        "       output.words[1]: expected 3, got 2",
    ]


def test_missing_further_and_other_events_are_named() -> None:
    """Each event that is not as expected is one line of the message."""
    with pytest.raises(AssertionError, match=r"1\. expected run\.completed, got stage\.completed"):
        claimed().when(completing()).then(e.RunCompleted, e.RunCompleted)
    with pytest.raises(AssertionError, match=r"2\. run\.completed was not expected"):
        claimed().when(completing()).then(e.StageCompleted)
    with pytest.raises(AssertionError, match=r"3\. run\.failed is missing"):
        claimed().when(completing()).then(e.StageCompleted, e.RunCompleted, e.RunFailed)
    with pytest.raises(AssertionError, match=r"1\. run\.cancelled was not expected"):
        claimed().when(c.CancelRun(now=at(3))).then_nothing()


def test_a_refusal_is_expected_by_error_and_message() -> None:
    """The error is given back; another one, another message, or none at all is a failed test."""
    cancelled = claimed().when(c.CancelRun(now=at(3))).then(e.RunCancelled)
    signal = cancelled.when(c.ReceiveSignal(now=at(4), name="go"))
    assert isinstance(signal.then_raises(RunEnded, 'nothing waits for "go"'), RunEnded)
    with pytest.raises(AssertionError, match="with another message"):
        signal.then_raises(RunEnded, "not that")
    with pytest.raises(AssertionError, match="refused with RunEnded, not with KeyError"):
        signal.then_raises(KeyError)
    with pytest.raises(AssertionError, match=r"not refused with RunEnded; it led to no event"):
        cancelled.when(c.CancelRun(now=at(4))).then_raises(RunEnded)


def test_a_field_that_an_event_does_not_have_is_an_error_of_the_test() -> None:
    """A misspelt field is found at once, and never taken for a match."""
    with pytest.raises(TypeError, match="StageCompleted has no field outputs"):
        like(e.StageCompleted, outputs=1)
