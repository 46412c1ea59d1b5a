"""The words of the command line mean one thing each."""

import pytest

from eventflow.cli.telling import told
from eventflow.core import events as e
from tests.cli.letters import APPLICATION
from tests.cli.typed import Shell


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


def test_a_part_of_a_schema_has_the_definitions_that_it_needs(bare: Shell) -> None:
    """The schema of a part brings what it refers to, and nothing else of the workflow."""

    def definitions(part: str) -> list[str]:
        line = ("workflow", "schema", "letters", "--part", part, "--app", APPLICATION)
        return list(bare(*line).data.get("$defs", {}))

    assert definitions("config") == ["Style"]
    assert definitions("signals") == ["Approval"]
    assert definitions("input") == []
