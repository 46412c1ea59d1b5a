"""The SQLite store keeps the contract of all stores."""

from itertools import count
from pathlib import Path

import pytest

from eventflow.testing.conformance import DurableStoreConformance
from eventflow.testing.conformance.support import NewPlace, OpenStore
from eventflow_sqlite import connect


class TestSQLiteStore(DurableStoreConformance):
    @pytest.fixture
    def new_place(self, tmp_path: Path) -> NewPlace:
        """Name another file at each call."""
        numbers = count()

        def place() -> OpenStore:
            url = f"sqlite:///{tmp_path}/{next(numbers)}.db?synchronous=NORMAL"
            return lambda: connect(url)

        return place
