"""The suite that proves that a store keeps the contract; it knows nothing of any store.

It needs pytest, pytest-asyncio and Hypothesis. For a store of your own, write a class with a
fixture, and pytest does the rest:

<!--- skip: next -->
```python
import pytest

from eventflow.testing.conformance import StoreConformance

class TestMyStore(StoreConformance):
    @pytest.fixture
    async def store(self):
        store = await connect("mine://")
        yield store
        await store.close()
```
"""

import pytest

from eventflow.store.blobs import BlobStore
from eventflow.store.contract import Store

for module in (
    "agreement",
    "appending",
    "blobs",
    "jobs",
    "listing",
    "reading",
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
from eventflow.testing.conformance.reading import (  # noqa: E402
    ReadAllTests,
    ReadTests,
    RoundTripTests,
)
from eventflow.testing.conformance.script import scripts  # noqa: E402
from eventflow.testing.conformance.sharing import ManyHandlesTests, ReopeningTests  # noqa: E402
from eventflow.testing.conformance.waiting import CloseTests, NowTests, WaitTests  # noqa: E402

__all__ = [
    "AgreementConformance",
    "BlobConformance",
    "SharedBlobConformance",
    "SharedStoreConformance",
    "StoreConformance",
    "assert_agree",
    "scripts",
]


@pytest.mark.asyncio
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
):
    """What holds for every store, and for the blobs beside it.

    A subclass gives the fixture `store`: open and empty, and closed by the fixture afterwards.
    """

    @pytest.fixture
    def blobs(self, store: Store) -> BlobStore:
        """Give the blobs beside the log."""
        return store.blobs


@pytest.mark.asyncio
class SharedStoreConformance(ReopeningTests, ManyHandlesTests, BesideTheLogTests):
    """What holds for every store whose data outlive it, and that many processes may open.

    A subclass gives the fixture `open_store`: an async function without arguments that opens one
    more handle on the same data, which are empty when a test begins. The tests close each handle.
    """


@pytest.mark.asyncio
class BlobConformance(BlobTests, BlobListTests, ClosedBlobsTests):
    """What holds for every blob store that stands for itself.

    A subclass gives the fixture `blobs`: open and empty, and closed by the fixture afterwards.
    """


@pytest.mark.asyncio
class SharedBlobConformance(SharedBlobsTests):
    """What holds for every blob store that stands for itself and that many processes may open.

    A subclass gives the fixture `open_blobs`: an async function without arguments that opens one
    more handle on the same blobs, of which there are none when a test begins.
    """
