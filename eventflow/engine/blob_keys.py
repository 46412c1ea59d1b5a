"""Which blobs stored events refer to; what cannot refer to one is not even decoded."""

from collections.abc import Sequence

from eventflow.core.references import references
from eventflow.store.contract import StoredEvent
from eventflow.store.envelope import open_envelope

_SIGN = b"sha256:"
_ESCAPE = b"\\u"


def blob_keys(event: StoredEvent) -> Sequence[str]:
    """List the keys of the blobs that an event needs.

    A key stands in JSON as it is, unless something wrote it with escapes, which eventflow never
    does and a forger may.

    Raises:
        HistoryAltered: The data cannot be read.
    """
    if _SIGN not in event.data and _ESCAPE not in event.data:
        return ()
    return [reference.key for reference in references(open_envelope(event).event)]
