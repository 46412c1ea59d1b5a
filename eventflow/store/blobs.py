"""The promise of a blob store: bytes under the hash of themselves, which are never changed.

It is the second, smaller protocol of eventflow. Every store of a log has one beside it, and
`eventflow.testing.conformance` proves that all of them behave the same.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

from eventflow.errors import BlobAltered, InvalidData

LARGEST = 256 * 1024 * 1024
"""The most bytes that a blob has, in every blob store."""


class BlobStore(Protocol):
    """Where bytes are kept that are too large for an event.

    The key of a blob is `sha256:` and the 64 hexadecimal digits of the hash of its bytes. Every
    method may raise `StoreUnavailable`, after which it can be called again. A blob store belongs
    to one event loop.
    """

    async def put(self, data: bytes) -> str:
        """Keep bytes and give their key; when this returns, they are durable.

        Putting the same bytes again changes nothing.

        Raises:
            InvalidData: There are more than `LARGEST`.
        """
        ...

    async def get(self, key: str) -> bytes:
        """Give the bytes of a blob, which were compared with the key.

        Raises:
            BlobNotFound: There is no such blob.
            BlobAltered: The bytes have another hash.
        """
        ...

    async def exists(self, key: str) -> bool:
        """Tell whether there is such a blob; its bytes are not looked at."""
        ...

    async def close(self) -> None:
        """Release what is held; what stands beside a log is closed with the log."""
        ...

    async def list(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Sequence[str]:
        """List keys in order: those that begin with `prefix` and come behind `after`.

        The last key of a page is the `after` of the next one; an empty page is the end.
        """
        ...


def key_of(data: bytes) -> str:
    """Give the key of bytes.

    Raises:
        InvalidData: There are more of them than a blob may have.
    """
    if len(data) > LARGEST:
        raise InvalidData(
            f"A blob has at most {LARGEST:,} bytes, not {len(data):,}; keep what is larger in a "
            "place of its own, and its address here"
        )
    return f"sha256:{sha256(data).hexdigest()}"


def checked(key: str, data: bytes) -> bytes:
    """Give the bytes of a blob if they are those of its key.

    Raises:
        BlobAltered: They are not.
    """
    found = f"sha256:{sha256(data).hexdigest()}"
    if found != key:
        raise BlobAltered(key, found)
    return data
