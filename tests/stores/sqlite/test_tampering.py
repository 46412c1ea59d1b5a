"""Whoever tampers with the file is found out, also with all triggers gone."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from eventflow.errors import HistoryAltered
from eventflow.runtime.rebuilding import rebuild
from eventflow.runtime.verification import VerifiedStore, verify_store
from eventflow.store.contract import Operation
from eventflow_sqlite import connect
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

TABLES = ("events", "runs", "stages", "jobs", "labels", "keys")
DERIVED = [
    *(("runs", column) for column in ("run", "run_id", "version", "workflow_id", "status")),
    *(("runs", column) for column in ("priority", "generation", "fingerprint", "created_at")),
    *(("runs", column) for column in ("started_at", "ended_at")),
    *(("stages", column) for column in ("run", "stage", "stage_group", "status", "generation")),
    *(("stages", column) for column in ("attempt", "started_at", "ended_at")),
    *(("jobs", column) for column in ("run", "stage", "kind", "scheduled", "token")),
]


class File:
    """A file without triggers, which gives and takes whole tables."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}?synchronous=NORMAL"
        asyncio.run(self._append(operations()))
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        for trigger in self._all("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            self._connection.execute(f'DROP TRIGGER "{trigger["name"]}"')

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def read(self, tables: Sequence[str] = TABLES) -> Tables:
        """Give all rows of some tables."""
        return Tables(
            (table, [dict(row) for row in self._all(f"SELECT * FROM {table} ORDER BY 1")])  # noqa: S608 - all ours
            for table in tables
        )

    def add(self, operation: Operation, blob: bytes) -> None:
        """Append one more operation, with a blob that it refers to."""
        asyncio.run(self._append([operation], blob))

    def write(self, tables: Tables) -> bool:
        """Put these rows in the place of all others, if their types and keys allow it."""
        self._connection.execute("BEGIN")
        try:
            for table, rows in tables.items():
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - as above
                for row in rows:
                    places = ", ".join("?" * len(row))
                    insert = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})"  # noqa: S608 - as above
                    self._connection.execute(insert, tuple(row.values()))
        except sqlite3.IntegrityError:
            self._connection.execute("ROLLBACK")
            return False
        self._connection.execute("COMMIT")
        return True

    def verify(self) -> VerifiedStore:
        """Verify it with a store that was just opened."""
        return asyncio.run(self._verify())

    def rebuild(self) -> None:
        """Compute its rows anew with a store that was just opened."""
        asyncio.run(rebuild(self.url))

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

    def _all(self, sql: str) -> list[sqlite3.Row]:
        return self._connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[File]:
    """A file with five runs."""
    with closing(File(tmp_path_factory.mktemp("tampered") / "log.db")) as opened:
        yield opened


@pytest.fixture(scope="module")
def genuine(file: File) -> Tables:
    """What the file holds."""
    return file.read()


@given(data=st.data())
@settings(max_examples=max(150, settings().max_examples))
def test_whatever_was_changed_is_found(file: File, genuine: Tables, data: st.DataObject) -> None:
    """Any column changed, any event deleted, inserted, shifted or swapped, any row drifted."""
    tables = data.draw(tampered(genuine, DERIVED))
    assume(tables != genuine)
    assume(file.write(tables))
    note("\n".join(difference(genuine, tables)))
    with pytest.raises(HistoryAltered):
        file.verify()


def test_what_nobody_changed_is_confirmed(file: File, genuine: Tables) -> None:
    """The same rows written again are no alteration."""
    assert file.write(genuine)
    verdict = file.verify()
    assert (verdict.events, verdict.runs) == (len(genuine["events"]), 5)


@pytest.mark.parametrize("named", NAMED, ids=lambda named: named.title)
def test_the_first_event_that_does_not_fit_is_named(
    file: File, genuine: Tables, named: Named
) -> None:
    """The error tells the run, the version, and in which way it does not fit."""
    tables = named.applied(genuine)
    assert file.write(tables)
    with pytest.raises(HistoryAltered) as found:
        file.verify()
    error = found.value
    assert (error.run_id, error.version, error.how) == (named.run_id, named.version, named.how)


@given(data=st.data())
def test_rows_are_mended(file: File, genuine: Tables, data: st.DataObject) -> None:
    """Whatever became of the rows, computing them anew gives the genuine ones."""
    tables = data.draw(drifts(genuine))
    assume(tables != genuine)
    assume(file.write(tables))
    note("\n".join(difference(genuine, tables)))
    file.rebuild()
    assert settled(file.read()) == settled(genuine)
    file.verify()


def test_an_altered_log_gives_no_rows(file: File, genuine: Tables) -> None:
    """Nothing is computed from what is not genuine, and the rows stay as they were."""
    tables = NAMED[0].applied(genuine)
    assert file.write(tables)
    with pytest.raises(HistoryAltered):
        file.rebuild()
    assert settled(file.read()) == settled(tables)


def test_whatever_becomes_of_a_blob_is_found(file: File, genuine: Tables) -> None:
    """A blob that was altered, renamed or deleted is found by the event that refers to it."""
    assert file.write(genuine)
    file.add(operation_with_blob(), LARGE)
    (genuine_blob,) = file.read(["blobs"])["blobs"]
    file.verify()
    for title, how, columns in BLOBS:
        rows = [] if columns is None else [genuine_blob | columns]
        assert file.write(Tables(blobs=rows)), title
        with pytest.raises(HistoryAltered) as found:
            file.verify()
        error = found.value
        assert (error.run_id, error.version, error.how) == ("run-blob", 1, how), title
    assert file.write(Tables(blobs=[genuine_blob]))
    file.verify()
