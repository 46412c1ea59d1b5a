"""The store that the engine's tests look into."""

import pytest

from tests.engine.observed import ObservedStore


@pytest.fixture
def store() -> ObservedStore:
    """An empty store in memory whose gate is open."""
    return ObservedStore()
