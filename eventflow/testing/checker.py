"""Checks a whole log after the fact: whatever happened while it was written, its laws hold.

It reads and never writes, and knows nothing of how the log came to be. Nobody may append to the
store while it looks. In memory it keeps the state of each run, and the events of a few runs at a
time.
"""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from attrs import evolve as changed
from attrs import frozen

from eventflow.core.projection import JobRow, Projection, project
from eventflow.core.state import effective, replay
from eventflow.errors import HistoryAltered
from eventflow.store.contract import RunQuery, Store, StoredEvent
from eventflow.store.envelope import open_envelope
from eventflow.testing.trail import Finding, Trail

PAGE = 1_000
"""Events, or rows of runs, that are read at once."""

TOGETHER = 20
"""Runs whose whole histories are read at once."""

MOST_SHOWN = 20

NO_TIME = datetime.min.replace(tzinfo=UTC)


@frozen
class Acknowledged:
    """An append that the store has answered: it must be in the log, exactly once.

    Attributes:
        run_id: The run.
        version: The version of its last event, as the store has answered.
        op_id: The operation, if it is known; then the events there must be those of it.
    """

    run_id: str
    version: int
    op_id: str | None = None


@frozen
class LogReport:
    """What a check came to.

    Attributes:
        events: How many events the log has.
        runs: How many runs they belong to.
        findings: What is wrong; empty if nothing is.
    """

    events: int
    runs: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


class UnsoundLog(AssertionError):
    """A log breaks its laws.

    Attributes:
        report: What is wrong with it.
    """

    def __init__(self, report: LogReport) -> None:
        self.report = report
        shown = [f"- {finding}" for finding in report.findings[:MOST_SHOWN]]
        left = len(report.findings) - len(shown)
        rest = [f"- and {left} more"] if left else []
        size = f"{report.events} events of {report.runs} runs"
        super().__init__("\n".join([f"The log of {size} is not sound:", *shown, *rest]))


async def assert_sound(
    store: Store, *, finished: bool = True, acknowledged: Collection[Acknowledged] = ()
) -> LogReport:
    """Check a log as `check_log` does, and give the report of a sound one.

    Raises:
        UnsoundLog: With all findings.
    """
    report = await check_log(store, finished=finished, acknowledged=acknowledged)
    if not report.ok:
        raise UnsoundLog(report)
    return report


async def check_log(
    store: Store, *, finished: bool = True, acknowledged: Collection[Acknowledged] = ()
) -> LogReport:
    """Read everything that a store holds, and find whatever must never be.

    Positions and versions have no gaps; hashes chain; times never go back; each event could follow
    those before it; results carry the token of the claim that held; a stage completes once in a
    generation; attempts stay within their budget, and pause as their policy says; nothing is
    claimed before its time, and a lease is let run out; nobody waits beyond a deadline, or gives up
    before it; groups follow each other; a run fails by the stage that failed first; a signal that
    arrived is used, the oldest first; no result is recorded and discarded too; nothing follows the
    end of a run but notes and a rewind; what a rewind leaves is the fold of the effective history;
    rows are what the events say; all ways to read a run agree.

    Args:
        store: The store; nobody appends meanwhile.
        finished: Every run must have ended.
        acknowledged: Appends that must be in the log, exactly once.
    """
    log = _Log(acknowledged)
    await log.read(store)
    findings = [*log.findings, *log.unkept()]
    findings += [finding for trail in log.trails.values() for finding in trail.end()]
    findings += [finding async for finding in _rows(store, log.trails)]
    findings += [finding async for finding in _histories(store, log.trails)]
    if finished:
        findings += _alive(log.trails)
    return LogReport(log.events, len(log.trails), tuple(findings))


