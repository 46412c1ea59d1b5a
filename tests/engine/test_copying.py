"""Whatever a log holds, its copy holds the same, also when it was made in two parts."""

import asyncio
from collections.abc import Sequence
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from eventflow.engine.copying import copy_history
from eventflow.store.contract import RunQuery, StoredEvent
from eventflow.store.memory import MemoryStore
from eventflow.testing.conformance.agreement import assert_agree
from eventflow.testing.conformance.script import Append, Clash, Step, scripts


class Shortened:
    """A store whose log ends earlier."""

    def __init__(self, store: MemoryStore, end: int) -> None:
        self._store = store
        self._end = end

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of a store
        return getattr(self._store, name)

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read what is left of the log."""
        return await self._store.read_all(after, min(limit, max(0, self._end - after)))


def sound(script: Sequence[Step]) -> list[Step]:
    """Leave out appends whose hashes are made up."""
    return [
        evolve(step, parts=tuple(part for part in step.parts if not isinstance(part, Clash)))
        if isinstance(step, Append)
        else step
        for step in script
    ]


@given(scripts(), st.integers(0, 40), st.integers(1, 10), st.integers(1, 3))
def test_a_copy_is_equal(script: Sequence[Step], end: int, batch: int, capacity: int) -> None:
    """Log and rows of the copy are those of the source, renewed due times among them."""

    async def play_and_copy() -> None:
        source, target = MemoryStore(), MemoryStore()
        await assert_agree(MemoryStore(), source, sound(script))
        shortened: Any = Shortened(source, end)
        await copy_history(shortened, target, batch=batch, capacity=capacity)
        await copy_history(source, target, batch=batch, capacity=capacity)
        assert await target.read_all(0, 10_000) == await source.read_all(0, 10_000)
        everything = RunQuery(limit=100)
        assert await target.runs(everything) == await source.runs(everything)

    asyncio.run(play_and_copy())
