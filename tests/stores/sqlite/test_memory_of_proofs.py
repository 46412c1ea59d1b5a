"""What is held in memory to export, or to prove, a store does not grow with the store."""

import tracemalloc
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from eventflow.engine.checkpoints import make_checkpoint
from eventflow.engine.exporting import export_histories
from eventflow.engine.signing import SigningKey
from eventflow.engine.walking import Walk
from eventflow.runtime.verification import verify_store
from eventflow.store.contract import RunQuery
from eventflow.testing.builders import START, Author
from eventflow_sqlite import SQLiteStore

FEW, MANY = 600, 2_400


class Nowhere:
    """Takes bytes, and keeps none."""

    def write(self, data: bytes) -> int:
        """Take some bytes."""
        return len(data)


WAYS: dict[str, Callable[[SQLiteStore], Awaitable[object]]] = {
    "export": lambda store: export_histories(store, RunQuery(), Nowhere()),
    "verify": verify_store,
    "checkpoint": lambda store: make_checkpoint(store, SigningKey.generate(), START),
}


async def peak(work: Callable[[], Awaitable[object]]) -> int:
    """Give the most memory that something takes, in bytes."""
    tracemalloc.start()
    try:
        await work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("way", WAYS)
async def test_memory_stays_the_same(
    store: SQLiteStore, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times as many runs and events take no more memory, once enough runs are remembered."""
    monkeypatch.setitem(Walk.__init__.__kwdefaults__ or {}, "capacity", 100)
    work = partial(WAYS[way], store)
    await store.append([Author().create(value="x" * 500) for _ in range(FEW)])
    await peak(work)  # what is made once, such as caches, is made now
    few = await peak(work)
    await store.append([Author().create(value="x" * 500) for _ in range(MANY - FEW)])
    assert await peak(work) < 1.5 * few
