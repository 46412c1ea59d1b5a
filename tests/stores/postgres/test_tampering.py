"""Whoever tampers with the tables is found out, also with all triggers disabled."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import asyncpg
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from eventflow.errors import HistoryAltered
from eventflow.runtime.rebuilding import rebuild
from eventflow.runtime.verification import VerifiedStore, verify_store
from eventflow.store.contract import Operation
from eventflow_postgres import connect
from tests.postgres_server import with_parameters
from tests.stores.tampering import (
    BLOBS,
    LARGE,
    NAMED,
    Named,
    Tables,
    difference,
    drifts,
    operation_with_blob,
    operations,
    settled,
    tampered,
)

T = TypeVar("T")

TABLES = ("events", "runs", "heads", "stages", "jobs", "labels", "keys")
ORDERED = {
    "events": "position",
    "runs": "position",
    "heads": "position",
    "stages": "run_id, stage",
    "keys": "key",
    "blobs": "key",
}
DERIVED = [
    *(("runs", column) for column in ("run_id", "workflow_id", "priority", "created_at")),
    *(("heads", column) for column in ("run_id", "version", "status", "generation")),
    *(("heads", column) for column in ("fingerprint", "started_at", "ended_at")),
    *(("stages", column) for column in ("run_id", "stage", "stage_group", "status")),
    *(("stages", column) for column in ("generation", "attempt", "started_at", "ended_at")),
    *(("jobs", column) for column in ("run_id", "stage", "kind", "scheduled", "token")),
]


class Schema:
    """A schema without triggers, which gives and takes whole tables."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self.name = f"tampered_{uuid.uuid4().hex[:12]}"
        self.url = with_parameters(url, schema=self.name)
        self._run(partial(self._append, operations()))
        self._connection: asyncpg.Connection[asyncpg.Record] = self._run(
            lambda: asyncpg.connect(url)
        )
        path = f'SET search_path = "{self.name}"'
        self._run(partial(self._connection.execute, path))
        for table in ("events", "blobs"):
            disable = f"ALTER TABLE {table} DISABLE TRIGGER ALL"
            self._run(partial(self._connection.execute, disable))

    def close(self) -> None:
        """Drop it."""
        self._run(lambda: self._connection.execute(f'DROP SCHEMA "{self.name}" CASCADE'))
        self._run(self._connection.close)
        self._runner.close()

    def read(self, tables: Sequence[str] = TABLES) -> Tables:
        """Give all rows of some tables."""
        return Tables(
            (table, [dict(row) for row in self._run(partial(self._all, table))]) for table in tables
        )

    def add(self, operation: Operation, blob: bytes) -> None:
        """Append one more operation, with a blob that it refers to."""
        self._run(partial(self._append, [operation], blob))

    def write(self, tables: Tables) -> bool:
        """Put these rows in the place of all others, if their types and keys allow it."""
        try:
            self._run(lambda: self._write(tables))
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError):
            return False
        return True

    def verify(self) -> VerifiedStore:
        """Verify it with a store that was just opened."""
        return self._run(self._verify)

    def rebuild(self) -> None:
        """Compute its rows anew with a store that was just opened."""
        self._run(partial(rebuild, self.url))

    async def _write(self, tables: Tables) -> None:
        async with self._connection.transaction():
            for table, rows in tables.items():
                await self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - all ours
                for row in rows:
                    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
                    insert = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})"  # noqa: S608 - as above
                    await self._connection.execute(insert, *row.values())

    async def _all(self, table: str) -> list[asyncpg.Record]:
        order = ORDERED.get(table, "position")
        return await self._connection.fetch(f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608 - as above

    async def _verify(self) -> VerifiedStore:
        store = await connect(self.url)
        try:
            return await verify_store(store)
        finally:
            await store.close()

    async def _append(self, added: Sequence[Operation], blob: bytes | None = None) -> None:
        store = await connect(self.url)
        if blob is not None:
            await store.blobs.put(blob)
        await store.append(added)
        await store.close()

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        async def done() -> T:
            return await work()

        return self._runner.run(done())


@pytest.fixture(scope="module")
def schema(postgres: str) -> Iterator[Schema]:
    """A schema with five runs."""
    opened = Schema(postgres)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def genuine(schema: Schema) -> Tables:
    """What the schema holds."""
    return schema.read()


@given(data=st.data())
@settings(max_examples=min(500, settings().max_examples))
def test_whatever_was_changed_is_found(
    schema: Schema, genuine: Tables, data: st.DataObject
) -> None:
    """Any column changed, any event deleted, inserted, shifted or swapped, any row drifted."""
    tables = data.draw(tampered(genuine, DERIVED))
    assume(tables != genuine)
    assume(schema.write(tables))
    note("\n".join(difference(genuine, tables)))
    with pytest.raises(HistoryAltered):
        schema.verify()


def test_what_nobody_changed_is_confirmed(schema: Schema, genuine: Tables) -> None:
    """The same rows written again are no alteration."""
    assert schema.write(genuine)
    verdict = schema.verify()
    assert (verdict.events, verdict.runs) == (len(genuine["events"]), 5)


def of_postgres(named: Named) -> bool:
    """Tell whether an alteration is one of the events, which look the same in every store."""
    return named.how.value != "drifted" and named.title != "version"


@pytest.mark.parametrize(
    "named", [each for each in NAMED if of_postgres(each)], ids=lambda named: named.title
)
def test_the_first_event_that_does_not_fit_is_named(
    schema: Schema, genuine: Tables, named: Named
) -> None:
    """The error tells the run, the version, and in which way it does not fit."""
    assert schema.write(named.applied(genuine))
    with pytest.raises(HistoryAltered) as found:
        schema.verify()
    error = found.value
    assert (error.run_id, error.version, error.how) == (named.run_id, named.version, named.how)


@given(data=st.data())
def test_rows_are_mended(schema: Schema, genuine: Tables, data: st.DataObject) -> None:
    """Whatever became of the rows, computing them anew gives the genuine ones."""
    tables = data.draw(drifts(genuine))
    assume(tables != genuine)
    assume(schema.write(tables))
    note("\n".join(difference(genuine, tables)))
    schema.rebuild()
    assert settled(schema.read()) == settled(genuine)
    schema.verify()


def test_an_altered_log_gives_no_rows(schema: Schema, genuine: Tables) -> None:
    """Nothing is computed from what is not genuine, and the rows stay as they were."""
    tables = NAMED[0].applied(genuine)
    assert schema.write(tables)
    with pytest.raises(HistoryAltered):
        schema.rebuild()
    assert settled(schema.read()) == settled(tables)


def test_whatever_becomes_of_a_blob_is_found(schema: Schema, genuine: Tables) -> None:
    """A blob that was altered, renamed or deleted is found by the event that refers to it."""
    assert schema.write(genuine)
    schema.add(operation_with_blob(), LARGE)
    (genuine_blob,) = schema.read(["blobs"])["blobs"]
    schema.verify()
    for title, how, columns in BLOBS:
        rows = [] if columns is None else [genuine_blob | columns]
        assert schema.write(Tables(blobs=rows)), title
        with pytest.raises(HistoryAltered) as found:
            schema.verify()
        error = found.value
        assert (error.run_id, error.version, error.how) == ("run-blob", 1, how), title
    assert schema.write(Tables(blobs=[genuine_blob]))
    schema.verify()
