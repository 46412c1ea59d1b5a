"""Histories without what differs in each execution: ids, times, versions, workers, tracebacks.

Two runs of the same code on the same input have the same normal form, as long as their events come
in the same order: virtual time sees to that.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec
from attrs import fields

from eventflow.core import events as e
from eventflow.core.plan import Plan
from eventflow.core.values import JSON, ErrorInfo
from eventflow.store.envelope import Envelope
from eventflow.testing.history import History

Line: TypeAlias = dict[str, JSON]
"""An event in its normal form: its type under `event`, who caused it, and what it says."""

_LEFT_OUT = frozenset({"cut", "duration", "random", "request_hash"})
_VERSIONS = frozenset({"token", "signal"})


def normal(history: Sequence[Envelope]) -> list[Line]:
    """Give the normal form of a history, an event an item."""
    whole = history if isinstance(history, History) else History.of(history)
    names = _Names(whole)
    return [names.line(envelope) for envelope in whole]


class _Names:
    """Names what has a different name in each execution by the order in which it appears."""

    def __init__(self, history: History) -> None:
        self._run_id = history.run_id
        self._plan = history.plan
        self._workers: dict[str, str] = {}
        self._versions: dict[int, str] = {}
        for envelope in history:
            self._learn(envelope)

    def _learn(self, envelope: Envelope) -> None:
        match envelope.event:
            case e.JobClaimed(worker=worker):
                self._workers.setdefault(worker, f"worker-{len(self._workers) + 1}")
                self._number(envelope, "claim")
            case e.SignalReceived():
                self._number(envelope, "signal")
            case _:
                pass

    def _number(self, envelope: Envelope, what: str) -> None:
        before = sum(name.startswith(what) for name in self._versions.values())
        self._versions[envelope.version] = f"{what}-{before + 1}"

    def line(self, envelope: Envelope) -> Line:
        """Give an event in its normal form."""
        line: Line = {"event": envelope.type}
        if envelope.actor is not None:
            line["actor"] = self._workers.get(envelope.actor, envelope.actor)
        event = envelope.event
        if isinstance(event, e.UnknownEvent):
            return {**line, "data": self._known(msgspec.json.decode(event.data))}
        line |= dict(self._said(event, envelope.recorded_at))
        return line

    def _said(
        self, event: e.Transition | e.Note, recorded_at: datetime
    ) -> Iterator[tuple[str, JSON]]:
        """Yield what an event says, field by field."""
        jittered = isinstance(event, e.StageAttemptFailed) and self._jittered(event.stage)
        for each in fields(type(event)):
            value: object = getattr(event, each.name)
            if each.name in _LEFT_OUT or (jittered and each.name in {"delay", "retry_at"}):
                continue
            if isinstance(value, datetime):
                yield each.name, f"+{(value - recorded_at).total_seconds():g} s"
            elif each.name in _VERSIONS and isinstance(value, int):
                yield each.name, self._versions.get(value, "none")
            elif each.name == "worker":
                yield each.name, self._workers[str(value)]
            else:
                yield each.name, self._known(_plain(value))

    def _jittered(self, stage_id: str) -> bool:
        found = self._plan.find(stage_id)
        return found is not None and found[1].retry.jitter > 0

    def _known(self, value: JSON) -> JSON:
        """Leave out of a value what differs in each execution, and call the run `<run>`."""
        match value:
            case str():
                return value.replace(self._run_id, "<run>")
            case list():
                return [self._known(each) for each in value]
            case dict():
                return {str(self._known(key)): self._known(each) for key, each in value.items()}
            case _:
                return value


def _plain(value: object) -> JSON:
    """Give a value as plain data, without what its class says is different in each execution."""
    data: JSON = msgspec.json.decode(msgspec.json.encode(value))
    match value, data:
        case e.ForkedFrom(), _:
            return "<another run>"
        case Plan(), dict():
            return {name: each for name, each in data.items() if name != "fingerprint"}
        case ErrorInfo(), dict():
            return {name: each for name, each in data.items() if name != "traceback"}
        case _:
            return data
