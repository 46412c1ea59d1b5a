"""Keeps large values outside of the events, and gives them back where user code meets them.

An event holds a value, or a reference to it. A value is stored before the event that refers to it,
so no event ever refers to what is not there.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias, TypeVar

import msgspec

from eventflow.core.frozen import frozen
from eventflow.core.references import BLOB, Reference, as_reference, references_in
from eventflow.core.values import JSON
from eventflow.errors import InvalidData
from eventflow.store.blobs import BlobStore

T = TypeVar("T")

INLINE_LIMIT = 64 * 1024
"""Bytes of JSON up to which a value stays in its event, unless another number is given."""

Contents: TypeAlias = Mapping[str, JSON]
"""What blobs hold, by their keys."""

_SIGN = f'"{BLOB}"'.encode()
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


@frozen
class Values:
    """The blobs of a runtime, and which values belong there.

    Attributes:
        blobs: Where large values are kept.
        limit: The most bytes of JSON that stay in an event.
    """

    blobs: BlobStore
    limit: int = INLINE_LIMIT

    def outside(self, value: JSON, sharers: int = 1) -> bytes | None:
        """Give the JSON of a value that belongs into a blob; None for one that stays.

        A value that holds what looks like a reference belongs there as well, so that nobody takes
        it for one. What cannot be written is left to the event, which says why.

        Args:
            value: The value.
            sharers: With how many others it shares the limit, itself included.
        """
        try:
            data = _encoder.encode(value)
        except (TypeError, ValueError, RecursionError):
            return None
        if len(data) > self.limit // sharers or (_SIGN in data and any(references_in(value))):
            return data
        return None

    async def keep(self, data: bytes) -> JSON:
        """Store the JSON of a value, and give the reference to it; then it is durable.

        Raises:
            InvalidData: It could not be read again, or is too large for any blob.
        """
        _decoded(data)
        return Reference(await self.blobs.put(data), len(data)).as_json()

    async def stored(self, value: JSON) -> JSON:
        """Give a value as an event holds it: itself, or the reference to what was stored.

        Raises:
            InvalidData: As `keep`.
        """
        data = self.outside(value)
        return value if data is None else await self.keep(data)

    async def read(self, references: Iterable[Reference]) -> Contents:
        """Read what references stand for.

        Raises:
            BlobNotFound: A blob is not there.
            BlobAltered: A blob is not what was stored.
        """
        return {each.key: _decoded(await self.blobs.get(each.key)) for each in references}

    async def loaded(self, value: JSON) -> JSON:
        """Give a value of an event or a state with everything in its place.

        Raises:
            BlobNotFound, BlobAltered: As `read`.
        """
        return placed(value, await self.read(references_in(value)))


class Kept:
    """The large values of one decision, which is made again when they are stored.

    A decision cannot wait, and what it checks is stored only when it was found to be right.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        self._references: dict[bytes, JSON] = {}

    def __call__(self, value: JSON) -> JSON:
        """Give a value as an event holds it, within a decision.

        Raises:
            NotStored: It must be stored first.
        """
        data = self._values.outside(value)
        if data is None:
            return value
        if data not in self._references:
            raise NotStored(data)
        return self._references[data]

    async def decided(self, decide: Callable[[], Awaitable[T]]) -> T:
        """Decide, and store what that needs, until nothing is missing."""
        while True:
            try:
                return await decide()
            except NotStored as missing:
                self._references[missing.data] = await self._values.keep(missing.data)


class NotStored(Exception):
    """A decision needs a large value that was not stored yet.

    Attributes:
        data: Its JSON.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(f"{len(data)} bytes must be stored first")
        self.data = data


def held_outside(values: Iterable[JSON]) -> list[Reference]:
    """List the references among values that are references as a whole, or none."""
    return [found for value in values if (found := as_reference(value)) is not None]


def placed(value: JSON, contents: Contents) -> JSON:
    """Put what was read in the place of the references to it, which are left where nothing was.

    What was read is not looked into: it may hold what only looks like a reference.
    """
    if not contents:
        return value
    found = as_reference(value)
    if found is not None:
        return contents.get(found.key, value)
    if isinstance(value, dict):
        return {name: placed(each, contents) for name, each in value.items()}
    if isinstance(value, list):
        return [placed(each, contents) for each in value]
    return value


def _decoded(data: bytes) -> JSON:
    try:
        value: JSON = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidData(f"A value cannot be read back from its JSON: {error}") from None
    return value
