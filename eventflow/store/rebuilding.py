"""The promise of a store whose rows can be computed anew from its log; the log is only read.

It is apart from the contract of a store, since nobody needs it but who repairs one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from attrs import field

from eventflow.core.frozen import frozen
from eventflow.core.projection import JobRow
from eventflow.store.contract import Operation, StoredEvent


@frozen
class Rebuilt:
    """A whole run, with the rows that follow from it.

    Attributes:
        operation: All its events, with their positions, and all its rows, as if the run had been
            appended at once.
        keys: The idempotency keys that its operations have used, with the ids of those.
    """

    operation: Operation
    keys: Mapping[str, str] = field(factory=dict)


Derive: TypeAlias = Callable[[Sequence[StoredEvent], Mapping[str, JobRow]], Rebuilt]
"""Computes the rows of a run from all its events, and from the rows that it had of claimed jobs,
by stage. It is pure, and is called in whichever thread suits the store."""


@runtime_checkable
class Rebuilds(Protocol):
    """A store that can drop all rows that are derived, and compute them from the log again."""

    async def rebuild(self, derive: Derive, progress: Callable[[int], object]) -> int:
        """Put derived rows in the place of all that there are, in one transaction; count the runs.

        Nobody can append meanwhile; reading goes on, on the old rows. Killed at any point, it has
        changed nothing.

        Args:
            derive: Computes the rows of a run; what it raises ends the call, and changes nothing.
            progress: Is told every now and then how many events were read.

        Raises:
            StoreUnavailable: The store is away, or whoever asks lacks the right.
        """
        ...
