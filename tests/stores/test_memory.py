"""The memory store keeps the contract, and what is its own."""

from collections.abc import AsyncIterator

import pytest

from eventflow.store.contract import Store
from eventflow.store.memory import MemoryStore
from eventflow.testing.conformance import StoreConformance


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    async def store(self) -> AsyncIterator[Store]:
        """Give an empty store."""
        store = MemoryStore()
        yield store
        await store.close()