class _Log:
    """The global log, read once from its first position to its last."""

    def __init__(self, acknowledged: Collection[Acknowledged]) -> None:
        self.events = 0
        self.trails: dict[str, Trail] = {}
        self.findings: list[Finding] = []
        self._position = 0
        self._acknowledged = acknowledged
        self._blocks: dict[str, list[tuple[str, int]]] = {
            each.op_id: [] for each in acknowledged if each.op_id is not None
        }

    async def read(self, store: Store) -> None:
        """Follow every run, event by event."""
        read_on = True
        while read_on:
            before = self._position
            for stored in await store.read_all(before, PAGE):
                self._follow(stored)
            read_on = self._position > before

    def unkept(self) -> Iterator[Finding]:
        """Yield the acknowledged appends that the log does not hold exactly once."""
        for each in self._acknowledged:
            what = self._unkept(each)
            if what is not None:
                yield Finding(each.run_id, each.version, what)

    def _follow(self, stored: StoredEvent) -> None:
        self.events += 1
        trail = self.trails.get(stored.run_id)
        if trail is None:
            trail = self.trails[stored.run_id] = Trail(stored.run_id)
        if stored.position != self._position + 1:
            what = f"position {stored.position} follows position {self._position}"
            self.findings.append(Finding(stored.run_id, stored.version, what))
        self._position = max(self._position, stored.position)
        self.findings.extend(trail.follow(stored))
        self._mark(stored)

    def _mark(self, stored: StoredEvent) -> None:
        """Remember where the events of an acknowledged operation stand, block by block."""
        blocks = self._blocks.get(stored.op_id)
        if blocks is None:
            return
        if blocks and blocks[-1] == (stored.run_id, stored.version - 1):
            blocks.pop()
        blocks.append((stored.run_id, stored.version))

    def _unkept(self, append: Acknowledged) -> str | None:
        if append.op_id is None:
            trail = self.trails.get(append.run_id)
            missing = trail is None or trail.version < append.version
            return "it was acknowledged, and is not in the log" if missing else None
        blocks = self._blocks[append.op_id]
        if not blocks:
            return f"operation {append.op_id} was acknowledged, and is not in the log"
        if blocks != [(append.run_id, append.version)]:
            return f"operation {append.op_id} was acknowledged here, and ends at {blocks}"
        return None


async def _rows(store: Store, trails: Mapping[str, Trail]) -> AsyncIterator[Finding]:
    """Yield the runs whose rows are not what their events say."""
    missing = dict(trails)
    query: RunQuery | None = RunQuery(limit=PAGE)
    while query is not None:
        page = await store.runs(query)
        for rows in page.items:
            run_id = rows.run.run_id
            if missing.pop(run_id, None) is None:
                yield Finding(run_id, 0, "its rows are listed twice, or have no events")
            for what in _drift(rows, trails.get(run_id)):
                yield Finding(run_id, 0, what)
        query = changed(query, after=page.next) if page.next is not None else None
    for run_id in missing:
        yield Finding(run_id, 0, "it has events, and no rows")


def _drift(rows: Projection, trail: Trail | None) -> Iterator[str]:
    if trail is None or trail.state is None:
        return
    expected, found = _settled(project(trail.state)), _settled(rows)
    if found.run != expected.run:
        yield f"its row is {found.run}, and its events say {expected.run}"
    if found.stages != expected.stages:
        yield f"the rows of its stages are {found.stages}, and its events say {expected.stages}"
    if found.jobs != expected.jobs:
        yield f"the rows of its jobs are {found.jobs}, and its events say {expected.jobs}"


def _settled(rows: Projection) -> Projection:
    """Put rows in order, without what renewals move and no event tells."""
    return changed(
        rows,
        stages=tuple(sorted(rows.stages, key=lambda row: row.stage)),
        jobs=tuple(sorted((_still(row) for row in rows.jobs), key=lambda row: row.stage)),
    )


def _still(row: JobRow) -> JobRow:
    return changed(row, due_at=NO_TIME, leased=False) if row.token else row


async def _histories(store: Store, trails: Mapping[str, Trail]) -> AsyncIterator[Finding]:
    """Read the runs by themselves, and yield those that are not what the global log says."""
    run_ids = list(trails)
    for first in range(0, len(run_ids), TOGETHER):
        histories: dict[str, list[StoredEvent]]
        histories = {run_id: [] for run_id in run_ids[first : first + TOGETHER]}
        for stored in await store.read(list(histories)):
            histories[stored.run_id].append(stored)
        for run_id, history in histories.items():
            for what in _disagreement(history, trails[run_id]):
                yield Finding(run_id, trails[run_id].version, what)


def _disagreement(history: Sequence[StoredEvent], trail: Trail) -> Iterator[str]:
    versions = [stored.version for stored in history]
    if versions != list(range(1, trail.version + 1)) or history[-1].hash != trail.head:
        yield f"read by itself, the run has the versions {versions}, or another last event"
        return
    if trail.state is None or not trail.state.generation:
        return
    try:
        left = replay(effective([open_envelope(stored) for stored in history]))
    except (ValueError, KeyError, HistoryAltered) as error:
        yield f"its effective history cannot be folded: {error}"
        return
    if left != trail.state:
        yield "the fold of its effective history is not what folding event by event has left"


def _alive(trails: Mapping[str, Trail]) -> Iterator[Finding]:
    for trail in trails.values():
        if trail.state is not None and not trail.state.status.ended:
            yield Finding(trail.run_id, trail.version, f"it is still {trail.state.status}")
