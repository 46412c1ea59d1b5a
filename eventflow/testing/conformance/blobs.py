"""What every blob store promises: bytes come back as they were put, under their hash."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import TypeAlias

import pytest

from eventflow.errors import BlobNotFound, InvalidData, StoreUnavailable
from eventflow.store.blobs import LARGEST, BlobStore
from eventflow.testing.conformance.support import OpenStore, opened

OpenBlobs: TypeAlias = Callable[[], Awaitable[BlobStore]]
"""Opens a blob store; what it opens is closed by who called it."""

MISSING = f"sha256:{sha256(b'never put').hexdigest()}"
NO_KEYS = [
    "",
    "sha256:",
    "sha256",
    MISSING.upper(),
    MISSING + "0",
    MISSING.removeprefix("sha256:"),
    "sha256:../../../../etc/passwd",
    "../escape",
    "nul\0",
    "~",
    "€",
]
CONTENTS = {
    "nothing": b"",
    "one byte": b"\0",
    "text": "größer".encode(),
    "all bytes": bytes(range(256)),
    "a page and more": b"0123456789abcdef" * 513,
    "a megabyte": bytes(range(256)) * 4_096,
}


async def all_keys(blobs: BlobStore, page: int, prefix: str = "") -> list[str]:
    """Follow the pages to the end."""
    keys: list[str] = []
    after = ""
    while found := await blobs.list(prefix, after, page):
        assert len(found) <= page
        keys += found
        after = found[-1]
    return keys


async def put_all(blobs: BlobStore, contents: Sequence[bytes]) -> list[str]:
    """Put several blobs at once."""
    return await asyncio.gather(*(blobs.put(content) for content in contents))


class BlobTests:
    """What is put can be got, and nothing else."""

    @pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
    async def test_bytes_come_back(self, blobs: BlobStore, content: bytes) -> None:
        """What was put comes back byte by byte, under the hash of itself."""
        key = await blobs.put(content)
        assert key == f"sha256:{sha256(content).hexdigest()}"
        assert await blobs.get(key) == content
        assert await blobs.exists(key)

    async def test_the_same_bytes_are_kept_once(self, blobs: BlobStore) -> None:
        """Putting bytes again, also at the same time, changes nothing."""
        keys = await put_all(blobs, [b"same"] * 10)
        assert len({*keys, await blobs.put(b"same")}) == 1
        assert await all_keys(blobs, 100) == keys[:1]
        assert await blobs.get(keys[0]) == b"same"

    async def test_a_blob_that_was_never_put_is_not_found(self, blobs: BlobStore) -> None:
        """The error names the key, and says what to do."""
        await blobs.put(b"another")
        assert not await blobs.exists(MISSING)
        with pytest.raises(BlobNotFound, match="backup") as raised:
            await blobs.get(MISSING)
        assert raised.value.key == MISSING

    @pytest.mark.parametrize("key", NO_KEYS)
    async def test_what_is_no_key_names_no_blob(self, blobs: BlobStore, key: str) -> None:
        """A text that no bytes have as their key is never found, whatever it says."""
        await blobs.put(b"there is one")
        assert not await blobs.exists(key)
        with pytest.raises(BlobNotFound):
            await blobs.get(key)

    async def test_what_is_too_large_is_refused(self, blobs: BlobStore) -> None:
        """The bound is the same everywhere, and nothing of it is kept."""
        with pytest.raises(InvalidData, match="at most"):
            await blobs.put(bytes(LARGEST + 1))
        assert await blobs.list() == []


class BlobListTests:
    """The keys of a blob store can be gone through."""

    async def test_an_empty_blob_store_lists_nothing(self, blobs: BlobStore) -> None:
        """There is no page of nothing."""
        assert await blobs.list() == []

    @pytest.mark.parametrize("page", [1, 7, 40, 1_000])
    async def test_pages_give_every_key_once_in_order(self, blobs: BlobStore, page: int) -> None:
        """Whatever the size of a page, the pages together are all keys, sorted."""
        keys = await put_all(blobs, [b"%d" % number for number in range(40)])
        assert await all_keys(blobs, page) == sorted(keys)

    async def test_a_prefix_narrows_the_list(self, blobs: BlobStore) -> None:
        """Only keys that begin with the prefix are listed, also behind a key."""
        keys = sorted(await put_all(blobs, [b"%d" % number for number in range(60)]))
        for prefix in {key[:8] for key in keys} | {keys[3], "sha256:", "sha256"}:
            wanted = [key for key in keys if key.startswith(prefix)]
            assert await all_keys(blobs, 2, prefix) == wanted
        assert await blobs.list("md5:") == []
        assert await blobs.list(keys[0], after=keys[0]) == []


class ClosedBlobsTests:
    """What stands for itself is closed for itself."""

    async def test_a_closed_blob_store_is_unavailable(self, blobs: BlobStore) -> None:
        """Every method of a closed blob store says so; it can be closed twice."""
        key = await blobs.put(b"before")
        await blobs.close()
        await blobs.close()
        calls = (blobs.put(b"x"), blobs.get(key), blobs.exists(key), blobs.list())
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(outcome, StoreUnavailable)


class SharedBlobsTests:
    """Many handles, in this process or in others, see the same blobs."""

    async def test_blobs_survive(self, open_blobs: OpenBlobs) -> None:
        """What was put is there when the blob store is opened again."""
        blobs = await open_blobs()
        key = await blobs.put(b"kept")
        await blobs.close()
        again = await open_blobs()
        assert await again.get(key) == b"kept"
        assert await again.put(b"kept") == key
        await again.close()

    async def test_handles_put_at_once(self, open_blobs: OpenBlobs) -> None:
        """Handles that put the same bytes at the same time all succeed, and see each other's."""
        handles = [await open_blobs() for _ in range(4)]
        contents = [b"%d" % number for number in range(20)]
        keys = await asyncio.gather(*(put_all(blobs, contents) for blobs in handles))
        for blobs in handles:
            assert await all_keys(blobs, 100) == sorted(keys[0])
            assert [await blobs.get(key) for key in keys[0]] == contents
            await blobs.close()


class BesideTheLogTests:
    """The blobs of a store outlive its handle as the log does."""

    async def test_blobs_are_there_when_the_store_is_opened_again(
        self, open_store: OpenStore
    ) -> None:
        """What was put beside the log through one handle is got through the next."""
        async with opened(open_store) as store:
            key = await store.blobs.put(b"kept")
        async with opened(open_store) as store, opened(open_store) as other:
            assert await store.blobs.get(key) == b"kept"
            later = await store.blobs.put(b"later")
            assert await other.blobs.get(later) == b"later"
            keys = await asyncio.gather(*(each.blobs.put(b"once") for each in (store, other)))
            assert len(set(keys)) == 1
