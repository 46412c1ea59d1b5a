"""What is said about a signal that nobody waits for, and about a payload that nobody checked."""

import pytest

from eventflow.cli.exits import Exit
from tests.cli.letters import APPLICATION, suspended
from tests.cli.typed import Shell


@pytest.fixture
def letter(url: str) -> str:
    """A run that waits for the signal `approval`."""
    return suspended(url)


@pytest.fixture
def without(bare: Shell, url: str) -> Shell:
    """A shell in which only the store is named."""
    return Shell(bare.folder, {"EVENTFLOW_STORE_URL": url})


def test_a_misspelled_signal_is_told_with_what_is_waited_for(without: Shell, letter: str) -> None:
    """A signal that no stage waits for is kept, with a warning that names the one that is."""
    answer = without("run", "signal", "latest", "aproval", "--yes", "--json")
    assert answer.code == 0
    assert answer.data == {"run_id": letter, "signal": "aproval", "stage": None}
    assert 'No stage waits for "aproval" now' in answer.err
    assert 'stage approve waits for "approval". Did you mean "approval"?' in answer.err


def test_a_payload_that_nobody_checks_is_told(without: Shell, letter: str) -> None:
    """Without the application it is said that a payload was not checked; with it, it is checked."""
    wrong = ("run", "signal", letter, "approval", "--payload", '{"approved": "yes"}', "--yes")
    refused = without(*wrong, "--app", APPLICATION)
    assert refused.code == Exit.USAGE
    assert "approved" in refused.err
    other = without(*wrong[:4], "--yes", "--app", "shop:workflows")
    assert "the application has no workflow letters" in other.err
    told = without(*wrong)
    assert told.code == 0
    assert "not compared with what the stage declares: no application is named" in told.err


def test_a_checked_signal_that_is_waited_for_needs_no_word(without: Shell, letter: str) -> None:
    """A right payload for the right signal is told without any doubt, and with its stage."""
    right = ("approval", "-p", '{"approved": true}', "--yes", "--json", "--app", APPLICATION)
    answer = without("run", "signal", letter, *right)
    assert answer.data == {"run_id": letter, "signal": "approval", "stage": "approve"}
    assert answer.err == ""


def test_a_signal_that_comes_early_names_the_stage_that_will_take_it(
    without: Shell, letter: str
) -> None:
    """Before a stage is there, the application still knows what it will take."""
    app = ("--app", APPLICATION)
    assert without("run", "create", "letters", "-i", '"Alan"', "-y", *app).code == 0
    answer = without("run", "signal", "latest", "aproval", "--yes", *app)
    assert 'stage approve takes "approval". Did you mean "approval"?' in answer.err
