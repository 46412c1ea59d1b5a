"""A store whose blobs are kept elsewhere; of the log it changes nothing."""

from eventflow.store.blobs import BlobStore
from eventflow.store.contract import Store


class WithBlobs:
    """A store as it is, except for its blobs.

    Args:
        store: The store.
        blobs: What takes the place of its blobs; it is closed by who opened it.
    """

    def __init__(self, store: Store, blobs: BlobStore) -> None:
        self.blobs = blobs
        self.append = store.append
        self.read = store.read
        self.read_all = store.read_all
        self.due = store.due
        self.renew = store.renew
        self.runs = store.runs
        self.wait = store.wait
        self.now = store.now
        self.close = store.close
