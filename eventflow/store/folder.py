"""The blobs as files of one folder, for all processes that share it; it never changes a file.

A file appears under its name as a whole: it is written under another name, flushed to the disk,
renamed, and the folder is flushed as well. A process that dies on the way leaves a file that no
key names, in the folder `unfinished`.
"""

import asyncio
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from eventflow.core.references import is_key
from eventflow.errors import BlobNotFound, StoreUnavailable
from eventflow.store.blobs import checked, key_of

T = TypeVar("T")

THREADS = 4
_KIND = "sha256"
_UNFINISHED = "unfinished"
_FAN_OUT = 2
_SHELF = re.compile(rf"[0-9a-f]{{{_FAN_OUT}}}")


async def connect(url: str) -> "FolderBlobs":
    """Open the blobs of a folder: `file:///absolute/path`.

    The folder is created; the folder that it is in must be there, so that a disk that is not
    mounted is noticed.

    Raises:
        ValueError: The URL names no folder of this machine.
        StoreUnavailable: The folder cannot be created or written.
    """
    from urllib.request import url2pathname  # noqa: PLC0415 - it loads http.client

    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise ValueError("a folder of another machine is named by where it is mounted here")
    path = url2pathname(parts.path)
    if parts.query or parts.fragment or not Path(path).is_absolute() or "\0" in path:
        raise ValueError("write file:///absolute/path, with ? as %3F and # as %23 in a name")
    blobs = FolderBlobs(Path(path))
    try:
        await blobs.prepare()
    except BaseException:
        await blobs.close()
        raise
    return blobs


class FolderBlobs:
    """The contract of a blob store, kept as files: `sha256/ab/cdef...` holds the blob `abcdef...`.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="eventflow blobs")
        self._closed = False

    def __repr__(self) -> str:
        return f"<FolderBlobs {self._root}>"

    async def prepare(self) -> None:
        """Make the folders that are missing.

        Raises:
            StoreUnavailable: They cannot be made.
        """
        await self._run(partial(_make_folders, self._root))

    async def put(self, data: bytes) -> str:
        """Keep bytes and give their key; when this returns, they are on the disk."""
        key = key_of(data)
        await self._run(partial(self._put, key, data))
        return key

    async def get(self, key: str) -> bytes:
        """Give the bytes of a blob, which were compared with the key."""
        return await self._run(partial(self._get, key))

    async def exists(self, key: str) -> bool:
        """Tell whether there is such a blob."""
        return await self._run(lambda: is_key(key) and self._is_there(self._path(key)))

    async def close(self) -> None:
        """Refuse everything from now on; what was begun is done."""
        self._closed = True
        self._threads.shutdown(wait=False)

    async def list(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Sequence[str]:
        """List keys in order, one page of them."""
        return await self._run(lambda: list(islice(self._keys(prefix, after), limit)))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise StoreUnavailable(f"The blob store {self._root} was closed")
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(_explained, self._root, work)
        )

    def _path(self, key: str) -> Path:
        digest = key.removeprefix(f"{_KIND}:")
        return self._root / _KIND / digest[:_FAN_OUT] / digest[_FAN_OUT:]

    def _put(self, key: str, data: bytes) -> None:
        """Write a file that is missing or damaged; flush what others may have renamed just now."""
        path = self._path(key)
        if not _holds(path, data):
            _make_folder(path.parent)
            _write(self._root / _UNFINISHED / secrets.token_hex(16), path, data)
        _flush_folder(path.parent)

    def _get(self, key: str) -> bytes:
        if not is_key(key):
            raise BlobNotFound(key, f"The folder {self._root}")
        path = self._path(key)
        if not self._is_there(path):
            raise BlobNotFound(key, f"The folder {self._root}")
        return checked(key, path.read_bytes())

    def _is_there(self, path: Path) -> bool:
        """Look for a file; a folder that is away holds what cannot be seen now."""
        if path.is_file():
            return True
        (self._root / _KIND).stat()
        return False

    def _keys(self, prefix: str, after: str) -> Iterator[str]:
        first = f"{_KIND}:"
        for shelf in sorted(each.name for each in (self._root / _KIND).iterdir()):
            begin = first + shelf
            beside = not (begin.startswith(prefix) or prefix.startswith(begin))
            if beside or begin < after[: len(begin)] or not _SHELF.fullmatch(shelf):
                continue
            for name in sorted(each.name for each in (self._root / _KIND / shelf).iterdir()):
                key = begin + name
                if is_key(key) and key > after and key.startswith(prefix):
                    yield key


def _make_folders(root: Path) -> None:
    _make_folder(root)
    _make_folder(root / _KIND)
    _make_folder(root / _UNFINISHED)


def _make_folder(path: Path) -> None:
    """Make one folder, so that it survives a power cut."""
    with suppress(FileExistsError):
        path.mkdir()
    _flush_folder(path.parent)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _write(unfinished: Path, path: Path, data: bytes) -> None:
    try:
        with unfinished.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _flush_folder(path: Path) -> None:
    """Write the names in a folder to the disk; Windows does so by itself."""
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _explained(root: Path, work: Callable[[], T]) -> T:
    """Work with files, and say what is wrong with the disk as every blob store does."""
    try:
        return work()
    except OSError as error:
        raise StoreUnavailable(
            f"The folder of blobs {root} cannot be used: {error}; create it, allow writing there, "
            "or mount the disk that it is on"
        ) from error
