"""A folder of files keeps the contract of all blob stores, whatever happens to its processes."""

import asyncio
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from urllib.request import pathname2url

import pytest

from eventflow.errors import BlobAltered, BlobNotFound, HistoryAltered, StoreUnavailable
from eventflow.store.blobs import BlobStore
from eventflow.store.folder import FolderBlobs, connect
from eventflow.testing.conformance import BlobConformance, SharedBlobConformance
from eventflow.testing.conformance.blobs import OpenBlobs


def url_of(path: Path) -> str:
    """Write the URL of a folder."""
    return f"file://{pathname2url(str(path))}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Name a folder that does not exist yet."""
    return tmp_path / "blobs # of ä"


@pytest.fixture
async def blobs(root: Path) -> AsyncIterator[FolderBlobs]:
    """Give an empty folder of blobs."""
    opened = await connect(url_of(root))
    yield opened
    await opened.close()


class TestFolder(BlobConformance):
    @pytest.fixture
    async def blobs(self, root: Path) -> AsyncIterator[BlobStore]:
        """Give an empty folder of blobs."""
        opened = await connect(url_of(root))
        yield opened
        await opened.close()


class TestSharedFolder(SharedBlobConformance):
    @pytest.fixture
    def open_blobs(self, root: Path) -> OpenBlobs:
        """Open the same folder once more."""
        return lambda: connect(url_of(root))


def file_of(root: Path, data: bytes) -> Path:
    """Tell where a blob is kept."""
    digest = sha256(data).hexdigest()
    return root / "sha256" / digest[:2] / digest[2:]


@pytest.mark.parametrize("damage", [b"alterez", b"", b"altered and longer"])
async def test_a_damaged_file_is_noticed_and_mended(
    blobs: FolderBlobs, root: Path, damage: bytes
) -> None:
    """Other bytes are never given; putting the right ones again restores the blob."""
    key = await blobs.put(b"altered")
    file_of(root, b"altered").write_bytes(damage)
    with pytest.raises(BlobAltered, match=sha256(damage).hexdigest()) as raised:
        await blobs.get(key)
    assert raised.value.key == key
    assert isinstance(raised.value, HistoryAltered)
    await blobs.put(b"altered")
    assert await blobs.get(key) == b"altered"


async def test_what_a_dead_process_left_is_no_blob(blobs: FolderBlobs, root: Path) -> None:
    """A file that was not finished, and one that is none of ours, are neither listed nor found."""
    (root / "unfinished" / "0123").write_bytes(b"half")
    (root / "sha256" / "notes.txt").write_bytes(b"hello")
    key = await blobs.put(b"whole")
    file_of(root, b"whole").with_name("copy").write_bytes(b"whole")
    assert await blobs.list() == [key]


async def test_nothing_is_left_over_when_the_disk_refuses(
    blobs: FolderBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A put that fails leaves neither a blob nor a piece of one, and can be repeated."""

    def refuse(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreUnavailable, match="No space left"):
        await blobs.put(b"data")
    monkeypatch.undo()
    assert not list((root / "unfinished").iterdir())
    assert await blobs.list() == []
    assert await blobs.get(await blobs.put(b"data")) == b"data"


async def test_a_folder_that_is_away_is_not_an_empty_one(blobs: FolderBlobs, root: Path) -> None:
    """While the disk is not mounted, no blob is said to be lost."""
    key = await blobs.put(b"there")
    await asyncio.to_thread(root.rename, root.with_name("away"))
    calls = (blobs.get(key), blobs.exists(key), blobs.list(), blobs.put(b"more"))
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, StoreUnavailable), outcome
    await asyncio.to_thread(root.with_name("away").rename, root)
    assert await blobs.get(key) == b"there"
    with pytest.raises(BlobNotFound):
        await blobs.get(f"sha256:{sha256(b'other').hexdigest()}")


async def test_only_the_last_folder_is_made(tmp_path: Path) -> None:
    """Where the folder above is missing, perhaps a disk is: nothing is made in its place."""
    with pytest.raises(StoreUnavailable, match="mount the disk"):
        await connect(url_of(tmp_path / "missing" / "blobs"))
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize(
    "url", ["file://relative/path", "file:", "file:///a?b=c", "file:///a#b", "file:///a%00b"]
)
async def test_a_url_names_an_absolute_folder_of_this_machine(url: str) -> None:
    """Anything else is refused, with the form that is meant."""
    with pytest.raises(ValueError, match=r"absolute|mounted"):
        await connect(url)
