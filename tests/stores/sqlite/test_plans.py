"""No query scans a table from one end to the other, whatever its size."""

import re
import sqlite3
from datetime import timedelta
from functools import partial

import pytest

from eventflow.core.values import Status
from eventflow.store.contract import Renewal, RunQuery
from eventflow.testing.builders import START, Author, at
from eventflow_sqlite import SQLiteStore
from eventflow_sqlite.session import Session
from eventflow_sqlite.write import script


class Trace:
    """The statements of a session, and how SQLite goes about them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.statements: list[str] = []

    async def start(self) -> None:
        """Note every statement from now on."""
        await self._session.run(lambda c: c.set_trace_callback(self.statements.append))

    async def plans(self) -> list[str]:
        """Explain what was noted: each step of each plan."""
        await self._session.run(lambda c: c.set_trace_callback(None))
        plans: list[str] = []
        for statement in set(self.statements):
            if statement.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
                plans += await self._session.run(partial(explain, statement=statement))
        return plans


def explain(connection: sqlite3.Connection, statement: str) -> list[str]:
    """Give the steps of one plan; newer releases see more often that an index covers a query."""
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    return [row[3].replace(" COVERING", "") for row in rows]


def appending() -> list[str]:
    """Give the statements that the trigger is made of which appends, with nothing to append."""
    _, trigger = script().split("BEGIN\n")
    body, _ = trigger.split("\nEND;")
    found = re.sub(r"new\.\w+", "'[]'", body).split(";")
    return [statement for statement in found if statement.strip()]


def scans(plans: list[str]) -> list[str]:
    """Leave out the steps that search by an index or a row id."""
    return [
        step
        for step in plans
        if step.startswith("SCAN")
        and not any(other in step for other in ("VALUES", "(", "VIRTUAL TABLE"))
    ]


@pytest.fixture
async def author(store: SQLiteStore) -> Author:
    """Fill the store a little, and give somebody whose job is claimed."""
    author = Author()
    await store.append([author.create(metadata={"x": 1}), author.claim()])
    await store.append([Author().create() for _ in range(5)])
    return author


async def test_a_scan_is_seen(store: SQLiteStore) -> None:
    """A whole scan is noticed, so that the other tests can fail."""
    trace = Trace(store._reader)
    await trace.start()
    await store._reader.run(lambda c: c.execute("SELECT * FROM jobs WHERE kind = 'x'").fetchall())
    assert scans(await trace.plans()) == ["SCAN jobs"]


async def test_writing_finds_each_row_by_an_index(store: SQLiteStore, author: Author) -> None:
    """Appending, promoting and renewing scan no table."""
    for statement in appending():
        plan = await store._writer.run(partial(explain, statement=statement))
        assert scans(plan) == []
    trace = Trace(store._writer)
    await trace.start()
    await store.append(
        [author.note(key="k"), author.note(key="k"), author.complete(), Author().create(key="m")]
    )
    await store.due(at(100), None, 10)
    await store.renew([Renewal(author.run_id, "a", 3, START)])
    assert scans(await trace.plans()) == []


@pytest.mark.parametrize("workflows", [None, {"analysis": ["a"], "other": ["b", "c"]}])
async def test_looking_for_jobs_goes_by_the_two_indexes(
    store: SQLiteStore, author: Author, workflows: dict[str, list[str]] | None
) -> None:
    """What waits is found by its due time, what is ready by workflow, stage and age, unsorted."""
    trace = Trace(store._reader)
    await trace.start()
    assert len(await store.due(at(100), workflows, 10)) == 6
    plans = await trace.plans()
    # Without a choice of workflows, the first entry of the index tells where to begin.
    assert scans(plans) == ([] if workflows else ["SCAN jobs USING INDEX jobs_ready"])
    assert "SEARCH jobs USING INDEX jobs_waiting (due_at<?)" in plans
    assert any("INDEX jobs_ready (workflow_id=? AND stage=?)" in step for step in plans)
    assert not any("TEMP B-TREE" in step for step in plans)


async def test_reading_goes_by_run_or_position(store: SQLiteStore, author: Author) -> None:
    """The events of runs and the pages of the log are found by an index, in order."""
    trace = Trace(store._reader)
    await trace.start()
    await store.read([author.run_id, "other"], 1)
    await store.read_all(1, 2)
    plans = await trace.plans()
    assert scans(plans) == []
    assert not any("TEMP B-TREE" in step for step in plans)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (RunQuery(statuses=[Status.PENDING, Status.FAILED]), "runs_status (status=?"),
        (RunQuery(workflow_id="analysis", after="9"), "runs_workflow (workflow_id=? AND status=?"),
        (
            RunQuery(workflow_id="analysis", statuses=[Status.PENDING]),
            "runs_workflow (workflow_id=? AND status=?",
        ),
        (RunQuery(metadata={"x": 1, "y": 2}, after="9"), "PRIMARY KEY (label=? AND run<?"),
        (RunQuery(run_ids=["x", "y"]), "(run_id=?"),
        (RunQuery(run_ids=["x"], metadata={"x": 1}), "PRIMARY KEY (label=? AND run=?"),
        (RunQuery(after="9", created_before=START + timedelta(1)), "PRIMARY KEY (rowid<?"),
        (RunQuery(after="9", called_models=True), "INDEX runs_ai (run<?"),
    ],
    ids=["statuses", "workflow", "both", "metadata", "ids", "ids and metadata", "all", "models"],
)
async def test_listing_runs_goes_by_an_index(
    store: SQLiteStore, author: Author, query: RunQuery, index: str
) -> None:
    """A page of runs is found by what it asks for, newest first, and sorts only what was named."""
    trace = Trace(store._reader)
    await trace.start()
    await store.runs(query)
    plans = await trace.plans()
    assert scans(plans) == []
    assert any(index in step for step in plans)
