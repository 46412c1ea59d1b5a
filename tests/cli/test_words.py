"""The words of the command line mean one thing each."""

import pytest

from eventflow.cli.telling import told
from eventflow.core import events as e


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (e.LEASE_TIMEOUT, "w1 did not renew its lease in time"),
        (e.LEASE_RELEASED, "w1 gave it back"),
    ],
)
def test_the_end_of_a_lease_reads_like_no_timeout_of_a_stage(reason: str, words: str) -> None:
    """Why a lease ended is told as what the worker did, and not as a stage that took too long."""
    assert told(e.LeaseExpired("pack", 0, 1, 4, "w1", reason)) == words
