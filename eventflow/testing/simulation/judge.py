"""Says what a simulation should never have come to; it reads the log, and changes nothing.

What must hold for every log is found by the checker of `eventflow.testing.checker`. What must hold
for this one is found here: each stage was given its input, ended as it was told to, and was tried
as often as it may be; everything that callers were told is true.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

from attrs import Factory, define

from eventflow.core import events as e
from eventflow.core.retry import qualified_name
from eventflow.core.stage import LEASE_LOST, Claim, StageState
from eventflow.core.state import RunState, evolve
from eventflow.core.values import JSON, JobKind
from eventflow.errors import HistoryAltered, StoreUnavailable
from eventflow.store.contract import StoredEvent
from eventflow.store.envelope import Envelope, open_envelope
from eventflow.testing.checker import check_log
from eventflow.testing.simulation.callers import Promises
from eventflow.testing.simulation.line import Renewed, Server, at_once
from eventflow.testing.simulation.playing import Played
from eventflow.testing.simulation.scenario import Scenario
from eventflow.testing.simulation.workload import (
    ENDS,
    FINAL,
    PATIENT,
    WAITS,
    WITH_RESULT,
    Theatre,
    act_of,
    value_of,
)

T = TypeVar("T")

NEVER = 1_000_000_000

HEEDED_WITHIN = 0.1
"""True seconds within which the code of a claim that is lost is cancelled."""

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
    lives = {run_id: _Life(run_id, played.scenario) for run_id in histories}
    for renewed in played.crew.server.renewed:
        lives[renewed.renewal.run_id].renewals.append(renewed)
    for run_id, history in histories.items():
        findings += lives[run_id].read(history)
    findings += _repeated(played.crew.theatre, histories)
    findings += _forgotten(played.crew.theatre, histories)
    findings += _unheeded(played.crew.theatre, played.crew.server)
    return findings + list(_broken(played.crew.promises, lives))


@define
class _Life:
    """What one run went through.

    Attributes:
        run_id: The run.
        scenario: What was to happen.
        state: The run behind the last event that was read.
        generations: The generations that it came to.
        rewinds: The idempotency keys of its rewinds.
        cancelled: Whether it was ever cancelled.
        ended: The first version at which it had ended.
        outputs: What it came to.
        signals: The keys of the signals that it has taken.
        annotations: What it was annotated with, by key.
        spent: How many attempts were used up, by stage and generation.
        renewals: What was renewed; read up to the last event.
        given_back: The claims of checks that were given back until later.
        overtaken: The claims of checks that a signal did not wait for.
    """

    run_id: str
    scenario: Scenario
    state: RunState | None = None
    generations: set[int] = Factory(set)
    rewinds: set[str] = Factory(set)
    cancelled: bool = False
    ended: int = NEVER
    outputs: list[object] = Factory(list)
    signals: list[object] = Factory(list)
    annotations: defaultdict[str, list[object]] = Factory(lambda: defaultdict(list))
    spent: defaultdict[tuple[str, int], int] = Factory(lambda: defaultdict(int))
    renewals: deque[Renewed] = Factory(deque)
    given_back: set[int] = Factory(set)
    overtaken: set[int] = Factory(set)

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
        while self.renewals and self.renewals[0].position < before:
            renewed = self.renewals.popleft()
            stage = self.state.stages.get(renewed.renewal.stage) if self.state else None
            for what in self._look_at_renewal(stage, renewed):
                yield f"run {self.run_id}: {what}: {renewed.renewal}"

    def _look_at_renewal(self, stage: StageState | None, renewed: Renewed) -> Iterator[str]:
        renewal, waiting = renewed.renewal, stage.suspension if stage is not None else None
        if stage is None or stage.claim is None or stage.claim.token != renewal.token:
            yield "a claim that was gone was renewed"
        elif renewal.token in self.given_back:
            yield "a claim that was given back was renewed"
        if renewal.leased and renewal.due_at - renewed.at > self._longest_lease:
            yield f"at {renewed.at} somebody was ahead of the time"
        if not renewal.leased:
            self.given_back.add(renewal.token)
            if waiting is not None and renewal.due_at > waiting.deadline:
                yield f"a check was put off beyond {waiting.deadline}"

    @property
    def _longest_lease(self) -> timedelta:
        """Give the time for which a lease is renewed, and what a wrong clock does to a beat."""
        return timedelta(seconds=self.scenario.lease + 0.01)

    def _look(self, before: RunState | None, envelope: Envelope) -> Iterator[str]:
        event = envelope.event
        self._remember(event, envelope.version)
        match event:
            case e.RunRewound():
                yield from self._rewound(event)
            case e.LeaseExpired(reason=e.LEASE_TIMEOUT):
                yield from self._expired(event)
            case e.StageResumed(signal=int()) if before is not None:
                claim = before.stages[event.stage].claim
                self.overtaken |= {claim.token} if claim is not None else set()
            case e.ResultDiscarded() if self.scenario.calm and self._undisturbed:
                if event.token not in self.overtaken:
                    yield f"a result of {event.stage} was discarded, though nothing was wrong"
            case _:
                pass
        if before is not None and isinstance(event, Ended):
            yield from self._ended(before, event)

    def _remember(self, event: e.Event, version: int) -> None:
        """Keep what somebody may have been told of."""
        if isinstance(event, e.RunCompleted | e.RunFailed | e.RunCancelled):
            self.ended = min(self.ended, version)
        match event:
            case e.RunCancelled():
                self.cancelled = True
            case e.RunCompleted():
                self.outputs.append(event.output)
            case e.SignalReceived():
                self.signals.append(_key_of(event.payload))
            case e.RunAnnotated():
                self.annotations[event.key].append(event.value)
            case _:
                pass

    @property
    def _undisturbed(self) -> bool:
        """Whether nobody has stopped it or sent it back."""
        return not self.cancelled and not self.generations

    def _rewound(self, event: e.RunRewound) -> Iterator[str]:
        self.generations.add(event.generation)
        if event.idempotency_key in self.rewinds:
            yield f"it was rewound twice for {event.idempotency_key}"
        if event.idempotency_key is not None:
            self.rewinds.add(event.idempotency_key)

    def _expired(self, event: e.LeaseExpired) -> Iterator[str]:
        if event.kind is JobKind.EXECUTE:
            self.spent[event.stage, event.generation] += 1
        if self.scenario.calm:
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
        if isinstance(event, e.StageSuspended):
            yield from self._suspended(run, event)
        if stage.claim is not None and stage.claim.kind is JobKind.EXECUTE:
            yield from self._attempted(run, stage.claim, event)

    def _suspended(self, run: RunState, event: e.StageSuspended) -> Iterator[str]:
        act = act_of(run.metadata, event.stage, event.generation, event.attempt)
        if self.state is None or act.kind not in WAITS:
            yield f"{event.stage} waits, told: {act.kind}"
            return
        wait = event.deadline - self.state.recorded_at
        if wait != timedelta(seconds=WAITS[act.kind]):
            yield f"{event.stage} waits for {wait}, told: {act.kind}"

    def _attempted(self, run: RunState, claim: Claim, event: Ended) -> Iterator[str]:
        act = act_of(run.metadata, event.stage, event.generation, event.attempt)
        resumed = run.stages[event.stage].resumption is not None
        error, told = event_error(event), None if resumed else ENDS[act.kind]
        excused = error == AWAY if act.kind in APPENDING else False
        excused = not self.scenario.calm and (excused or error == LATE)
        if error is not None and error != told and not excused:
            yield f"{event.stage} ended with {error} at {claim.worker}, told: {act.kind}"
        noted = resumed or act.kind != "notes" or event.token in self.annotations[WITH_RESULT]
        if isinstance(event, e.StageCompleted) and not noted:
            yield f"the result of {event.stage} has left a note behind"
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
    for place, name in theatre.recorded - recorded.keys():
        yield f"step {name} of {place} was said to be recorded, and is not"


def _forgotten(theatre: Theatre, histories: Mapping[str, Sequence[StoredEvent]]) -> Iterator[str]:
    """Yield the runs that have fewer notes than their stages were told."""
    for (run_id, kind), told in theatre.noted.items():
        noted = sum(stored.type == kind for stored in histories[run_id])
        if noted < told:
            yield f"run {run_id} has {noted} {kind}, and {told} were said to be recorded"


def _unheeded(theatre: Theatre, server: Server) -> Iterator[str]:
    """Yield the jobs that went on although their process had learned that their claim is lost."""
    for claim in theatre.ended.keys() & server.lost.keys():
        (told, pauses), (end, pauses_then) = server.lost[claim], theatre.ended[claim]
        if end > told + HEEDED_WITHIN and pauses == pauses_then:
            process, run_id, token = claim
            yield f"{process.name} went on with {token} of {run_id}, which it knew was lost"


def _broken(promises: Promises, lives: Mapping[str, _Life]) -> Iterator[str]:
    """Yield what callers were told, and what is not true."""
    told = {*promises.created.values(), *promises.forked.values()}
    yield from (f"run {each} was promised, and does not exist" for each in told - lives.keys())
    yield from (f"run {each} exists, and nobody was told" for each in lives.keys() - told)
    for run_id, life in lives.items():
        of_run = partial(_of, run_id)
        if run_id in promises.cancelled and not life.cancelled:
            yield f"run {run_id} was said to be cancelled, and never was"
        if life.ended > min(of_run(promises.over), default=NEVER):
            yield f"run {run_id} was said to have ended before it had"
        for what, promised, kept in (
            ("to be in generation", of_run(promises.rewound), life.generations),
            ("to have come to", of_run(promises.outputs), life.outputs),
            ("to have taken signal", of_run(promises.signalled), life.signals),
            ("to be annotated with", of_run(promises.annotated), life.annotations["key"]),
        ):
            yield from (
                f"run {run_id} was said {what} {each!r}, and never was so"
                for each in promised
                if each not in kept
            )


def _key_of(payload: JSON) -> object:
    return payload["key"] if isinstance(payload, dict) else None


def _of(run_id: str, promised: Iterable[tuple[str, T]]) -> list[T]:
    return [what for each, what in promised if each == run_id]
