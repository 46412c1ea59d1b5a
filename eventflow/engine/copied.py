"""The runs of a copy under way, each as far as the source was read; it never writes."""

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence

from attrs import evolve

from eventflow.core.projection import changes
from eventflow.engine.keys import key_of_event
from eventflow.engine.stream import Stream
from eventflow.errors import CannotCopy
from eventflow.store.chain import GENESIS, verify_next
from eventflow.store.contract import Operation, Store, StoredEvent


class CopiedRun:
    """One run as of the last event of the source that was looked at.

    It is folded only when something of it must be appended.

    Args:
        run_id: The run.
        history: All that the target has of it.
        version: The version behind which the source goes on.
    """

    __slots__ = ("_ahead", "_head", "_run_id", "_stream", "_unfolded", "_version")

    def __init__(self, run_id: str, history: Sequence[StoredEvent], version: int) -> None:
        self._run_id = run_id
        self._version = version
        self._head = history[version - 1].hash if version else GENESIS
        self._ahead = deque(event.hash for event in history[version:])
        self._unfolded = list(history[:version])
        self._stream = Stream(run_id)

    def take(self, events: Sequence[StoredEvent]) -> Operation | None:
        """Go on by one operation of the source; give what the target lacks of it, if anything.

        Raises:
            CannotCopy: The target has another event in the place of one of these.
            HistoryAltered: An event does not fit.
        """
        missing = [event for event in events if not self._is_present(event)]
        self._unfolded += events[: len(events) - len(missing)]
        return self._operation(missing) if missing else None

    def _is_present(self, event: StoredEvent) -> bool:
        """Verify the next event of the source, and tell whether the target has it."""
        verify_next(event, self._run_id, self._version + 1, self._head)
        self._version, self._head = event.version, event.hash
        if not self._ahead:
            return False
        if self._ahead.popleft() != event.hash:
            raise another_history(self._run_id, event.version)
        return True

    def _operation(self, events: Sequence[StoredEvent]) -> Operation:
        """Build the operation as it was when it was appended to the source."""
        stream = self._stream
        stream.fold(self._unfolded)
        self._unfolded.clear()
        before = stream.state
        keys = [key_of_event(each.event, each.run_id) for each in stream.fold(events)]
        if stream.state is None:
            raise AssertionError("an operation has events")
        return Operation(
            op_id=events[0].op_id,
            run_id=self._run_id,
            expected=events[0].version - 1,
            events=tuple(evolve(event, position=0) for event in events),
            changes=changes(before, stream.state),
            idempotency_key=next((key for key in keys if key is not None), None),
        )


class CopiedRuns:
    """The runs that were met last; others are read from the target when they are met again.

    Args:
        target: The store that is copied to.
        begun: Whether the target has the beginnings of runs that this copy has never met.
        capacity: How many runs to remember.
    """

    def __init__(self, target: Store, *, begun: bool, capacity: int) -> None:
        self._target = target
        self._begun = begun
        self._capacity = capacity
        self._runs: OrderedDict[str, CopiedRun] = OrderedDict()

    async def meet(self, firsts: Mapping[str, int]) -> Mapping[str, CopiedRun]:
        """Give the runs of some events, by the version of the first event of each."""
        histories: dict[str, list[StoredEvent]]
        histories = {run_id: [] for run_id in firsts if run_id not in self._runs}
        if histories:
            for event in await self._target.read(list(histories)):
                histories[event.run_id].append(event)
        for run_id, history in histories.items():
            self._runs[run_id] = self._begin(run_id, history, firsts[run_id] - 1)
        for run_id in firsts:
            self._runs.move_to_end(run_id)
        return self._runs

    def forget_oldest(self) -> None:
        """Remember no more runs than there is room for."""
        while len(self._runs) > self._capacity:
            self._runs.popitem(last=False)

    def _begin(self, run_id: str, history: Sequence[StoredEvent], version: int) -> CopiedRun:
        if len(history) < version and self._begun:
            raise CannotCopy(
                run_id,
                len(history) + 1,
                f"the target lacks its events before version {version + 1}; "
                "copy from the first position on",
            )
        return CopiedRun(run_id, history, min(version, len(history)))


def another_history(run_id: str, version: int) -> CannotCopy:
    """Say that a run is not the same in both stores."""
    return CannotCopy(
        run_id,
        version,
        f"from version {version} on, the target has another history of it, and nothing there is "
        "ever overwritten; copy to an empty store, or let the run go on in one store only",
    )
