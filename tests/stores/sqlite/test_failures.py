"""What the store says and keeps when the file, the disk or its owner get in the way."""

import asyncio
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from eventflow.core.projection import Projection
from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Appended, RunQuery, StoredEvent
from eventflow.testing.builders import Author
from eventflow_sqlite import SQLiteStore, connect

NOBODY = 65534


async def everything(store: SQLiteStore) -> tuple[list[StoredEvent], tuple[Projection, ...]]:
    """Read the whole log and all rows."""
    return await store.read_all(0, 1_000), (await store.runs(RunQuery())).items


async def test_a_lock_that_is_held_too_long(store: SQLiteStore, other: sqlite3.Connection) -> None:
    """While another process holds the lock an append gives up, and works once it is free."""
    create = Author().create()
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"eventflow.db.*locked.*busy_timeout") as caught:
        await store.append([create])
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert await store.read_all(0, 10) == []
    other.execute("ROLLBACK")
    assert await store.append([create]) == [Appended(2, 2)]


async def test_a_lock_that_is_let_go_is_waited_for(
    url: str, store: SQLiteStore, other: sqlite3.Connection
) -> None:
    """An append waits for another writer, and readers wait for nobody."""
    patient = await connect(f"{url}&busy_timeout=30")
    other.execute("BEGIN IMMEDIATE")
    appending = asyncio.create_task(patient.append([Author().create()]))
    assert await patient.read_all(0, 10) == []
    assert await patient.due(await patient.now(), None, 10) == []
    assert not appending.done()
    other.execute("ROLLBACK")
    assert await appending == [Appended(2, 2)]
    await patient.close()


async def test_a_full_disk_keeps_what_there_was(store: SQLiteStore) -> None:
    """An append for which there is no room leaves no trace, and works once there is room."""
    await store.append([Author().create()])
    before = await everything(store)
    await limit(store, 60)
    batch = [Author().create(), Author().create(value="x" * 1_000_000)]
    with pytest.raises(StoreUnavailable, match="no room left; free some space"):
        await store.append(batch)
    assert await everything(store) == before
    await limit(store, 1_000_000)
    assert await store.append(batch) == [Appended(2, 4), Appended(2, 6)]


APPEND = """
import asyncio, sys
from eventflow.testing.builders import Author
from eventflow_sqlite import connect

async def main():
    store = await connect(sys.argv[1])
    authors = [Author() for _ in range(5_000)]
    for begin in range(0, 5_000, 500):
        await store.append([author.create() for author in authors[begin : begin + 500]])
    await store.append([author.claim() for author in authors[::10]])
    await store.append([author.note("x" * 10_000) for author in authors[::10]])
    await store.close()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SQLite looks for temporary folders elsewhere")
async def test_a_large_append_needs_no_room_elsewhere(url: str, tmp_path: Path) -> None:
    """Where no temporary files can be made, batches of any size are appended all the same."""
    folder = tmp_path / "temporary"
    unused = forget_use(folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", APPEND, url, env=os.environ | {"SQLITE_TMPDIR": str(folder)}
    )
    assert await process.wait() == 0
    assert last_use(folder) == unused


def forget_use(folder: Path) -> int:
    """Make a folder; give the time at which it was last written, which is long ago."""
    folder.mkdir()
    os.utime(folder, (0, 0))
    return last_use(folder)


def last_use(folder: Path) -> int:
    """Tell when a file was last made or removed in a folder."""
    return folder.stat().st_mtime_ns


async def limit(store: SQLiteStore, pages: int) -> None:
    """Let the file grow to so many pages, as a full disk would."""
    await store._writer.run(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchall())


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Give a folder that everybody may look into."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


@contextmanager
def without_rights() -> Iterator[None]:
    """Let this process go without the rights of a superuser for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def protect(path: Path, rights: int) -> None:
    """Set who may do what."""
    path.chmod(rights)


@pytest.mark.skipif(sys.platform == "win32", reason="folders have other rights there")
async def test_a_file_that_may_not_be_written(public_folder: Path) -> None:
    """A store that may only be read opens and is read; an append says what to allow."""
    path = public_folder / "eventflow.db"
    store = await connect(f"sqlite:///{path}")
    await store.append([Author().create()])
    await store.close()
    protect(path, 0o444)
    protect(public_folder, 0o777)
    with without_rights():
        store = await connect(f"sqlite:///{path}")
        assert len(await store.read_all(0, 10)) == 2
        with pytest.raises(StoreUnavailable, match=f"'{path}'.*cannot be written; allow writing"):
            await store.append([Author().create()])
        await store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="folders have other rights there")
async def test_a_folder_that_may_not_be_written(public_folder: Path) -> None:
    """Where the files beside the database cannot be made, the error says what to allow."""
    path = public_folder / "eventflow.db"
    await (await connect(f"sqlite:///{path}")).close()
    protect(public_folder, 0o555)
    with without_rights(), pytest.raises(StoreUnavailable, match=f"'{path}'.*allow writing"):
        await connect(f"sqlite:///{path}")


