"""Compares two logs position by position; it reads no more of them than it must."""

from collections.abc import Sequence

from eventflow.store.contract import Store, StoredEvent

PAGE = 500


class Alike:
    """Whether one log is the beginning of another one, each event at its own position.

    What was once found to be another log stays another one, since nothing of a log ever changes.

    Args:
        source: The whole log.
        target: What may be its beginning.
    """

    def __init__(self, source: Store, target: Store) -> None:
        self._source = source
        self._target = target
        self._position = 0
        self._differs = False

    async def may_take(self, events: Sequence[StoredEvent]) -> bool:
        """Tell whether the target is the source up to these events, and has no others there."""
        before = events[0].position - 1
        while self._position < before and not self._differs:
            limit = min(PAGE, before - self._position)
            ours = await self._source.read_all(self._position, limit)
            self._compare(ours, await self._target.read_all(self._position, limit), whole=True)
            self._position += limit
        if not self._differs:
            there = await self._target.read_all(before, len(events))
            self._compare(events, there, whole=False)
        return not self._differs

    def _compare(
        self, ours: Sequence[StoredEvent], theirs: Sequence[StoredEvent], *, whole: bool
    ) -> None:
        expected = ours if whole else ours[: len(theirs)]
        self._differs = [each.hash for each in expected] != [each.hash for each in theirs]
