"""The blobs of the store in memory: the model of all blob stores, which never outlives them."""

from bisect import bisect_right, insort
from collections.abc import Sequence

from eventflow.errors import BlobNotFound, StoreUnavailable
from eventflow.store.blobs import checked, key_of


class MemoryBlobs:
    """The contract of a blob store, kept in a dict."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}
        self._keys: list[str] = []
        self._closed = False

    async def put(self, data: bytes) -> str:
        """Keep bytes and give their key."""
        self._refuse_closed()
        key = key_of(data)
        if key not in self._data:
            self._data[key] = bytes(data)
            insort(self._keys, key)
        return key

    async def get(self, key: str) -> bytes:
        """Give the bytes of a blob, which were compared with the key."""
        self._refuse_closed()
        if key not in self._data:
            raise BlobNotFound(key, "The store in memory")
        return checked(key, self._data[key])

    async def exists(self, key: str) -> bool:
        """Tell whether there is such a blob."""
        self._refuse_closed()
        return key in self._data

    async def close(self) -> None:
        """Refuse everything from now on."""
        self._closed = True

    async def list(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Sequence[str]:
        """List keys in order, one page of them."""
        self._refuse_closed()
        behind = self._keys[bisect_right(self._keys, after) :]
        return [key for key in behind if key.startswith(prefix)][:limit]

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("The store in memory was closed")
