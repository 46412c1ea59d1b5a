"""Where the benchmarks measure: fresh stores of one kind, which go away when all is done.

A PostgreSQL of their own is started as the tests do it, with fsync on.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager

import asyncpg

from tests.postgres_server import binaries, running_server, with_parameters


def available() -> list[str]:
    """Name the kinds of stores that this machine has."""
    return ["memory", "sqlite", *(["postgres"] if binaries() else [])]


class Urls:
    """Fresh stores of one kind."""

    def __init__(self, base: str, directory: str) -> None:
        self._base = base
        self._directory = directory
        self._count = 0

    def fresh(self) -> str:
        """Give the URL of an empty store."""
        self._count += 1
        if self._base == "sqlite":
            return f"sqlite:///{self._directory}/{self._count}.db"
        if self._base.startswith("postgres"):
            return with_parameters(self._base, schema=self._schema(self._count))
        return "memory://"

    @property
    def shared(self) -> bool:
        """Whether several processes can open one store of this kind."""
        return self._base != "memory"

    async def drop(self) -> None:
        """Remove what a server would keep."""
        if self._base.startswith("postgres"):
            schemas = [self._schema(number + 1) for number in range(self._count)]
            await execute(self._base, (f'DROP SCHEMA IF EXISTS "{s}" CASCADE' for s in schemas))

    async def settle(self) -> None:
        """Let a server do now what it would do in the background after a bulk load."""
        if self._base.startswith("postgres"):
            await execute(self._base, ["VACUUM ANALYZE", "CHECKPOINT"])

    def _schema(self, number: int) -> str:
        return f"eventflow_bench_{os.getpid()}_{number}"


async def execute(url: str, statements: Iterable[str]) -> None:
    """Execute statements on a PostgreSQL, one by one."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def fresh_urls(kind: str) -> AsyncIterator[Urls]:
    """Give stores of a kind: `memory`, `sqlite`, `postgres`, or on a server that a URL names."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        base = kind
        if kind == "postgres":
            base = stack.enter_context(running_server(fsync=True)).url()
        urls = Urls(base, directory)
        yield urls
        await urls.drop()


def load() -> str:
    """Tell how busy the machine is: figures of a busy one are too low."""
    one, five, _ = os.getloadavg()
    return f"load average {one:.1f} (1 min), {five:.1f} (5 min), on {os.cpu_count()} processors"
