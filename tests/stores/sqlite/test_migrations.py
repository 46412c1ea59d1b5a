"""How a file becomes a store: once, whoever opens it first, and only if it is ours."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from eventflow.errors import SchemaTooNew, StoreUnavailable
from eventflow.store.contract import Appended
from eventflow.testing.builders import Author
from eventflow_sqlite import SQLiteStore, connect, migrations
from eventflow_sqlite.migrations import Migration, statements

LATEST = migrations.migrations()[-1].version


def pragma(path: Path, name: str) -> object:
    """Read a number that the file keeps."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def change(path: Path, *statements: str) -> None:
    """Change a file behind the library's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def content(path: Path) -> bytes:
    """Read the whole file."""
    return path.read_bytes()


async def test_a_file_says_whose_it_is_and_of_which_version(store: SQLiteStore, path: Path) -> None:
    """The application id, the version of the schema and the journal mode are kept in the file."""
    assert pragma(path, "application_id") == int.from_bytes(b"evnt", "big")
    assert pragma(path, "user_version") == migrations.migrations()[-1].version
    assert pragma(path, "journal_mode") == "wal"


async def test_versions_have_no_gaps() -> None:
    """The steps of the schema are numbered from 1 on."""
    versions = [step.version for step in migrations.migrations()]
    assert versions == list(range(1, len(versions) + 1))


async def test_many_can_open_a_fresh_file_at_once(url: str) -> None:
    """Of several who open a file that does not exist, one makes the schema and all succeed."""
    stores = await asyncio.gather(*(connect(url + "&busy_timeout=10") for _ in range(8)))
    verdicts = await asyncio.gather(*(store.append([Author().create()]) for store in stores))
    assert {v[0].position for v in verdicts if isinstance(v[0], Appended)} == set(range(2, 17, 2))
    await asyncio.gather(*(store.close() for store in stores))


async def test_what_was_appended_is_there_when_opened_again(url: str) -> None:
    """A closed file holds everything, and leaves no other file beside it."""
    author = Author()
    create = author.create(key="once")
    store = await connect(url)
    first = await store.append([create])
    await store.close()
    store = await connect(url)
    assert await store.append([create]) == first
    assert len(await store.read([author.run_id])) == 2
    await store.close()


async def test_a_newer_schema_is_refused(url: str, path: Path) -> None:
    """A file of a newer release is left alone, and the error says which versions there are."""
    await (await connect(url)).close()
    change(path, "PRAGMA user_version = 99")
    before = content(path)
    with pytest.raises(SchemaTooNew, match=rf"version 99; this release knows up to {LATEST}"):
        await connect(url)
    assert content(path) == before


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE recipes (name TEXT)", "PRAGMA user_version = 7"]
)
async def test_the_database_of_another_application_is_refused(
    url: str, path: Path, statement: str
) -> None:
    """A database that eventflow did not make is left exactly as it was."""
    change(path, statement)
    before = content(path)
    with pytest.raises(StoreUnavailable, match="another application"):
        await connect(url)
    assert content(path) == before


async def test_a_step_that_fails_leaves_the_old_schema(
    url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is done as a whole or not at all."""
    await (await connect(url)).close()
    broken = Migration(LATEST + 1, "CREATE TABLE more (x);\nCREATE TABLE more (x);\n")
    steps = [*migrations.migrations(), broken]
    monkeypatch.setattr(migrations, "migrations", lambda: steps)
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        await connect(url)
    monkeypatch.undo()
    assert pragma(path, "user_version") == LATEST
    await (await connect(url)).close()


async def test_an_older_file_is_brought_up_to_date(
    url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the steps that a file has not seen are done."""
    await (await connect(url)).close()
    steps = [*migrations.migrations(), Migration(LATEST + 1, "CREATE TABLE more (x);\n")]
    monkeypatch.setattr(migrations, "migrations", lambda: steps)
    await (await connect(url)).close()
    assert pragma(path, "user_version") == LATEST + 1
    change(path, "INSERT INTO more VALUES (1)")


def test_a_trigger_is_one_statement() -> None:
    """A script is split where SQLite itself would end a statement."""
    script = (
        "-- a; comment\nCREATE TABLE a (b);\n\n"
        "CREATE TRIGGER t AFTER INSERT ON a\nBEGIN\n    SELECT 1;\n    SELECT ';';\nEND;\n"
    )
    found = list(statements(script))
    assert [s.split()[0:2] for s in found] == [["--", "a;"], ["CREATE", "TRIGGER"]]
    assert "".join(found) == script
