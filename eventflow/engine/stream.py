"""The runs that this process knows, each as of some version; what they hold is bounded."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from weakref import WeakValueDictionary

from eventflow.core.state import RunState, evolve
from eventflow.errors import HistoryAltered
from eventflow.store.chain import GENESIS
from eventflow.store.contract import StoredEvent
from eventflow.store.envelope import Envelope, open_envelope
from eventflow.store.telling import Lock

OVERHEAD = 4_096
"""Bytes that a run holds in memory beside what is in its events, roughly."""


class Stream:
    """One run as this process last saw it.

    Attributes:
        run_id: The run.
        lock: Held while something is decided and appended.
        state: The run as of the last event that was seen; None if none was.
        head: The hash of that event.
        stale: Whether an append with an unknown outcome may have changed the run since.
        epoch: The journal's epoch when it was seen.
        weight: The bytes of all events that were seen, and of what a run holds beside them.
        counted: The weight that `Streams` has counted.
    """

    __slots__ = (
        "__weakref__",
        "counted",
        "epoch",
        "head",
        "lock",
        "run_id",
        "stale",
        "state",
        "weight",
    )

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.lock = Lock()
        self.state: RunState | None = None
        self.head = GENESIS
        self.stale = True
        self.epoch = 0
        self.weight = OVERHEAD
        self.counted = 0

    @property
    def version(self) -> int:
        """The version as of which the run is known."""
        return self.state.version if self.state is not None else 0

    def advance(self, state: RunState, events: Sequence[StoredEvent]) -> None:
        """Move on to a state that this process made itself, by appending these events."""
        self.state, self.head, self.stale = state, events[-1].hash, False
        self.weight += sum(len(event.data) for event in events)

    def forget(self) -> None:
        """Know nothing of the run any more, since the store went back behind what was known."""
        self.state, self.head, self.stale = None, GENESIS, True
        self.weight = OVERHEAD

    def fold(self, events: Iterable[StoredEvent]) -> list[Envelope]:
        """Fold what was read from the store, and give back what was new.

        Raises:
            HistoryAltered: The events cannot be those of one run.
        """
        new: list[Envelope] = []
        for stored in events:
            if stored.version <= self.version:
                continue
            self._refuse_gap(stored)
            new.append(self._fold_one(stored))
        return new

    def _refuse_gap(self, stored: StoredEvent) -> None:
        if stored.version != self.version + 1:
            raise HistoryAltered(
                self.run_id, self.version + 1, f"the store gave version {stored.version} instead"
            )

    def _fold_one(self, stored: StoredEvent) -> Envelope:
        envelope = open_envelope(stored)
        try:
            self.state = evolve(self.state, envelope)
        except (ValueError, KeyError) as error:
            raise HistoryAltered(self.run_id, stored.version, str(error)) from error
        self.head = stored.hash
        self.weight += len(stored.data)
        return envelope


class Streams:
    """The streams that were used last, and all that are in use: a run never has two at once.

    Args:
        capacity: The weight of the streams that are kept although nobody uses them.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._weight = 0
        self._in_use: WeakValueDictionary[str, Stream] = WeakValueDictionary()
        self._last_used: OrderedDict[str, Stream] = OrderedDict()

    def find(self, run_id: str) -> Stream | None:
        """Give the stream of a run, if it is remembered."""
        return self._in_use.get(run_id)

    def get(self, run_id: str) -> Stream:
        """Give the stream of a run, unknown at first."""
        stream = self._in_use.get(run_id)
        if stream is None:
            stream = self._in_use[run_id] = Stream(run_id)
        self.release(stream)
        self._last_used[run_id] = stream
        stream.counted = stream.weight
        self._weight += stream.weight
        while self._weight > self._capacity and len(self._last_used) > 1:
            _, oldest = self._last_used.popitem(last=False)
            self._weight -= oldest.counted
        return stream

    def release(self, stream: Stream) -> None:
        """Keep a stream no longer than it is in use, as when its run has ended."""
        if self._last_used.pop(stream.run_id, None) is not None:
            self._weight -= stream.counted
