"""Handlers that remember what they were given, and processes that die."""

from collections import Counter
from typing import Any

from eventflow.errors import StoreUnavailable
from eventflow.store.contract import Store
from eventflow.store.envelope import Envelope
from eventflow.testing.clock import ManualClock


class Inbox:
    """A handler that remembers what it was given.

    Attributes:
        seen: What it was called with.
        fails: It fails for events of these types, so often; -1 is for ever.
        takes: So many seconds of virtual time each call takes.
        begun: How often it was called, by position, also in vain.
    """

    def __init__(
        self, clock: ManualClock, takes: float = 0.0, fails: dict[str, int] | None = None
    ) -> None:
        self.clock = clock
        self.takes = takes
        self.fails = fails or {}
        self.seen: list[Envelope] = []
        self.begun: Counter[int] = Counter()
        self.times: list[float] = []
        self._start = clock.now()

    async def __call__(self, envelope: Envelope) -> None:
        """Take one event, or fail."""
        self.begun[envelope.position] += 1
        self.times.append((self.clock.now() - self._start).total_seconds())
        if self.takes:
            await self.clock.sleep(self.takes)
        if self.fails.get(envelope.type, 0):
            self.fails[envelope.type] -= 1
            raise OSError(f"no answer to {envelope.type}")
        self.seen.append(envelope)

    @property
    def positions(self) -> list[int]:
        """The positions in the order in which they came."""
        return [envelope.position for envelope in self.seen]

    @property
    def types(self) -> list[str]:
        """The types in the order in which they came."""
        return [envelope.type for envelope in self.seen]


class Cable:
    """A store at the end of a cable; when it is cut, who is at the other end is as good as dead.

    Attributes:
        cut: Whether it is cut.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.cut = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - that of the store
        found = getattr(self._store, name)
        return self._away if self.cut and name != "close" else found

    async def _away(self, *_: object, **__: object) -> None:
        raise StoreUnavailable("the cable is cut")
