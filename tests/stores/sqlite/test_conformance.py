"""The SQLite store keeps the contract of all stores."""

from itertools import count
from pathlib import Path

import pytest

from eventflow.testing.conformance import (
    AgreementConformance,
    SharedStoreConformance,
    StoreConformance,
)
from eventflow.testing.conformance.support import OpenStore
from eventflow_sqlite import connect


class TestSQLiteStore(StoreConformance):
    """One store on an empty file."""


class TestSharedSQLiteStore(SharedStoreConformance):
    @pytest.fixture
    def open_store(self, path: Path) -> OpenStore:
        """Open one more handle on the same file."""
        return lambda: connect(f"sqlite:///{path}")


class TestSQLiteStoreAgrees(AgreementConformance):
    @pytest.fixture
    def open_empty(self, tmp_path: Path) -> OpenStore:
        """Open another file at each call."""
        numbers = count()
        return lambda: connect(f"sqlite:///{tmp_path}/{next(numbers)}.db?synchronous=NORMAL")