def names(folder: Path) -> list[str]:
    """List a folder."""
    return [each.name for each in folder.iterdir()]


async def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    """The error says that it is a folder, and what to name instead."""
    with pytest.raises(StoreUnavailable, match=r"it is a folder; name a file in it"):
        await connect(f"sqlite:///{tmp_path}")
    assert names(tmp_path) == []


async def test_a_missing_folder(tmp_path: Path) -> None:
    """A folder is not made; the error says that it has to be."""
    with pytest.raises(StoreUnavailable, match=r"missing/a\.db.*create its folder"):
        await connect(f"sqlite:///{tmp_path}/missing/a.db")
    assert names(tmp_path) == []


def content(path: Path) -> bytes:
    """Read a whole file."""
    return path.read_bytes()


def replace(path: Path, content: bytes) -> None:
    """Write a whole file."""
    path.write_bytes(content)


async def test_a_file_that_is_no_database(url: str, path: Path) -> None:
    """Another kind of file is refused and left as it is."""
    before = b"A cake: flour, eggs, sugar. " * 100
    replace(path, before)
    with pytest.raises(StoreUnavailable, match="is not a SQLite database; name another file"):
        await connect(url)
    assert content(path) == before


def damage(path: Path) -> None:
    """Overwrite all but the first two pages, as a disk might."""
    good = path.read_bytes()
    path.write_bytes(good[:8_192] + b"\xa5" * len(good[8_192:]))


async def test_a_damaged_file(url: str, path: Path) -> None:
    """Damage is found when what is damaged is read, and called by its name."""
    store = await connect(url)
    await store.append([Author().create(value="x" * 5_000) for _ in range(50)])
    await store.close()
    damage(path)
    store = await connect(url)
    with pytest.raises(StoreUnavailable, match=r"is damaged; .* restore the last good backup"):
        await store.read_all(0, 1_000)
    await store.close()


async def test_a_closed_store_says_so(url: str) -> None:
    """After `close`, which may be called twice, everything is refused."""
    store = await connect(url)
    await store.close()
    await store.close()
    for call in (store.append([Author().create()]), store.wait(0, 1), store.now()):
        with pytest.raises(StoreUnavailable, match="this store is closed"):
            await call


async def test_closing_lets_an_append_end(url: str) -> None:
    """What was handed in before `close` is appended."""
    store = await connect(url)
    appending = asyncio.create_task(store.append([Author().create()]))
    await asyncio.sleep(0)
    await store.close()
    assert await appending == [Appended(2, 2)]


async def test_a_cancelled_append_is_whole(store: SQLiteStore) -> None:
    """Whoever stops waiting for an append does not stop it halfway."""
    for _ in range(20):
        batch = [Author().create() for _ in range(20)]
        appending = asyncio.ensure_future(store.append(batch))
        await asyncio.sleep(0)
        appending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await appending
    assert await store.append([Author().create()]) == [Appended(2, 802)]
    assert await store.wait(801, 5) == 802


async def test_a_mistake_in_one_batch_leaves_no_trace(store: SQLiteStore) -> None:
    """An operation that SQLite cannot take is not half-written, and the store goes on."""
    bad = Author().create(priority=2**80)
    with pytest.raises(OverflowError):
        await store.append([Author().create(), bad])
    assert await everything(store) == ([], ())
    assert await store.append([Author().create()]) == [Appended(2, 2)]


async def test_a_repr_shows_the_file_alone(store: SQLiteStore, path: Path) -> None:
    """A store shows where it is kept."""
    assert repr(store) == f"<SQLiteStore {path}>"


async def test_the_file_is_closed(url: str, path: Path) -> None:
    """A closed store leaves one file, which anybody may lock and move."""
    store = await connect(url)
    await store.append([Author().create()])
    await store.close()
    assert names(path.parent) == [path.name]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()


def replace_by_another(path: Path) -> None:
    """Put another database in the place of this one."""
    with closing(sqlite3.connect(path.with_name("other.db"))) as other:
        other.execute("CREATE TABLE t (x)")
    path.with_name("other.db").replace(path)


def move_away(path: Path) -> None:
    """Give a file another name."""
    path.rename(path.with_name("moved.db"))


@pytest.mark.skipif(sys.platform == "win32", reason="an open file keeps its place there")
@pytest.mark.parametrize("take", [Path.unlink, move_away, replace_by_another])
async def test_a_file_that_was_taken_away(
    store: SQLiteStore, path: Path, take: Callable[[Path], None]
) -> None:
    """Nothing is acknowledged that only a file without this name would hold."""
    await store.append([Author().create()])
    take(path)
    with pytest.raises(StoreUnavailable, match="deleted, moved or replaced"):
        await store.append([Author().create()])
    assert len(await store.read_all(0, 10)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="an open file keeps its place there")
async def test_a_file_that_was_put_back(store: SQLiteStore, path: Path) -> None:
    """It is used again."""
    move_away(path)
    with pytest.raises(StoreUnavailable):
        await store.append([Author().create()])
    path.with_name("moved.db").rename(path)
    assert await store.append([Author().create()]) == [Appended(2, 2)]
