"""The suite that proves that a store keeps the contract; it knows nothing of any store.

It needs pytest, pytest-asyncio and Hypothesis. For a store of your own that keeps its data, write a
class with one fixture, and pytest does the rest:

<!--- skip: next -->
```python
from itertools import count

import pytest

from eventflow.testing.conformance import DurableStoreConformance

class TestMyStore(DurableStoreConformance):
    @pytest.fixture
    def new_place(self, tmp_path):
        numbers = count()

        def place():
            url = f"mine:///{tmp_path}/{next(numbers)}"
            return lambda: connect(url)

        return place
```

A store that forgets everything when it is closed takes `StoreConformance` and
`AgreementConformance`, each with a fixture of its own.
"""

from collections.abc import AsyncIterator
from inspect import iscoroutinefunction

import pytest
import pytest_asyncio

from eventflow.store.blobs import BlobStore
from eventflow.store.contract import Store

for module in (
    "agreement",
    "appending",
    "blobs",
    "crashes",
    "jobs",
    "listing",
    "machine",
    "play",
    "reading",
    "scenarios",
    "sharing",
    "support",
    "waiting",
):
    pytest.register_assert_rewrite(f"{__name__}.{module}")

from eventflow.testing.conformance.agreement import (  # noqa: E402 - asserts are rewritten on import
    AgreementConformance,
    assert_agree,
)
from eventflow.testing.conformance.appending import (  # noqa: E402
    BatchTests,
    ConcurrencyTests,
    IdempotencyKeyTests,
    RepetitionTests,
    VerdictTests,
)
from eventflow.testing.conformance.blobs import (  # noqa: E402
    BesideTheLogTests,
    BlobListTests,
    BlobTests,
    ClosedBlobsTests,
    SharedBlobsTests,
)
from eventflow.testing.conformance.crashes import CrashTests  # noqa: E402
from eventflow.testing.conformance.jobs import (  # noqa: E402
    DueFilterTests,
    DueOrderTests,
    DueTests,
    RenewTests,
)
from eventflow.testing.conformance.listing import (  # noqa: E402
    MetadataTests,
    PageTests,
    ProjectionTests,
    QueryTests,
)
from eventflow.testing.conformance.machine import (  # noqa: E402
    SideBySideConformance,
    assert_side_by_side,
)
from eventflow.testing.conformance.reading import (  # noqa: E402
    ReadAllTests,
    ReadTests,
    RoundTripTests,
)
from eventflow.testing.conformance.scenarios import ScenarioTests  # noqa: E402
from eventflow.testing.conformance.script import scripts  # noqa: E402
from eventflow.testing.conformance.sharing import ManyHandlesTests, ReopeningTests  # noqa: E402
from eventflow.testing.conformance.support import NewPlace, OpenStore, opened  # noqa: E402
from eventflow.testing.conformance.waiting import CloseTests, NowTests, WaitTests  # noqa: E402

__all__ = [
    "AgreementConformance",
    "BlobConformance",
    "DurableStoreConformance",
    "SharedBlobConformance",
    "SharedStoreConformance",
    "SideBySideConformance",
    "StoreConformance",
    "assert_agree",
    "assert_side_by_side",
    "scripts",
]


class StoreConformance(
    VerdictTests,
    BatchTests,
    RepetitionTests,
    IdempotencyKeyTests,
    ConcurrencyTests,
    RoundTripTests,
    ReadTests,
    ReadAllTests,
    DueTests,
    DueOrderTests,
    DueFilterTests,
    RenewTests,
    ProjectionTests,
    QueryTests,
    MetadataTests,
    PageTests,
    WaitTests,
    NowTests,
    CloseTests,
    BlobTests,
    BlobListTests,
    ScenarioTests,
    CrashTests,
):
    """What holds for every store, and for the blobs beside it.

    A subclass gives the fixture `store`: open and empty, and closed by the fixture afterwards.
    """

    @pytest.fixture
    def blobs(self, store: Store) -> BlobStore:
        """Give the blobs beside the log."""
        return store.blobs


class SharedStoreConformance(ReopeningTests, ManyHandlesTests, BesideTheLogTests):
    """What holds for every store whose data outlive it, and that many processes may open.

    A subclass gives the fixture `open_store`: an async function without arguments that opens one
    more handle on the same data, which are empty when a test begins. The tests close each handle.
    """


class DurableStoreConformance(
    StoreConformance, SharedStoreConformance, AgreementConformance, SideBySideConformance
):
    """All that holds for a store whose data outlive it, and that many processes may open.

    A subclass gives the fixture `new_place`: a function without arguments that names a new, empty
    place at each call. What it gives is an async function without arguments that opens one more
    handle on that place. The tests close each handle.
    """

    @pytest.fixture
    def open_store(self, new_place: NewPlace) -> OpenStore:
        """Open one more handle on one place."""
        return new_place()

    @pytest.fixture
    def open_empty(self, new_place: NewPlace) -> OpenStore:
        """Open a store without data at each call."""

        async def open_one() -> Store:
            return await new_place()()

        return open_one

    @pytest_asyncio.fixture
    async def store(self, open_store: OpenStore) -> AsyncIterator[Store]:
        """Give an empty store."""
        async with opened(open_store) as store:
            yield store


class BlobConformance(BlobTests, BlobListTests, ClosedBlobsTests):
    """What holds for every blob store that stands for itself.

    A subclass gives the fixture `blobs`: open and empty, and closed by the fixture afterwards.
    """


class SharedBlobConformance(SharedBlobsTests):
    """What holds for every blob store that stands for itself and that many processes may open.

    A subclass gives the fixture `open_blobs`: an async function without arguments that opens one
    more handle on the same blobs, of which there are none when a test begins.
    """


def _run_in_a_loop(*suites: type) -> None:
    """Let pytest-asyncio run the tests that are coroutines, whatever mode it is in."""
    for part in {part for suite in suites for part in suite.__mro__}:
        for name, test in vars(part).items():
            if name.startswith("test_") and iscoroutinefunction(test):
                pytest.mark.asyncio(test)


_run_in_a_loop(DurableStoreConformance, BlobConformance, SharedBlobConformance)
