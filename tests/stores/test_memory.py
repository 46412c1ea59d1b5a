"""The memory store keeps the contract; the suite that says so is whole."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from eventflow.store.contract import Store
from eventflow.store.memory import MemoryStore, connect
from eventflow.testing.builders import Author
from eventflow.testing.conformance import (
    AgreementConformance,
    DurableStoreConformance,
    StoreConformance,
)
from eventflow.testing.conformance.support import OpenStore, append


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    async def store(self) -> AsyncIterator[Store]:
        """Give an empty store."""
        store = MemoryStore()
        yield store
        await store.close()


class TestMemoryStoreAgrees(AgreementConformance):
    @pytest.fixture
    def open_empty(self) -> OpenStore:
        """Open a store without data at each call."""
        return lambda: connect("memory://")


async def test_each_memory_store_is_private() -> None:
    """Opening `memory://` twice gives two logs."""
    one, other = await connect("memory://"), await connect("memory:///")
    await append(one, Author().create())
    assert await other.read_all(0, 10) == []


async def test_a_memory_store_takes_no_name() -> None:
    """A name would promise that somebody else can open the same store."""
    with pytest.raises(ValueError, match="write memory://"):
        await connect("memory://shared")


async def test_the_time_of_a_memory_store_can_be_given() -> None:
    """A clock that is handed in replaces the wall's."""
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    assert await MemoryStore(now=lambda: moment).now() == moment


@pytest.mark.parametrize("suite", [StoreConformance, DurableStoreConformance])
def test_no_test_of_the_suite_hides_another(suite: type) -> None:
    """Each test that a suite puts together has a name of its own."""
    names = Counter(
        name for part in suite.__mro__ for name in vars(part) if name.startswith("test_")
    )
    assert names
    assert [name for name, count in names.items() if count > 1] == []
