"""The page about PostgreSQL is true: its set-up is followed and its SQL asked, on a server."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import quote

import asyncpg
import pytest
from attrs import frozen

import eventflow as ef
from eventflow.store.registry import open_store
from eventflow.testing.builders import Author
from eventflow_postgres.__main__ import main
from tests.architecture.sources import ROOT
from tests.postgres import postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.postgres

PAGE = (ROOT / "docs" / "how-to" / "postgresql.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sql\n(?P<sql>.*?)^```$", re.MULTILINE | re.DOTALL)
STATEMENTS = [
    statement.strip()
    for match in BLOCK.finditer(PAGE)
    for statement in match["sql"].split(";")
    if statement.strip()
]
SETUP = [each for each in STATEMENTS if each.startswith("CREATE")]
LIMITS = [each for each in STATEMENTS if each.startswith("ALTER")]
QUESTIONS = [each for each in STATEMENTS if each.startswith("SELECT")]
CHANGES = [
    "UPDATE eventflow.events SET data = ''",
    "DELETE FROM eventflow.events",
    "TRUNCATE eventflow.events",
    "ALTER TABLE eventflow.events DISABLE TRIGGER ALL",
    "UPDATE eventflow.keys SET run_id = ''",
    "DELETE FROM eventflow.runs",
    "DROP FUNCTION eventflow.refuse_change() CASCADE",
]


@frozen
class Database:
    """A database that was set up as the page says."""

    server: str

    def url(self, role: str) -> str:
        """Write the URL of the database for a role."""
        rest = self.server.partition("://")[2].rpartition("@")[2]
        place, _, parameters = rest.partition("?")
        host = place.rpartition("/")[0]
        return f"postgresql://{quote(role)}@{host}/workflows" + (parameters and f"?{parameters}")


def test_the_page_has_what_is_tested() -> None:
    """The blocks of the page are found and told apart."""
    assert len(SETUP) == 3
    assert len(LIMITS) == 4
    assert len(QUESTIONS) > 10
    assert len(SETUP) + len(LIMITS) + len(QUESTIONS) == len(STATEMENTS)


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[Database]:
    """Give a database with the roles of the page; both go away again."""
    admin = await asyncpg.connect(postgres)
    try:
        for statement in SETUP:
            await admin.execute(statement)
        yield Database(postgres)
    finally:
        await admin.execute("DROP DATABASE IF EXISTS workflows WITH (FORCE)")
        await admin.execute("DROP ROLE IF EXISTS eventflow_app, eventflow_owner")
        await admin.close()


async def run_as(url: str, statements: str) -> list[asyncpg.Record]:
    """Execute SQL on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        if statements.startswith("SELECT"):
            return await connection.fetch(statements)
        await connection.execute(statements)
        return []
    finally:
        await connection.close()


@pytest.fixture
async def application(database: Database, capsys: pytest.CaptureFixture[str]) -> str:
    """Follow the page: the owner runs what is printed; give the URL of the application."""
    for arguments in (["--sql"], ["--roles-sql", "--role", "eventflow_app"]):
        capsys.readouterr()
        main(arguments)
        await run_as(database.url("eventflow_owner"), capsys.readouterr().out)
    return database.url("eventflow_app")


@ef.stage
async def double(ctx: ef.StageContext[int]) -> int:
    """Double the number."""
    return ctx.input * 2


DOUBLING = ef.define_workflow("doubling", input=int).pipe(double).build()


async def test_the_application_role_runs_workflows_and_alters_nothing(application: str) -> None:
    """With the rights of the page a worker does all its work, and the log stays what it is."""
    async with ef.Runtime(application, [DOUBLING]) as runtime:
        await runtime.start()
        run = await runtime.create_run("doubling", 4, idempotency_key="k", metadata={"a": 1})
        assert await run.result(timeout=30) == 8
        await run.rerun_from("double")
        assert await run.result(timeout=30) == 8
        for change in CHANGES:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run_as(application, change)
        assert (await run.verify()).events == len(await run.history())


async def test_the_owner_cannot_alter_the_log_by_mistake(
    database: Database, application: str
) -> None:
    """The triggers refuse the owner too, as long as he does not switch them off."""
    store = await open_store(application)
    await store.append([Author().create()])
    await store.close()
    for change in CHANGES[:3]:
        with pytest.raises(asyncpg.RestrictViolationError):
            await run_as(database.url("eventflow_owner"), change)


async def test_the_limits_of_the_page_can_be_set(postgres: str, application: str) -> None:
    """The limits for sessions behind a pooler hold for the role, and the store works with them."""
    for statement in LIMITS:
        await run_as(postgres, statement)
    (limit,) = await run_as(application, "SELECT current_setting('lock_timeout')")
    assert limit["current_setting"] == "5s"
    store = await open_store(
        f"{application}{'&' if '?' in application else '?'}statement_cache_size=0"
    )
    await store.append([Author().create()])
    await store.close()


async def test_the_questions_of_the_page_can_be_asked(database: Database, application: str) -> None:
    """Each query for monitoring runs, and those about jobs and runs see what there is."""
    store = await open_store(application)
    waiting, claimed = Author(), Author()
    earlier = await store.now() - timedelta(hours=1)
    created = [author.create(now=earlier) for author in (waiting, claimed)]
    await store.append([*created, claimed.claim(now=earlier)])
    await store.close()
    answers = {
        question: await run_as(database.url("eventflow_owner"), question) for question in QUESTIONS
    }
    empty = [question for question, answer in answers.items() if not answer]
    assert [each.split("FROM")[1].split()[0] for each in empty] == [
        "eventflow.heads",  # nothing has failed within the hour
        "pg_stat_activity",  # no transaction is open for long
        "pg_stat_activity",  # nobody waits
        "pg_stat_replication",
    ]
