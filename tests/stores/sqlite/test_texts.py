"""Texts of any kind come back from each column of each table."""

from collections.abc import Callable

from attrs import evolve

from eventflow.core import commands as c
from eventflow.store.contract import Operation, RunQuery, StoredEvent
from eventflow.testing.builders import START, Author, plan
from eventflow_sqlite import SQLiteStore


async def test_every_text_may_have_a_nul_character(store: SQLiteStore) -> None:
    """Where SQLite would end a text, the store does not, whatever the text stands for."""
    author = Author("run\0")
    create = c.CreateRun(
        now=START,
        plan=evolve(plan("work\0flow", [["a\0", "\ue000\0"]]), fingerprint="\0print"),
        input="\0",
        config={},
        priority=5,
        metadata={"\0": "\0"},
        idempotency_key="key\0",
    )
    steps: list[Callable[[], Operation]] = [
        lambda: author.do(create, key="key\0"),
        lambda: author.claim("a\0"),
        lambda: author.complete("a\0"),
        lambda: author.note(actor="\0"),
    ]
    written: list[StoredEvent] = []
    for step in steps:
        operation = step()
        written += operation.events
        await store.append([operation])
        page = await store.runs(RunQuery(run_ids=["run\0"], metadata={"\0": "\0"}))
        assert page.items == (author.projection(),)
    log = await store.read(["run\0"])
    assert [evolve(event, position=0) for event in log] == written
    assert [job.stage for job in await store.due(START, None, 5)] == ["\ue000\0"]
