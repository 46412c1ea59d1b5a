"""The PostgreSQL store keeps the contract of all stores."""

from collections.abc import AsyncIterator
from itertools import count

import asyncpg
import pytest

from eventflow.store.contract import Store
from eventflow.testing.conformance import (
    AgreementConformance,
    SharedStoreConformance,
    StoreConformance,
)
from eventflow.testing.conformance.support import OpenStore
from eventflow_postgres import connect
from tests.postgres_server import with_parameters
from tests.stores.postgres.build import new_id


class TestPostgresStore(StoreConformance):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[Store]:
        """Give an empty store in a schema of its own."""
        store: Store = await connect(postgres_url)
        yield store
        await store.close()


@pytest.mark.deep
class TestPostgresStoreBehindAPooler(StoreConformance):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[Store]:
        """Give an empty store that keeps no session and listens to nothing."""
        store: Store = await connect(with_parameters(postgres_url, statement_cache_size="0"))
        yield store
        await store.close()


class TestSharedPostgresStore(SharedStoreConformance):
    @pytest.fixture
    def open_store(self, postgres_url: str) -> OpenStore:
        """Open one more handle on the same schema."""
        return lambda: connect(postgres_url)


class TestPostgresStoreAgrees(AgreementConformance):
    @pytest.fixture
    async def open_empty(self, postgres: str) -> AsyncIterator[OpenStore]:
        """Open a store in another schema at each call."""
        numbers = count()
        prefix = f"agree_{new_id()[:8]}_"
        yield lambda: connect(with_parameters(postgres, schema=f"{prefix}{next(numbers)}"))
        connection = await asyncpg.connect(postgres)
        for number in range(next(numbers)):
            await connection.execute(f"DROP SCHEMA IF EXISTS {prefix}{number} CASCADE")
        await connection.close()
