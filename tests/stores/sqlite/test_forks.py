"""A fork meets no open connection, so that neither side loses what the other one closes."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from eventflow.errors import StoreUnavailable
from eventflow.testing.builders import Author
from eventflow_sqlite import SQLiteStore, connect, handle
from tests.stores.sqlite.apart import ends_well

QUIETLY = "ignore:This process:DeprecationWarning"
"""Python 3.12 and newer warn of a fork of a process with threads, and a store has some."""


def test_nothing_is_lost_by_a_fork(tmp_path: Path) -> None:
    """Parent and children write before and after the fork, under load and through new stores."""
    url = f"sqlite:///{tmp_path}/log.db"
    ends_well("-W", QUIETLY, "-m", "tests.stores.sqlite.forking", url)


async def test_connections_are_closed_for_a_fork_and_made_again(
    store: SQLiteStore, path: Path
) -> None:
    """The last connection takes the files beside the database with it; the store goes on."""
    await store.append([Author("before").create()])
    assert len(os.listdir(path.parent)) > 1  # noqa: PTH208 - the names
    forks = handle._watch_forks()
    forks.hold()
    assert os.listdir(path.parent) == [path.name]  # noqa: PTH208 - the names
    appending = asyncio.create_task(store.append([Author("after").create()]))
    await asyncio.sleep(0.05)
    assert not appending.done()
    forks.release()
    await appending
    assert {event.run_id for event in await store.read_all(0, 10)} == {"before", "after"}
    assert await store.wait(0, 0) == 4


async def test_a_relative_name_means_the_same_file_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the process works in another folder by the time that a fork is over."""
    folders = tmp_path / "first", tmp_path / "second"
    for folder in folders:
        folder.mkdir()
    monkeypatch.chdir(folders[0])
    store = await connect("sqlite:///log.db")
    await store.append([Author("before").create()])
    monkeypatch.chdir(folders[1])
    forks = handle._watch_forks()
    forks.hold()
    forks.release()
    await store.append([Author("after").create()])
    assert {event.run_id for event in await store.read_all(0, 10)} == {"before", "after"}
    await store.close()
    assert os.listdir(folders[1]) == []  # noqa: PTH208 - the names


async def test_a_file_that_is_gone_behind_a_fork_is_not_made_again(
    store: SQLiteStore, path: Path
) -> None:
    """An empty one would take what was decided on another history."""
    await store.append([Author("before").create()])
    forks = handle._watch_forks()
    forks.hold()
    os.unlink(path)  # noqa: PTH108 - as a test of files
    forks.release()
    with pytest.raises(StoreUnavailable, match="deleted, moved or replaced"):
        await store.append([Author("after").create()])
    assert os.listdir(path.parent) == []  # noqa: PTH208 - the names


async def test_a_file_that_cannot_be_opened_again_is_unavailable(
    store: SQLiteStore, unreadable: Callable[[], None]
) -> None:
    """As when the file was taken away meanwhile; the error reaches who asks."""
    forks = handle._watch_forks()
    forks.hold()
    unreadable()
    forks.release()
    with pytest.raises(StoreUnavailable):
        await store.read_all(0, 10)
    with pytest.raises(StoreUnavailable):
        await store.wait(0, 0)


@pytest.fixture
def unreadable(path: Path) -> Callable[[], None]:
    """Puts a folder where the file was."""

    def replace() -> None:
        path.unlink()
        path.mkdir()

    return replace
