"""The PostgreSQL store keeps the contract of all stores."""

from collections.abc import AsyncIterator

import pytest

from eventflow.store.contract import Store
from eventflow.testing.conformance import DurableStoreConformance, StoreConformance
from eventflow.testing.conformance.support import NewPlace
from eventflow_postgres import connect
from tests.postgres_server import with_parameters


class TestPostgresStore(DurableStoreConformance):
    @pytest.fixture
    def new_place(self, postgres_places: NewPlace) -> NewPlace:
        """Name another schema at each call."""
        return postgres_places


@pytest.mark.deep
class TestPostgresStoreBehindAPooler(StoreConformance):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[Store]:
        """Give an empty store that keeps no session and listens to nothing."""
        store: Store = await connect(with_parameters(postgres_url, statement_cache_size="0"))
        yield store
        await store.close()
