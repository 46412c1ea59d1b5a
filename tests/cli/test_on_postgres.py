"""The command line on PostgreSQL: what depends on the store, and nothing else."""

import asyncio
import signal

import pytest

from eventflow.cli.exits import Exit
from eventflow.store.registry import redact
from eventflow_postgres.address import parse_address
from tests.benchmarks.urls import execute
from tests.cli.conftest import Seed, fill
from tests.cli.typed import Shell
from tests.postgres import postgres, postgres_url
from tests.postgres_server import with_parameters

__all__ = ["postgres", "postgres_url"]

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(postgres_url: str) -> str:
    """The URL of a store that does not exist yet, in a schema of its own."""
    return postgres_url


@pytest.fixture
def seed(url: str) -> Seed:
    """Fill the store."""
    return asyncio.run(fill(url))


def test_looking_makes_no_schema(shell: Shell) -> None:
    """Looking at a schema that is not there makes none; `store init` does."""
    for _ in range(2):
        answer = shell("run", "list")
        assert answer.code == Exit.NOT_FOUND
        assert "eventflow store init" in answer.err
    assert shell("store", "init", "--yes", "--json").data["made"] is True
    assert shell("run", "list", "--json").data == {"runs": [], "next": None}


def test_runs_are_looked_at_and_proven(shell: Shell, seed: Seed) -> None:
    """Lists, pages, prefixes, statistics and proofs are the same as on every store."""
    listed = shell("run", "list", "--json", "--limit", "2").data
    assert [run["run_id"] for run in listed["runs"]] == [seed.waiting, seed.failed]
    rest = shell("run", "list", "--json", "--after", listed["next"]).data
    assert [run["run_id"] for run in rest["runs"]] == [seed.completed]
    assert shell("run", "show", seed.failed[:-1], "--json").data["run"]["status"] == "failed"
    assert shell("run", "tail", "--no-follow", "-n", "1").code == 0
    assert shell("store", "stats", "--json").data["runs"] == 3
    assert shell("store", "verify", "--json").data["runs"] == 3
    findings = shell("store", "check", "--json").data["findings"]
    assert "server" in findings[0]["told"]


def test_runs_move_between_stores(shell: Shell, seed: Seed) -> None:
    """What is copied from PostgreSQL to SQLite is the same there."""
    copied = shell("store", "copy", "--to", "sqlite:///copy.db", "-y", "--json").data
    assert copied["runs"] == 3
    there = shell("run", "state", seed.completed, "--json", "--store", "sqlite:///copy.db").data
    assert there == shell("run", "state", seed.completed, "--json").data


def test_a_worker_executes_what_the_command_line_creates(shell: Shell) -> None:
    """A run that is created is executed by a worker of another process, and waited for."""
    worker = shell.start("worker")
    try:
        answer = shell("run", "create", "words", "-i", '"a b c"', "-y", "--wait", "--timeout", "60")
        assert answer.out.strip() == "3"
        assert answer.code == 0
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=60)
    assert worker.returncode == 0


def test_a_wrong_password_is_not_shown(shell: Shell, url: str) -> None:
    """What the server refuses is told without the password."""
    scheme, _, rest = url.partition("://")
    place = rest.rpartition("@")[2]
    wrong = f"{scheme}://nobody_here:geheim@{place}"
    answer = shell("run", "list", "--store", wrong)
    assert answer.code == Exit.UNAVAILABLE
    assert "geheim" not in answer.err
    assert "geheim" not in redact(wrong)


def test_the_doctor_finds_guards_and_rights_that_are_gone(shell: Shell, url: str) -> None:
    """A trigger that is disabled is a problem; a role that can only look is told what it lacks."""
    shell("store", "init", "--yes")
    schema = parse_address(url).schema
    role = f"reader_{schema}"[:60]
    statements = (
        f'ALTER TABLE "{schema}".events ENABLE TRIGGER events_keep_all',
        f'CREATE ROLE "{role}" LOGIN',
        f'GRANT USAGE ON SCHEMA "{schema}" TO "{role}"',
        f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO "{role}"',
    )
    asyncio.run(execute(url.partition("?")[0], statements))
    try:
        reading = with_parameters(url, user=role).replace("postgres@", "")
        answer = shell("store", "check", "--json", "--store", reading)
    finally:
        gone = (f'DROP OWNED BY "{role}"', f'DROP ROLE "{role}"')
        asyncio.run(execute(url.partition("?")[0], gone))
    assert answer.code == Exit.FAILED
    found = {each["what"]: each for each in answer.data["findings"]}
    assert found["guards"]["verdict"] == "problem"
    assert found["guards"]["told"].endswith("events_keep_all")
    assert found["rights"]["verdict"] == "warning"
    assert "INSERT on events" in found["rights"]["told"]
    assert f"--role {role}" in found["rights"]["advice"]
