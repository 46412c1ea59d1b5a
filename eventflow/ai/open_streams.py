"""Streams that somebody may have stopped reading; closing their helper records them all."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Self
from weakref import ref


class Pieces:
    """The pieces of one text, each given once.

    One that nobody holds any more is given up by Python itself, which closes its generator.
    """

    __slots__ = ("__weakref__", "_pieces")

    def __init__(self, pieces: AsyncGenerator[str]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> Self:
        """Give the pieces that have not been given yet."""
        return self

    async def __anext__(self) -> str:
        """Wait for the next piece."""
        return await anext(self._pieces)

    async def __aenter__(self) -> Self:
        """Begin a block that gives the stream up when it is left."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give up what has not come yet."""
        await self.aclose()

    async def aclose(self) -> None:
        """Give up what has not come yet, and record what was used."""
        await self._pieces.aclose()


class OpenStreams:
    """The streams of a helper that have begun and are not recorded yet."""

    def __init__(self) -> None:
        self._ended: dict[asyncio.Future[None], ref[Pieces] | None] = {}

    def open(self, make: Callable[[], AsyncGenerator[str]]) -> Pieces:
        """Make a stream, which counts as open from its first piece on."""
        holder: list[ref[Pieces]] = []
        pieces = Pieces(self._watched(make, holder))
        holder.append(ref(pieces))
        return pieces

    async def aclose(self) -> None:
        """Close what is open, and wait for what is being closed; leave what is just being read."""
        for ended, held in list(self._ended.items()):
            pieces = held() if held is not None else None
            if pieces is None:
                await asyncio.wait({ended})
                continue
            try:
                await pieces.aclose()
            except RuntimeError:  # another task reads it at this moment, and will record it
                continue

    async def _watched(
        self, make: Callable[[], AsyncGenerator[str]], holder: list[ref[Pieces]]
    ) -> AsyncGenerator[str]:
        ended = asyncio.get_running_loop().create_future()
        self._ended[ended] = holder[0]
        inner = make()
        try:
            async for piece in inner:
                yield piece
        finally:
            try:
                await inner.aclose()
            finally:
                del self._ended[ended]
                ended.set_result(None)
