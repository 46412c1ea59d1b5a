"""Says what a simulation should never have come to; it reads the log, and changes nothing.

What must hold for every log is found by the checker of `eventflow.testing.checker`. What must hold
for this one is found here: each stage was given its input, ended as it was told to, and was tried
as often as it may be; everything that callers were told is true.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence

from attrs import Factory, define

from eventflow.core import events as e
from eventflow.core.retry import qualified_name
from eventflow.core.stage import LEASE_LOST, Claim
from eventflow.core.state import RunState, evolve
from eventflow.core.values import JobKind
from eventflow.errors import HistoryAltered, StoreUnavailable
from eventflow.store.contract import Renewal, StoredEvent
from eventflow.store.envelope import Envelope, open_envelope
from eventflow.testing.checker import check_log
from eventflow.testing.simulation.callers import Promises
from eventflow.testing.simulation.line import at_once
from eventflow.testing.simulation.playing import Played
from eventflow.testing.simulation.workload import (
    ENDS,
    FINAL,
    PATIENT,
    Theatre,
    act_of,
    value_of,
)

NEVER = 1_000_000_000

APPENDING = ("notes", "steps", "steps, then raises", "steps, then dies")
"""Acts that ask the store for something, which may be away."""

AWAY = qualified_name(StoreUnavailable)
LATE = qualified_name(TimeoutError)
"""How any attempt may end that the store, or a pause of its process, keeps waiting."""

Ended = e.StageCompleted | e.StageAttemptFailed | e.StageFailed | e.StageSuspended


def judge(played: Played) -> list[str]:
    """List what was wrong with a simulation; nothing, if nothing was."""
    store, asked = played.crew.server.store, played.crew.server.acknowledged
    report = at_once(check_log(store, acknowledged=asked))
    findings = [*played.findings, *map(str, report.findings)]
    histories: defaultdict[str, list[StoredEvent]] = defaultdict(list)
    for stored in at_once(store.read_all(0, NEVER)):
        histories[stored.run_id].append(stored)
    lives = {run_id: _Life(run_id, played.scenario.calm) for run_id in histories}
    for position, renewal in played.crew.server.renewed:
        lives[renewal.run_id].renewals.append((position, renewal))
    for run_id, history in histories.items():
        findings += lives[run_id].read(history)
    findings += _repeated(played.crew.theatre, histories)
    return findings + list(_broken(played.crew.promises, lives))


@define
class _Life:
    """What one run went through.

    Attributes:
        run_id: The run.
        calm: Whether nothing may have been taken from any worker.
        state: The run behind the last event that was read.
        generations: The generations that it came to.
        cancelled: Whether it was ever cancelled.
        outputs: What it came to.
        spent: How many attempts were used up, by stage and generation.
        renewals: What was renewed, each with the newest position then; read up to the last event.
    """

    run_id: str
    calm: bool
    state: RunState | None = None
    generations: set[int] = Factory(set)
    cancelled: bool = False
    outputs: list[object] = Factory(list)
    spent: defaultdict[tuple[str, int], int] = Factory(lambda: defaultdict(int))
    renewals: deque[tuple[int, Renewal]] = Factory(deque)

    def read(self, history: Sequence[StoredEvent]) -> Iterator[str]:
        """Read the run from its first event on."""
        for stored in history:
            yield from self._renewed(stored.position)
            try:
                envelope = open_envelope(stored)
                before, self.state = self.state, evolve(self.state, envelope)
            except (HistoryAltered, ValueError, KeyError):
                return  # the checker has said so
            for what in self._look(before, envelope):
                yield f"run {self.run_id}, version {stored.version}: {what}"
        yield from self._renewed(NEVER)

    def _renewed(self, before: int) -> Iterator[str]:
        """Check that what was renewed before a position was held by who renewed it."""
        while self.renewals and self.renewals[0][0] < before:
            _, renewal = self.renewals.popleft()
            stage = self.state.stages.get(renewal.stage) if self.state is not None else None
            if stage is None or stage.claim is None or stage.claim.token != renewal.token:
                yield f"run {self.run_id}: a claim that was gone was renewed: {renewal}"

    def _look(self, before: RunState | None, envelope: Envelope) -> Iterator[str]:
        event = envelope.event
        match event:
            case e.RunRewound():
                self.generations.add(event.generation)
            case e.RunCancelled():
                self.cancelled = True
            case e.RunCompleted():
                self.outputs.append(event.output)
            case e.LeaseExpired(reason=e.LEASE_TIMEOUT):
                yield from self._expired(event)
            case e.ResultDiscarded() if self.calm and not self.cancelled and not self.generations:
                yield f"a result of {event.stage} was discarded, though nothing was wrong"
            case _:
                pass
        if before is not None and isinstance(event, Ended):
            yield from self._ended(before, event)

    def _expired(self, event: e.LeaseExpired) -> Iterator[str]:
        if event.kind is JobKind.EXECUTE:
            self.spent[event.stage, event.generation] += 1
        if self.calm:
            yield f"the lease of {event.worker} expired, though nothing was wrong"

    def _ended(self, run: RunState, event: Ended) -> Iterator[str]:
        """Compare what an attempt came to with what it was told to do."""
        stage = run.stages.get(event.stage)
        if stage is None or (stage.claim is None and event_error(event) == LEASE_LOST.type):
            return
        if isinstance(event, e.StageCompleted):
            given = run.input_of(stage.group)
            if event.output != value_of(event.stage, given):
                yield f"{event.stage} returned {event.output} for {given}"
        if stage.claim is not None and stage.claim.kind is JobKind.EXECUTE:
            yield from self._attempted(run, stage.claim, event)

    def _attempted(self, run: RunState, claim: Claim, event: Ended) -> Iterator[str]:
        act = act_of(run.metadata, event.stage, event.generation, event.attempt)
        resumed = run.stages[event.stage].resumption is not None
        error, told = event_error(event), None if resumed else ENDS[act.kind]
        excused = error == AWAY if act.kind in APPENDING else False
        excused = not self.calm and (excused or error == LATE)
        if error is not None and error != told and not excused:
            yield f"{event.stage} ended with {error} at {claim.worker}, told: {act.kind}"
        if isinstance(event, e.StageAttemptFailed):
            self.spent[event.stage, event.generation] += 1
        if isinstance(event, e.StageFailed) and act.kind not in FINAL:
            spent = self.spent[event.stage, event.generation] + 1
            if spent != PATIENT.max_attempts:
                yield f"{event.stage} failed after {spent} attempts"


def event_error(event: Ended) -> str | None:
    """Name the error with which an attempt ended, if it did."""
    if isinstance(event, e.StageAttemptFailed | e.StageFailed):
        return event.error.type
    return None


def _repeated(theatre: Theatre, histories: Mapping[str, Sequence[StoredEvent]]) -> Iterator[str]:
    """Yield the steps that were done again by an attempt that should have known better."""
    recorded = {
        (f"{run_id}:{event.stage}:{event.generation}", event.name): stored.version
        for run_id, history in histories.items()
        for stored in history
        if stored.type == "step.completed"
        and isinstance(event := open_envelope(stored).event, e.StepCompleted)
    }
    for place, name, token in theatre.steps:
        version = recorded.get((place, name))
        if version is not None and token > version:
            yield f"step {name} of {place}, recorded at {version}, was done again by {token}"


def _broken(promises: Promises, lives: Mapping[str, _Life]) -> Iterator[str]:
    """Yield what callers were told, and what is not true."""
    known = defaultdict(lambda: _Life("", calm=False), lives)
    told = {*promises.created.values(), *promises.forked.values()}
    yield from (f"run {each} was promised, and does not exist" for each in told - lives.keys())
    yield from (f"run {each} exists, and nobody was told" for each in lives.keys() - told)
    for run_id in promises.cancelled:
        if not known[run_id].cancelled:
            yield f"run {run_id} was said to be cancelled, and never was"
    for run_id, generation in promises.rewound:
        if generation not in known[run_id].generations:
            yield f"run {run_id} was said to be in generation {generation}, and never was"
    for run_id, output in promises.outputs:
        if output not in known[run_id].outputs:
            yield f"run {run_id} was said to have come to {output!r}, and never did"
