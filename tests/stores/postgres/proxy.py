"""A proxy on loopback that cuts connections at a chosen byte of what is asked or answered.

It can freeze as well, like a host that vanishes: it takes connections and passes nothing on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from attrs import define, field


@define
class Proxy:
    """Passes bytes on until it is told to cut.

    Attributes:
        port: Where it listens.
        cut_after: How many more bytes of answers pass before every connection is cut; None for
            all.
        cut_asked_after: The same for bytes of what the server is asked.
        cuts: How often it has cut.
    """

    upstream: int
    port: int = 0
    cut_after: int | None = None
    cut_asked_after: int | None = None
    cuts: int = 0
    _writers: set[asyncio.StreamWriter] = field(factory=set, init=False)
    _thawed: asyncio.Event = field(factory=asyncio.Event, init=False)
    _serving: set[asyncio.Task[object]] = field(factory=set, init=False)
    _closed: bool = field(default=False, init=False)

    def freeze(self) -> None:
        """Pass nothing on, and say nothing."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Pass on what was held back, and what comes."""
        self._thawed.set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until one of its ends goes away, or the proxy does."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            if not self._closed:
                await self._thawed.wait()
                await self._serve(reader, writer)
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    async def close(self) -> None:
        """Let no connection outlive the event loop."""
        self._closed = True
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        both = {writer, server_writer}
        self._writers |= both
        try:
            with contextlib.suppress(OSError):
                await asyncio.gather(
                    self._pass(reader, server_writer), self._answer(server_reader, writer)
                )
        finally:
            self._writers -= both
            server_writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._thawed.wait()
            if self.cut_asked_after is not None and len(data) > self.cut_asked_after:
                writer.write(data[: self.cut_asked_after])
                self._cut()
                break
            writer.write(data)
            await writer.drain()
            if self.cut_asked_after is not None:
                self.cut_asked_after -= len(data)
        raise ConnectionResetError

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._thawed.wait()
            if self.cut_after is not None and len(data) > self.cut_after:
                writer.write(data[: self.cut_after])
                self._cut()
                break
            writer.write(data)
            await writer.drain()
            if self.cut_after is not None:
                self.cut_after -= len(data)
        raise ConnectionResetError

    def _cut(self) -> None:
        self.cut_after = self.cut_asked_after = None
        self.cuts += 1
        for writer in self._writers:
            writer.close()


@contextlib.asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """Run a proxy to a port on loopback."""
    proxy = Proxy(port)
    proxy.thaw()
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await asyncio.sleep(0.01)  # what was accepted last is closed as well
