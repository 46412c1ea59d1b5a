"""The words of the command line mean one thing each."""

import asyncio

import pytest

from eventflow.cli.telling import told
from eventflow.core import events as e
from eventflow.runtime.identifiers import new_id
from eventflow.store.registry import open_store
from eventflow.testing.builders import Author
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


async def claimed(url: str) -> None:
    """Make a run whose stage is claimed."""
    store = await open_store(url)
    author = Author(new_id())
    await store.append([author.create(), author.claim()])
    await store.close()


def test_the_lease_of_a_stage_at_work_is_not_called_due(bare: Shell) -> None:
    """Of a stage that is at work it is told until when its lease is, since nothing is due."""
    asyncio.run(claimed(f"sqlite:///{bare.folder}/x.db"))
    state = bare("run", "state", "latest", "--store", "sqlite:///x.db").out
    assert "lease until 20" in state
    assert "due" not in state
