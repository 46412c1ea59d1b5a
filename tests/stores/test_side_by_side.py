"""All stores side by side: nobody can tell by any answer which one it came from."""

from itertools import count
from pathlib import Path

import pytest

from eventflow.store.contract import DueJob
from eventflow.store.memory import MemoryStore
from eventflow.testing.conformance import assert_side_by_side
from eventflow.testing.conformance.play import Play
from eventflow.testing.conformance.script import Append, Due, Write
from eventflow.testing.conformance.support import NewPlace, OpenStore
from eventflow_sqlite import connect


def sqlite_places(folder: Path) -> NewPlace:
    """Name another file at each call."""
    numbers = count()

    def place() -> OpenStore:
        url = f"sqlite:///{folder}/{next(numbers)}.db?synchronous=NORMAL"
        return lambda: connect(url)

    return place


@pytest.mark.postgres
def test_the_stores_agree_step_by_step(tmp_path: Path, postgres_places: NewPlace) -> None:
    """Memory, SQLite and PostgreSQL answer alike, through handles that come and go."""
    assert_side_by_side({"sqlite": sqlite_places(tmp_path), "postgresql": postgres_places})


async def test_a_store_that_disagrees_is_named() -> None:
    """The error says which store it was."""

    class Idle(MemoryStore):
        async def due(self, *_: object, **__: object) -> list[DueJob]:
            return []

    play = Play(MemoryStore(), {"fine": MemoryStore(), "idle": Idle()})
    await play.step(Append((Write("run-1", 0, None),)))
    with pytest.raises(AssertionError, match="idle does not agree with the model"):
        await play.step(Due(0, None, 5))
